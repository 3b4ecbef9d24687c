#include "traces/json_walker.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <vector>

namespace headroom {
namespace {

using Json = nlohmann::json;

class Walker {
 public:
  explicit Walker(JsonVisitor& visitor) : visitor_(visitor) {}

  bool null() { return report({JsonScalar::Kind::null, 0, "null"}); }
  bool boolean(bool value) {
    return report({JsonScalar::Kind::boolean, 0, value ? "true" : "false"});
  }
  bool number_integer(Json::number_integer_t value) {
    char text[24];
    const char* end = std::to_chars(text, text + sizeof text, value).ptr;
    return report({JsonScalar::Kind::number, 0, {text, static_cast<std::size_t>(end - text)}});
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    char text[24];
    const char* end = std::to_chars(text, text + sizeof text, value).ptr;
    return report({JsonScalar::Kind::integer, value, {text, static_cast<std::size_t>(end - text)}});
  }
  bool number_float(Json::number_float_t /*value*/, const std::string& text) {
    return report({JsonScalar::Kind::number, 0, text});
  }
  bool string(std::string& text) { return report({JsonScalar::Kind::text, 0, text}); }
  bool binary(Json::binary_t& /*value*/) { return true; }

  bool start_object(std::size_t /*elements*/) { return deeper() && visitor_.begin(path_); }
  bool key(std::string& name) {
    path_.resize(levels_.back());
    path_ += '/';
    path_ += name;
    field_known_ = false;
    return true;
  }
  bool end_object() {
    shallower();
    return visitor_.end_object(path_);
  }
  bool start_array(std::size_t /*elements*/) {
    if (!deeper() || !visitor_.begin(path_)) return false;
    path_ += "/-";
    return true;
  }
  bool end_array() {
    shallower();
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) {
    fault.failed = true;
    fault.offset = position > 0 ? position - 1 : 0;
    fault.message = error.what();
    return false;
  }

  JsonFault fault;

 private:
  bool deeper() {
    if (levels_.size() == kMaxJsonDepth) {
      fault.failed = true;
      fault.message = "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels";
      return false;
    }
    levels_.push_back(path_.size());
    field_known_ = false;
    return true;
  }
  void shallower() {
    path_.resize(levels_.back());
    levels_.pop_back();
    field_known_ = false;
  }
  bool report(const JsonScalar& value) {
    if (!field_known_) field_ = visitor_.field_of(path_);
    field_known_ = true;
    return field_ < 0 || visitor_.scalar(field_, value);
  }

  JsonVisitor& visitor_;
  std::string path_;
  std::vector<std::size_t> levels_;  ///< length of the path outside each open object or array
  int field_ = -1;
  bool field_known_ = false;
};

/// "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ..." without
/// what is said elsewhere.
std::string plain_message(const std::string& message) {
  const std::size_t colon = message.find(": ");
  std::string plain = colon == std::string::npos ? message : message.substr(colon + 2);
  for (char& c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  constexpr std::size_t kMost = 160;
  if (plain.size() > kMost) plain = plain.substr(0, kMost) + "...";
  return plain;
}

}  // namespace

JsonFault walk_json(std::string_view text, JsonVisitor& visitor) {
  Walker walker(visitor);
  const bool ok = Json::sax_parse(text.begin(), text.end(), &walker);
  if (!ok && !walker.fault.failed) walker.fault.stopped = true;
  if (walker.fault.failed) walker.fault.message = plain_message(walker.fault.message);
  return walker.fault;
}

}  // namespace headroom
