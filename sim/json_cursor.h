// Reads the members of a JSON object into typed values, and by the same calls describes them.
//
// Law: one code path, three results. Where a document is read, each call checks and stores a member
// and notes value and source (`headroom run --explain-config`, the scenario's digest); where none
// is, the same calls build the JSON Schema (`headroom schema`). So neither can disagree with what
// is accepted.
// Law: every mistake is one InputError `file: /json/pointer: expected X, got Y; remedy`; a key
// nobody asked for is one.
// Cost: linear in keys times fields of an object.
// Not here: what scenarios hold (sim/scenario_reader.cpp).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario_json.h"
#include "sim/units.h"

namespace headroom {

/// One value of the effective document.
struct ExplainedValue {
  std::string pointer;  ///< e.g. "/deployment/0/replicas"
  std::string value;    ///< canonical text
  ValueSource source = ValueSource::built_in;
  std::string origin;  ///< what set it, e.g. "--seed"; empty for built-in and file
};

/// What the cursors of one document share.
struct JsonDocument {
  std::string file;                      ///< named in errors
  std::vector<ExplainedValue> values{};  ///< in the order of the field table
  std::deque<JsonNode> wrapped{};        ///< short forms ("model": "x") written out as objects
};

class JsonCursor {
 public:
  /// A cursor on the root of a document. Throws InputError unless `root` is an object.
  [[nodiscard]] static JsonCursor reading(JsonDocument& document, const JsonNode& root);
  /// A cursor that describes instead of reading: builds the schema of an object into `schema`.
  [[nodiscard]] static JsonCursor describing(JsonDocument& document, JsonNode& schema);

  /// The next field must be present.
  JsonCursor& required() {
    required_ = true;
    return *this;
  }

  // Fields. Each leaves `value` alone when the member is absent; bounds are inclusive.
  // ----------------------------
  void text(std::string_view name, std::string& value, std::string_view meaning);
  void choice(std::string_view name, std::string& value, const std::vector<std::string>& choices,
              std::string_view meaning);
  void flag(std::string_view name, bool& value, std::string_view meaning);
  void count(std::string_view name, std::int64_t& value, std::int64_t least, std::int64_t most,
             std::string_view meaning);
  void count(std::string_view name, std::uint64_t& value, std::int64_t least, std::int64_t most,
             std::string_view meaning);
  void number(std::string_view name, double& value, double least, double most,
              std::string_view meaning);
  void duration(std::string_view name, std::optional<Duration>& value, Duration least,
                std::string_view meaning);
  void bytes(std::string_view name, Bytes& value, std::string_view meaning);
  void bytes(std::string_view name, std::optional<Bytes>& value, std::string_view meaning);
  void bandwidth(std::string_view name, BytesPerSecond& value, std::string_view meaning);
  void rate(std::string_view name, PerSecond& value, std::string_view meaning);
  void price(std::string_view name, std::optional<UsdPerHour>& value, std::string_view meaning);
  void numbers(std::string_view name, std::vector<double>& values, std::string_view meaning);
  void texts(std::string_view name, std::vector<std::string>& values, std::string_view meaning);
  /// A real number of seconds written as a duration ("200 ms").
  void seconds(std::string_view name, double& value, std::string_view meaning);
  template <class Tag>
  void count(std::string_view name, std::optional<Count<Tag>>& value, std::int64_t least,
             std::int64_t most, std::string_view meaning) {
    std::optional<std::int64_t> raw;
    if (value) raw = value->value();
    optional_count(name, raw, least, most, meaning);
    if (raw) value = Count<Tag>(*raw);
  }

  using Fields = std::function<void(JsonCursor&)>;
  /// A nested object. With `short_key`, a bare value stands for an object with only that member.
  void object(std::string_view name, std::string_view short_key, std::string_view meaning,
              const Fields& fields);
  /// A nested object whose presence matters: `fields` runs only where it is there (or described).
  /// Returns whether it was there.
  bool optional_object(std::string_view name, std::string_view short_key, std::string_view meaning,
                       const Fields& fields);
  /// A list of objects; `item` is called for each with its index (once when described).
  void list(std::string_view name, std::size_t least, std::size_t most, std::string_view meaning,
            const std::function<void(JsonCursor&, std::size_t)>& item);

  /// Any scalar, handed over as text with its place; for values whose type is data (policy
  /// parameters).
  void raw(std::string_view name, const std::string& default_text, JsonNode schema,
           const std::function<void(const std::string& text, const std::string& place)>& take);

  // Where it stands
  // ------------------------------------------------------------------------------------------------
  [[nodiscard]] bool describing() const { return schema_ != nullptr; }
  /// Whether the member was written down by anyone.
  [[nodiscard]] bool has(std::string_view name) const;
  /// Whether to read a member that entered the format later: written by someone, or described. One
  /// that is not written stays out of the effective values, so that digests of older documents
  /// stand.
  [[nodiscard]] bool written(std::string_view name) const { return describing() || has(name); }
  /// Place of a member for errors: "s.json: /deployment/0/batch" or "--batch: /deployment/0/batch".
  [[nodiscard]] std::string place(std::string_view name) const;
  [[nodiscard]] std::string place() const;
  /// Refuses a key that nobody asked for. Called for nested objects by the cursor itself.
  void finish();

 private:
  struct Member {
    const JsonNode* node = nullptr;
    std::string pointer;
    std::string place;
  };
  JsonCursor(JsonDocument& document, const JsonNode* node, JsonNode* schema, std::string pointer)
      : document_(document), node_(node), schema_(schema), pointer_(std::move(pointer)) {}

  using Parse = std::function<void(const Member&)>;
  using Show = std::function<std::string()>;
  void scalar(std::string_view name, std::string_view meaning, JsonNode schema, const Show& show,
              const Parse& parse);
  /// A text with a unit; a number has none, so it is refused.
  void quantity(std::string_view name, std::string_view meaning, const std::string& unit_example,
                const Show& show,
                const std::function<void(const std::string&, const std::string&)>& parse);
  void optional_count(std::string_view name, std::optional<std::int64_t>& value, std::int64_t least,
                      std::int64_t most, std::string_view meaning);
  [[nodiscard]] Member member(std::string_view name, std::string_view meaning);
  [[nodiscard]] std::string pointer_of(std::string_view name) const;
  void note(const Member& member, std::string value);
  JsonNode& describe(std::string_view name, std::string_view meaning, JsonNode schema);

  JsonDocument& document_;
  const JsonNode* node_ = nullptr;  ///< null where absent or describing
  JsonNode* schema_ = nullptr;      ///< null where reading
  std::string pointer_;
  std::string short_key_;  ///< its pointer is that of the object
  std::vector<std::string> names_;
  bool required_ = false;
};

}  // namespace headroom
