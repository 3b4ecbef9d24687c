// Writes small flat Parquet files for tests: every encoding, codec and page version that the reader
// knows, so that what goes in can be compared with what comes out.
// Law: written from the format's specification, sharing no code with the reader.
// Not here: large files, nesting.
#pragma once

#include <snappy-c.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headroom::test {

using Bytes = std::vector<std::uint8_t>;

// Parquet's numbers of physical types, encodings and codecs.
constexpr int kBoolean = 0, kInt32 = 1, kInt64 = 2, kInt96 = 3, kFloat = 4, kDouble = 5, kText = 6;
constexpr int kPlain = 0, kPlainDictionary = 2, kRle = 3, kDelta = 5, kRleDictionary = 8;
constexpr int kNone = 0, kSnappy = 1, kGzip = 2, kZstd = 6;

/// A number as its bits, or a text.
struct Value {
  std::uint64_t bits = 0;
  std::string text{};
  friend auto operator<=>(const Value&, const Value&) = default;
};

struct Column {
  std::string name{};
  int physical = kInt64;
  std::vector<std::optional<Value>> values{};  ///< no value: null
  int encoding = kPlain;
  int codec = kNone;
  int page_version = 1;
  std::size_t rows_a_page = 1000;
  bool optional = true;
  int converted = -1;  ///< converted type; -1: none
  int children = 0;    ///< not 0: a nested column
};

/// Appends Thrift's compact protocol.
class ThriftWriter {
 public:
  void field(int id, int type) {
    out.push_back(static_cast<std::uint8_t>(((id - last_.back()) << 4) | type));
    last_.back() = id;
  }
  void integer(int id, std::int64_t value, int type = 5) {
    field(id, type);
    zigzag(value);
  }
  void zigzag(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void text(int id, const std::string& value) {
    field(id, 8);
    raw(value);
  }
  void raw(const std::string& value) {
    varint(value.size());
    out.insert(out.end(), value.begin(), value.end());
  }
  void list(int id, int element, std::size_t size) {
    field(id, 9);
    if (size < 15) {
      out.push_back(static_cast<std::uint8_t>((size << 4) | static_cast<std::size_t>(element)));
      return;
    }
    out.push_back(static_cast<std::uint8_t>(0xf0 | element));
    varint(size);
  }
  void begin(int id) {
    field(id, 12);
    last_.push_back(0);
  }
  void begin_element() { last_.push_back(0); }
  void end() {
    out.push_back(0);
    last_.pop_back();
  }
  void stop() { out.push_back(0); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
    out.push_back(static_cast<std::uint8_t>(value));
  }
  Bytes out{};

 private:
  std::vector<int> last_{0};
};

inline void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

inline void append_number(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

/// Runs where a value repeats eight times or more, bit-packed groups of eight elsewhere.
inline Bytes hybrid(const std::vector<std::uint32_t>& values, unsigned width) {
  ThriftWriter to;  // for its varints
  for (std::size_t at = 0; at < values.size();) {
    std::size_t same = at;
    while (same < values.size() && values[same] == values[at]) ++same;
    if (same - at >= 8) {
      to.varint((same - at) << 1);
      append_number(to.out, values[at], static_cast<int>((width + 7) / 8));
      at = same;
      continue;
    }
    to.varint((1U << 1) | 1U);  // one group
    std::vector<std::uint8_t> packed(width, 0);
    for (unsigned i = 0; i < 8 && at + i < values.size(); ++i)
      for (unsigned bit = 0; bit < width; ++bit)
        if (((values[at + i] >> bit) & 1) != 0)
          packed[(i * width + bit) / 8] |= static_cast<std::uint8_t>(1U << ((i * width + bit) % 8));
    append(to.out, packed);
    at = std::min(at + 8, values.size());
  }
  return to.out;
}

inline Bytes plain(const std::vector<Value>& values, int physical) {
  Bytes to;
  if (physical == kBoolean) {
    to.assign((values.size() + 7) / 8, 0);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (values[i].bits != 0) to[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
    return to;
  }
  for (const Value& value : values) {
    if (physical == kText) {
      append_number(to, value.text.size(), 4);
      to.insert(to.end(), value.text.begin(), value.text.end());
    } else {
      append_number(to, value.bits, physical == kInt32 || physical == kFloat ? 4 : 8);
    }
  }
  return to;
}

inline Bytes compress(const Bytes& bytes, int codec) {
  if (codec == kSnappy) {
    std::size_t size = snappy_max_compressed_length(bytes.size());
    Bytes out(size);
    snappy_compress(reinterpret_cast<const char*>(bytes.data()), bytes.size(),
                    reinterpret_cast<char*>(out.data()), &size);
    out.resize(size);
    return out;
  }
  if (codec == kZstd) {
    Bytes out(ZSTD_compressBound(bytes.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
    return out;
  }
  return bytes;
}

inline Bytes page(int kind, std::size_t count, int encoding, const Bytes& levels, const Bytes& data,
                  const Column& column, std::size_t nulls) {
  const bool v2 = kind == 3;
  Bytes body = data;
  Bytes head;  // v1: the levels with their length are compressed with the values
  if (!v2 && kind == 0 && column.optional) {
    append_number(head, levels.size(), 4);
    append(head, levels);
    body.insert(body.begin(), head.begin(), head.end());
  }
  Bytes packed = compress(body, column.codec);
  const std::size_t outside = v2 ? levels.size() : 0;
  ThriftWriter to;
  to.integer(1, kind);
  to.integer(2, static_cast<std::int64_t>(body.size() + outside));
  to.integer(3, static_cast<std::int64_t>(packed.size() + outside));
  to.begin(kind == 0 ? 5 : kind == 2 ? 7 : 8);
  to.integer(1, static_cast<std::int64_t>(count));
  if (v2) {
    to.integer(2, static_cast<std::int64_t>(nulls));
    to.integer(3, static_cast<std::int64_t>(count));
    to.integer(4, encoding);
    to.integer(5, static_cast<std::int64_t>(levels.size()));
    to.integer(6, 0);
    to.field(7, column.codec == kNone ? 2 : 1);
  } else {
    to.integer(2, encoding);
    if (kind == 0) {
      to.integer(3, kRle);
      to.integer(4, kRle);
    }
  }
  to.end();
  to.stop();
  if (v2) append(to.out, levels);
  append(to.out, packed);
  return to.out;
}

/// The pages of rows [from, to) and the size of the dictionary page before them.
inline std::pair<Bytes, std::size_t> chunk(const Column& column, std::size_t from, std::size_t to) {
  std::vector<Value> words;
  for (std::size_t i = from; i < to; ++i)
    if (column.values[i]) words.push_back(*column.values[i]);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  Bytes out;
  const bool dictionary = column.encoding == kPlainDictionary || column.encoding == kRleDictionary;
  if (dictionary)
    out = page(2, words.size(), column.encoding == kPlainDictionary ? kPlainDictionary : kPlain, {},
               plain(words, column.physical), column, 0);
  const std::size_t dictionary_size = out.size();
  unsigned width = 0;
  while ((std::size_t{1} << width) < words.size()) ++width;
  for (std::size_t at = from; at < to; at += column.rows_a_page) {
    const std::size_t end = std::min(at + column.rows_a_page, to);
    std::vector<std::uint32_t> levels, codes;
    std::vector<Value> present;
    for (std::size_t i = at; i < end; ++i) {
      levels.push_back(column.values[i].has_value());
      if (!column.values[i]) continue;
      present.push_back(*column.values[i]);
      codes.push_back(static_cast<std::uint32_t>(
          std::lower_bound(words.begin(), words.end(), present.back()) - words.begin()));
    }
    Bytes data;
    if (dictionary) {
      data.push_back(static_cast<std::uint8_t>(width));
      append(data, hybrid(codes, width));
    } else if (column.encoding == kRle) {
      std::vector<std::uint32_t> bits;
      for (const Value& value : present) bits.push_back(value.bits != 0);
      const Bytes packed = hybrid(bits, 1);
      append_number(data, packed.size(), 4);
      append(data, packed);
    } else {
      data = plain(present, column.physical);
    }
    append(out, page(column.page_version == 2 ? 3 : 0, end - at, column.encoding,
                     column.optional ? hybrid(levels, 1) : Bytes(), data, column,
                     end - at - present.size()));
  }
  return {out, dictionary_size};
}

inline void write_schema(ThriftWriter& to, const std::vector<Column>& columns) {
  to.list(2, 12, columns.size() + 1);
  to.begin_element();
  to.text(4, "schema");
  to.integer(5, static_cast<std::int64_t>(columns.size()));
  to.end();
  for (const Column& column : columns) {
    to.begin_element();
    to.integer(1, column.physical);
    to.integer(3, column.optional ? 1 : 0);
    to.text(4, column.name);
    if (column.children != 0) to.integer(5, column.children);
    if (column.converted >= 0) to.integer(6, column.converted);
    to.end();
  }
}

/// Rows are split into `groups` row groups of equal size; the last takes the rest.
inline Bytes write_parquet(const std::vector<Column>& columns, std::size_t groups = 1) {
  Bytes file{'P', 'A', 'R', '1'};
  const std::size_t rows = columns.empty() ? 0 : columns.front().values.size();
  ThriftWriter footer;
  footer.integer(1, 2);
  write_schema(footer, columns);
  footer.integer(3, static_cast<std::int64_t>(rows), 6);
  footer.list(4, 12, groups);
  for (std::size_t group = 0; group < groups; ++group) {
    const std::size_t from = rows / groups * group;
    const std::size_t to = group + 1 == groups ? rows : rows / groups * (group + 1);
    footer.begin_element();
    footer.list(1, 12, columns.size());
    for (const Column& column : columns) {
      const auto [pages, dictionary] = chunk(column, from, to);
      const auto start = static_cast<std::int64_t>(file.size());
      footer.begin_element();
      footer.begin(3);
      footer.integer(1, column.physical);
      footer.list(3, 8, 1);
      footer.raw(column.name);
      footer.integer(4, column.codec);
      footer.integer(5, static_cast<std::int64_t>(to - from), 6);
      footer.integer(7, static_cast<std::int64_t>(pages.size()), 6);
      footer.integer(9, start + static_cast<std::int64_t>(dictionary), 6);
      if (dictionary != 0) footer.integer(11, start, 6);
      footer.end();
      footer.end();
      append(file, pages);
    }
    footer.integer(3, static_cast<std::int64_t>(to - from), 6);
    footer.end();
  }
  footer.text(6, "a test");
  footer.stop();
  append(file, footer.out);
  append_number(file, footer.out.size(), 4);
  append(file, {'P', 'A', 'R', '1'});
  return file;
}

}  // namespace headroom::test
