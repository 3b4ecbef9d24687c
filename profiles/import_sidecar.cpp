#include "profiles/import_sidecar.h"

#include <string_view>

#include "profiles/import_files.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::size_t kLargest = 1 << 20;
constexpr std::string_view kSpdx = "SPDX-License-Identifier:";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

/// Without a trailing comment and quotes.
std::string scalar(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"')) {
    const std::size_t end = text.find(text.front(), 1);
    if (end != std::string_view::npos) return std::string(text.substr(1, end - 1));
  }
  const std::size_t comment = text.find(" #");
  return std::string(trimmed(text.substr(0, comment)));
}

class SidecarReader {
 public:
  SidecarReader(Sidecar& out, const std::string& path) : out_(&out), path_(&path) {}

  void line(std::string_view text, std::size_t number) {
    const std::size_t indent = text.find_first_not_of(' ');
    if (indent == std::string_view::npos) return;
    const std::string_view content = trimmed(text);
    if (content.empty() || content.front() == '#') {
      const std::size_t at = content.find(kSpdx);
      if (at != std::string_view::npos)
        out_->licence = std::string(trimmed(content.substr(at + kSpdx.size())));
      return;
    }
    if (content == "---" || content.front() == '-') return;  // document start, list element
    if (folded_ && indent > fold_indent_) return;            // goes on with a text
    folded_ = false;
    const std::size_t colon = content.find(':');
    if (colon == std::string_view::npos || colon == 0 ||
        (colon + 1 < content.size() && content[colon + 1] != ' ')) {
      if (!open_.empty() && indent > open_.back().indent) return;  // goes on with a plain text
      throw InputError(*path_ + ":" + std::to_string(number),
                       "expected 'key: value', got something else; correct the line");
    }
    while (!open_.empty() && open_.back().indent >= indent) open_.pop_back();
    std::string key = open_.empty() ? "" : open_.back().key + "/";
    key += scalar(content.substr(0, colon));
    const std::string value = scalar(content.substr(colon + 1));
    folded_ = value == "|" || value == ">" || value == ">-" || value == "|-";
    fold_indent_ = indent;
    out_->values.insert_or_assign(key, folded_ ? "" : value);
    open_.push_back({indent, key});
  }

 private:
  struct Open {
    std::size_t indent;
    std::string key;
  };
  Sidecar* out_;
  const std::string* path_;
  std::vector<Open> open_{};
  bool folded_ = false;
  std::size_t fold_indent_ = 0;
};

}  // namespace

std::string Sidecar::text(const std::string& key) const {
  const auto found = values.find(key);
  return found == values.end() ? "" : found->second;
}

std::vector<std::string> Sidecar::below(const std::string& key) const {
  std::vector<std::string> keys;
  const std::string prefix = key + "/";
  for (auto it = values.lower_bound(prefix); it != values.end() && it->first.starts_with(prefix);
       ++it) {
    std::string rest = it->first.substr(prefix.size());
    if (rest.find('/') == std::string::npos) keys.push_back(std::move(rest));
  }
  return keys;
}

Sidecar read_sidecar(const std::string& path) {
  const std::vector<std::uint8_t> bytes = read_whole_file(path);
  if (bytes.size() > kLargest)
    throw InputError(path, "expected a few lines of YAML, got " + std::to_string(bytes.size()) +
                               " bytes; check the path");
  Sidecar sidecar;
  SidecarReader reader(sidecar, path);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    reader.line(rest.substr(0, end), number);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return sidecar;
}

}  // namespace headroom
