#include "sim/scenario_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {

const char* to_string(ValueSource source) {
  switch (source) {
    case ValueSource::built_in:
      return "built-in";
    case ValueSource::scenario:
      return "scenario";
    case ValueSource::environment:
      return "environment";
    case ValueSource::command_line:
      return "command line";
  }
  return "?";
}

const JsonNode* JsonNode::find(std::string_view key) const {
  if (kind != Kind::object) return nullptr;
  const auto it = std::find_if(children.begin(), children.end(),
                               [&](const JsonNode& child) { return child.name == key; });
  return it == children.end() ? nullptr : &*it;
}

JsonNode* JsonNode::find(std::string_view key) {
  return const_cast<JsonNode*>(static_cast<const JsonNode*>(this)->find(key));
}

void JsonNode::erase(std::string_view key) {
  if (kind != Kind::object) return;
  std::erase_if(children, [&](const JsonNode& child) { return child.name == key; });
}

JsonNode& JsonNode::add(std::string key, JsonNode value) {
  value.name = std::move(key);
  children.push_back(std::move(value));
  return children.back();
}

namespace {
JsonNode make_node(JsonNode::Kind kind, std::string text) {
  JsonNode node;
  node.kind = kind;
  node.text = std::move(text);
  return node;
}
}  // namespace

JsonNode JsonNode::of_text(std::string value) { return make_node(Kind::text, std::move(value)); }
JsonNode JsonNode::of_number(std::string digits) {
  return make_node(Kind::number, std::move(digits));
}
JsonNode JsonNode::of_flag(std::string_view true_or_false) {
  return make_node(Kind::boolean, std::string(true_or_false));
}
JsonNode JsonNode::object() { return make_node(Kind::object, {}); }
JsonNode JsonNode::array() { return make_node(Kind::array, {}); }

std::string found(const JsonNode& node) {
  switch (node.kind) {
    case JsonNode::Kind::null:
      return "null";
    case JsonNode::Kind::boolean:
      return node.text;
    case JsonNode::Kind::number:
      return node.text.substr(0, 60);
    case JsonNode::Kind::text:
      return headroom::quoted(node.text);
    case JsonNode::Kind::object:
      return "an object";
    case JsonNode::Kind::array:
      return "a list";
  }
  return "?";
}

namespace {

std::string line_and_column(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, std::min(offset, text.size()))) {
    column = c == '\n' ? 1 : column + 1;
    if (c == '\n') ++line;
  }
  return fmt::format("{}:{}", line, column);
}

/// nlohmann's events, made into a tree. Stops by throwing InputError.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(std::string_view text, const std::string& file) : text_(text), file_(file) {}
  JsonNode root;

  bool null() override { return leaf(JsonNode::Kind::null, "null"); }
  bool boolean(bool value) override {
    return leaf(JsonNode::Kind::boolean, value ? "true" : "false");
  }
  bool number_integer(number_integer_t value) override {
    return leaf(JsonNode::Kind::number, fmt::format("{}", value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    return leaf(JsonNode::Kind::number, fmt::format("{}", value));
  }
  bool number_float(number_float_t, const string_t& digits) override {
    return leaf(JsonNode::Kind::number, digits);
  }
  bool string(string_t& value) override { return leaf(JsonNode::Kind::text, value); }
  bool binary(binary_t&) override { return leaf(JsonNode::Kind::null, "null"); }
  bool start_object(std::size_t) override { return open(JsonNode::Kind::object); }
  bool start_array(std::size_t) override { return open(JsonNode::Kind::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    key_ = name;
    if (open_.back()->children.size() >= kMaxJsonKeys) {
      throw InputError(
          file_ + ": " + pointer(),
          fmt::format("expected at most {} keys in an object, got more; use a list", kMaxJsonKeys));
    }
    if (open_.back()->find(name) != nullptr) {
      throw InputError(
          file_ + ": " + pointer(),
          "expected each key once, got " + headroom::quoted(name) + " twice; remove one of them");
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override;

 private:
  bool leaf(JsonNode::Kind kind, std::string text) {
    JsonNode node;
    node.kind = kind;
    node.text = std::move(text);
    static_cast<void>(place(std::move(node)));
    return true;
  }
  bool open(JsonNode::Kind kind) {
    if (open_.size() >= kMaxJsonDepth) {
      throw InputError(file_ + ": " + pointer(),
                       fmt::format("expected at most {} levels of nesting, got more; flatten it",
                                   kMaxJsonDepth));
    }
    JsonNode node;
    node.kind = kind;
    open_.push_back(place(std::move(node)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  JsonNode* place(JsonNode node) {
    if (++nodes_ > kMaxJsonNodes) {
      throw InputError(
          file_, fmt::format("expected at most {} values, got more; shorten it", kMaxJsonNodes));
    }
    if (open_.empty()) {
      root = std::move(node);
      return &root;
    }
    // Only the innermost container grows, so pointers to the outer ones stay good.
    if (open_.back()->kind == JsonNode::Kind::object) node.name = key_;
    open_.back()->children.push_back(std::move(node));
    return &open_.back()->children.back();
  }
  [[nodiscard]] std::string pointer() const {
    std::string out;
    for (std::size_t i = 1; i < open_.size(); ++i) {
      const JsonNode& parent = *open_[i - 1];
      out += '/';
      out += parent.kind == JsonNode::Kind::object ? open_[i]->name
                                                   : fmt::format("{}", parent.children.size() - 1);
    }
    return out.empty() ? "/" : out;
  }

  std::string_view text_;
  const std::string& file_;
  std::vector<JsonNode*> open_;
  std::string key_;
  std::size_t nodes_ = 0;
};

bool TreeBuilder::parse_error(std::size_t position, const std::string&,
                              const nlohmann::detail::exception& error) {
  const std::string place = file_ + ":" + line_and_column(text_, position > 0 ? position - 1 : 0);
  std::string_view message = error.what();
  std::string expectation = "valid JSON";
  if (const auto at = message.find("; expected "); at != std::string_view::npos) {
    expectation = std::string(message.substr(at + 11));
    message = message.substr(0, at);
  }
  for (const std::string_view mark : {" - unexpected ", " - ", "] "}) {
    if (const auto at = message.find(mark); at != std::string_view::npos) {
      message = message.substr(at + mark.size());
      break;
    }
  }
  std::string got;
  for (const char c : message.substr(0, 160)) {
    got += c >= 0x20 && c < 0x7f ? c : '?';
  }
  if (got == "end of input") got = "the end of the text";
  throw InputError(place, fmt::format("expected {}, got {}; check commas, quotes and brackets here "
                                      "and just before",
                                      expectation, got));
}

void write_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void write_node(std::string& out, const JsonNode& node, std::size_t indent) {
  const bool object = node.kind == JsonNode::Kind::object;
  if (!object && node.kind != JsonNode::Kind::array) {
    if (node.kind == JsonNode::Kind::text) {
      write_text(out, node.text);
    } else {
      out += node.text.empty() ? "null" : node.text;
    }
    return;
  }
  out += object ? '{' : '[';
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    out.append(indent + 2, ' ');
    if (object) {
      write_text(out, node.children[i].name);
      out += ": ";
    }
    write_node(out, node.children[i], indent + 2);
  }
  if (!node.children.empty()) {
    out += '\n';
    out.append(indent, ' ');
  }
  out += object ? '}' : ']';
}

}  // namespace

JsonNode parse_json(std::string_view text, const std::string& file) {
  if (text.size() > kMaxScenarioBytes) {
    throw InputError(file,
                     fmt::format("expected at most {} bytes of JSON, got {}; is this a trace?",
                                 kMaxScenarioBytes, text.size()));
  }
  TreeBuilder builder(text, file);
  constexpr bool kStrict = true;
  constexpr bool kComments = true;
  static_cast<void>(nlohmann::json::sax_parse(text.begin(), text.end(), &builder,
                                              nlohmann::json::input_format_t::json, kStrict,
                                              kComments));
  return std::move(builder.root);
}

std::string write_json(const JsonNode& node) {
  std::string out;
  write_node(out, node, 0);
  out += '\n';
  return out;
}

}  // namespace headroom
