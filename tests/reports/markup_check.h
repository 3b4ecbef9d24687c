// Whether markup is well-formed as XML is: every element closed in order, every attribute quoted
// once, no stray < or &. Stricter than HTML asks for; void elements of HTML may stay open.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::markup {

/// How often `what` stands in `text`.
inline std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++found;
  return found;
}

inline std::string at_place(std::string_view text, std::size_t at, const std::string& what) {
  return what + " at ..." + std::string(text.substr(at > 40 ? at - 40 : 0, 80));
}

/// End of the tag that starts at `open`, past quoted attributes; npos where it has none.
inline std::size_t tag_end(std::string_view text, std::size_t open) {
  char quote = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == quote) quote = 0;
      if (text[i] == '<') return std::string_view::npos;
    } else if (text[i] == '"') {
      quote = text[i];
    } else if (text[i] == '>') {
      return i;
    }
  }
  return std::string_view::npos;
}

/// Names of a tag's attributes that stand twice or have no quoted value; empty: none.
inline std::string attribute_fault(std::string_view tag) {
  std::set<std::string> seen;
  std::size_t at = tag.find_first_of(" \n/");
  while (at != std::string_view::npos && at < tag.size()) {
    at = tag.find_first_not_of(" \n/", at);
    if (at == std::string_view::npos) return {};
    const std::size_t equals = tag.find('=', at);
    if (equals == std::string_view::npos || tag.substr(equals, 2) != "=\"") {
      return std::string(tag.substr(at));
    }
    std::string name(tag.substr(at, equals - at));
    const std::size_t close = tag.find('"', equals + 2);
    if (close == std::string_view::npos || !seen.insert(name).second) return name;
    at = close + 1;
  }
  return {};
}

inline bool known_reference(std::string_view rest) {
  for (const char* reference : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
    if (rest.starts_with(reference)) return true;
  }
  return false;
}

/// What is wrong first; empty: nothing.
inline std::string fault_in(std::string_view text) {
  static const std::set<std::string> kVoid = {"meta", "link", "br", "img", "input", "hr"};
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '&' && !known_reference(text.substr(i))) return at_place(text, i, "stray &");
    if (text[i] == '>') return at_place(text, i, "stray >");
    if (text[i] != '<') continue;
    if (text.substr(i).starts_with("<!DOCTYPE")) {
      i = text.find('>', i);
      continue;
    }
    const std::size_t end = tag_end(text, i);
    if (end == std::string_view::npos) return at_place(text, i, "tag without end");
    std::string_view tag = text.substr(i + 1, end - i - 1);
    const bool closes = tag.starts_with('/'), alone = tag.ends_with('/');
    if (closes) tag.remove_prefix(1);
    const std::string name(tag.substr(0, tag.find_first_of(" \n/")));
    if (name.empty() || std::isalpha(static_cast<unsigned char>(name[0])) == 0) {
      return at_place(text, i, "no element");
    }
    if (!closes) {
      if (const std::string fault = attribute_fault(tag); !fault.empty()) {
        return at_place(text, i, "attribute " + fault);
      }
    }
    i = end;
    if (closes) {
      if (open.empty() || open.back() != name) return at_place(text, i, "closes " + name);
      open.pop_back();
    } else if (!alone && !kVoid.contains(name)) {
      open.push_back(name);
      // What a script or style holds is no markup: up to its end.
      if (name == "script" || name == "style") {
        i = text.find("</" + name, i) - 1;
      }
    }
  }
  return open.empty() ? std::string() : "open at the end: " + open.back();
}

}  // namespace headroom::markup
