// JSON text as a tree that remembers how each value was written and who set it.
//
// Law: any bytes give either a tree within the bounds below or one InputError with
// file:line:column; object members keep the order of the text and are unique. Numbers keep their
// digits, so nothing is lost before a field says what it wants.
// Cost: linear in the text.
// Not here: what a key means (sim/json_cursor.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

constexpr std::size_t kMaxScenarioBytes = std::size_t{16} << 20;  ///< larger texts are refused
constexpr std::size_t kMaxJsonDepth = 32;                         ///< deeper nesting is refused
constexpr std::size_t kMaxJsonKeys = 1000;                        ///< larger objects are refused
constexpr std::size_t kMaxJsonNodes = std::size_t{1} << 20;       ///< more values are refused

/// Who set a value; later ones win.
enum class ValueSource : std::uint8_t { built_in, scenario, environment, command_line };
[[nodiscard]] const char* to_string(ValueSource source);

struct JsonNode {
  enum class Kind : std::uint8_t { null, boolean, number, text, object, array };
  Kind kind = Kind::null;
  std::string name;  ///< key inside an object
  std::string text;  ///< contents of a text; digits of a number; true or false
  std::vector<JsonNode> children{};
  ValueSource source = ValueSource::scenario;
  std::string origin;  ///< e.g. "--seed" when not from the file

  /// The member called `key`, nullptr when absent or when this is no object.
  [[nodiscard]] const JsonNode* find(std::string_view key) const;
  [[nodiscard]] JsonNode* find(std::string_view key);
  /// Removes the member called `key`, if there.
  void erase(std::string_view key);
  /// Appends a member and returns it.
  JsonNode& add(std::string key, JsonNode value);

  [[nodiscard]] static JsonNode of_text(std::string value);
  [[nodiscard]] static JsonNode of_number(std::string digits);
  [[nodiscard]] static JsonNode of_flag(std::string_view true_or_false);
  [[nodiscard]] static JsonNode object();
  [[nodiscard]] static JsonNode array();
};

/// Parses a text with // and /* */ comments. `file` names it in errors. Throws InputError.
[[nodiscard]] JsonNode parse_json(std::string_view text, const std::string& file);

/// Indented JSON, members in their order.
[[nodiscard]] std::string write_json(const JsonNode& node);

/// What a node is, for "got ...": `"200 mss"`, `12`, `an object`.
[[nodiscard]] std::string found(const JsonNode& node);

}  // namespace headroom
