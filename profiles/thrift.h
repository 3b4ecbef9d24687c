// Reads Thrift's compact protocol, in which Parquet writes its footer and page headers.
//
// Law: any bytes end in a value or in InputError; nothing is read past the end, no nesting is
// followed deeper than 16 levels, and a list never claims more elements than bytes are left. Cost:
// one pass, no allocation but of the names handed out. Not here: writing, services, generated code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace headroom {

/// Wire types of the compact protocol (Apache Thrift, thrift-compact-protocol.md).
enum class ThriftType : std::uint8_t {
  stop = 0,
  yes = 1,
  no = 2,
  i8 = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  real = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
};

class ThriftReader {
 public:
  /// `where` names the file in errors; `bytes` and `where` must outlive the reader.
  ThriftReader(std::span<const std::uint8_t> bytes, const std::string& where)
      : bytes_(bytes), where_(&where) {}

  /// Calls `on_field(id, type)` for each field of a struct. It must consume the value by one of the
  /// functions below, or `skip(type)`.
  template <typename OnField>
  void read_struct(OnField on_field) {
    int id = 0;
    for (ThriftType type = next_field(id); type != ThriftType::stop; type = next_field(id))
      on_field(id, type);
  }
  /// Calls `on_element()` for each element of a list, all of type `expected`.
  template <typename OnElement>
  void read_list(ThriftType type, ThriftType expected, OnElement on_element) {
    for (std::size_t left = list_size(type, expected); left > 0; --left) on_element();
  }

  /// A field's integer of any width; throws when it is of another type.
  [[nodiscard]] std::int64_t integer(ThriftType type);
  /// The same, within what a 32-bit field may hold.
  [[nodiscard]] std::int32_t integer32(ThriftType type);
  [[nodiscard]] bool boolean(ThriftType type);
  /// A view into the bytes.
  [[nodiscard]] std::string_view text(ThriftType type);
  void skip(ThriftType type);
  void expect(ThriftType type, ThriftType expected);
  /// Bytes consumed so far.
  [[nodiscard]] std::size_t position() const { return at_; }
  [[noreturn]] void fail(const std::string& message) const;

 private:
  [[nodiscard]] ThriftType next_field(int& id);
  [[nodiscard]] std::size_t list_size(ThriftType type, ThriftType expected);
  [[nodiscard]] std::uint8_t byte();
  [[nodiscard]] std::uint64_t varint();
  [[nodiscard]] std::int64_t zigzag();
  void advance(std::uint64_t count);
  void skip_element(ThriftType type, int depth);
  void skip_value(ThriftType type, int depth);

  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  const std::string* where_;
};

}  // namespace headroom
