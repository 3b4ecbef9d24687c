#include "profiles/thrift.h"

#include <limits>

#include "sim/check.h"

namespace headroom {
namespace {

// Parquet's own structures nest 5 deep.
constexpr int kMostNesting = 16;

ThriftType wire_type(std::uint8_t nibble, const ThriftReader& reader) {
  if (nibble > static_cast<std::uint8_t>(ThriftType::structure))
    reader.fail("got the unknown type " + std::to_string(nibble));
  return static_cast<ThriftType>(nibble);
}

}  // namespace

void ThriftReader::fail(const std::string& message) const {
  throw InputError(*where_, "expected Parquet metadata, " + message + " at its byte " +
                                std::to_string(at_) +
                                "; the file is damaged or not Parquet: fetch it again");
}

std::uint8_t ThriftReader::byte() {
  if (at_ >= bytes_.size()) fail("got its end");
  return bytes_[at_++];
}

std::uint64_t ThriftReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const std::uint8_t next = byte();
    value |= static_cast<std::uint64_t>(next & 0x7f) << shift;
    if (next < 0x80) return value;
  }
  fail("got a number of more than 64 bits");
}

std::int64_t ThriftReader::zigzag() {
  const std::uint64_t value = varint();
  return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
}

void ThriftReader::advance(std::uint64_t count) {
  if (count > bytes_.size() - at_) fail("got its end");
  at_ += static_cast<std::size_t>(count);
}

ThriftType ThriftReader::next_field(int& id) {
  const std::uint8_t head = byte();
  const ThriftType type = wire_type(head & 0x0f, *this);
  if (type == ThriftType::stop) return type;
  // A zero difference says that the id itself follows.
  const std::int64_t next = (head >> 4) != 0 ? id + (head >> 4) : zigzag();
  if (next < 0 || next > std::numeric_limits<std::int16_t>::max()) fail("got a wrong field number");
  id = static_cast<int>(next);
  return type;
}

std::size_t ThriftReader::list_size(ThriftType type, ThriftType expected) {
  expect(type, ThriftType::list);
  const std::uint8_t head = byte();
  const std::uint64_t size = (head >> 4) == 15 ? varint() : head >> 4;
  if (size > bytes_.size() - at_) fail("got a list longer than the rest of the file");
  if (size > 0) expect(wire_type(head & 0x0f, *this), expected);
  return static_cast<std::size_t>(size);
}

void ThriftReader::expect(ThriftType type, ThriftType expected) {
  if (type != expected) fail("got a field of a wrong type");
}

std::int64_t ThriftReader::integer(ThriftType type) {
  if (type == ThriftType::i8) return static_cast<std::int8_t>(byte());
  if (type != ThriftType::i16 && type != ThriftType::i32 && type != ThriftType::i64)
    fail("got a field of a wrong type");
  return zigzag();
}

std::int32_t ThriftReader::integer32(ThriftType type) {
  const std::int64_t value = integer(type);
  if (value < std::numeric_limits<std::int32_t>::min() ||
      value > std::numeric_limits<std::int32_t>::max())
    fail("got a number of more than 32 bits");
  return static_cast<std::int32_t>(value);
}

bool ThriftReader::boolean(ThriftType type) {
  if (type != ThriftType::yes && type != ThriftType::no) fail("got a field of a wrong type");
  return type == ThriftType::yes;
}

std::string_view ThriftReader::text(ThriftType type) {
  expect(type, ThriftType::binary);
  const std::uint64_t size = varint();
  const std::size_t start = at_;
  advance(size);
  return {reinterpret_cast<const char*>(bytes_.data()) + start, static_cast<std::size_t>(size)};
}

void ThriftReader::skip(ThriftType type) { skip_value(type, 0); }

// Booleans hold their value in the field's type, but take a byte each inside a list or map.
void ThriftReader::skip_element(ThriftType type, int depth) {
  if (type == ThriftType::yes || type == ThriftType::no)
    advance(1);
  else
    skip_value(type, depth);
}

void ThriftReader::skip_value(ThriftType type, int depth) {
  if (depth > kMostNesting) fail("got structures nested too deep");
  switch (type) {
    case ThriftType::stop:
    case ThriftType::yes:
    case ThriftType::no:
      return;
    case ThriftType::i8:
      return advance(1);
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64:
      (void)varint();
      return;
    case ThriftType::real:
      return advance(8);
    case ThriftType::binary:
      return advance(varint());
    case ThriftType::structure: {
      int id = 0;
      for (ThriftType field = next_field(id); field != ThriftType::stop; field = next_field(id))
        skip_value(field, depth + 1);
      return;
    }
    case ThriftType::list:
    case ThriftType::set: {
      const std::uint8_t head = byte();
      const ThriftType element = wire_type(head & 0x0f, *this);
      std::uint64_t left = (head >> 4) == 15 ? varint() : head >> 4;
      if (left > bytes_.size() - at_) fail("got a list longer than the rest of the file");
      for (; left > 0; --left) skip_element(element, depth + 1);
      return;
    }
    case ThriftType::map: {
      std::uint64_t left = varint();
      if (left > bytes_.size() - at_) fail("got a map longer than the rest of the file");
      if (left == 0) return;
      const std::uint8_t types = byte();
      for (; left > 0; --left) {
        skip_element(wire_type(types >> 4, *this), depth + 1);
        skip_element(wire_type(types & 0x0f, *this), depth + 1);
      }
      return;
    }
  }
}

}  // namespace headroom
