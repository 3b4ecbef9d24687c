// Walks one JSON text and reports each scalar with its path; the only place of traces/ that knows
// the JSON library.
//
// Law: memory is bounded by the text's longest string and kMaxJsonDepth; no tree is built. Paths
// join keys with "/", elements of arrays are "-": "/event/request/input_tokens", "/hash_ids/-".
// Cost: about 20 ns a scalar.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headroom {

constexpr std::size_t kMaxJsonDepth = 32;

struct JsonScalar {
  enum class Kind { null, boolean, integer, number, text };
  Kind kind = Kind::null;
  std::uint64_t integer = 0;  ///< Kind::integer, when not negative
  std::string_view text;      ///< as written (numbers) or unescaped (text)
};

class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  /// Tells which number the visitor gives to the path; asked once for many equal paths.
  [[nodiscard]] virtual int field_of(std::string_view path) const = 0;
  /// False stops the walk; `walk_json` then answers with `stopped`.
  [[nodiscard]] virtual bool scalar(int field, const JsonScalar& value) = 0;
  [[nodiscard]] virtual bool begin(std::string_view path) {
    static_cast<void>(path);
    return true;
  }
  [[nodiscard]] virtual bool end_object(std::string_view path) {
    static_cast<void>(path);
    return true;
  }
};

struct JsonFault {
  bool failed = false;
  bool stopped = false;    ///< by the visitor
  std::size_t offset = 0;  ///< byte of the text
  std::string message;     ///< of the parser
};

/// Walks `text`. Never throws for any bytes.
[[nodiscard]] JsonFault walk_json(std::string_view text, JsonVisitor& visitor);

}  // namespace headroom
