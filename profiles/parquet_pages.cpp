#include "profiles/parquet_pages.h"

#include <snappy-c.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "sim/check.h"

namespace headroom {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Kind = ParquetPageHeader::Kind;

[[noreturn]] void fail(const std::string& where, const std::string& got) {
  throw InputError(
      where, "expected whole Parquet pages, got " + got + "; the file is damaged: fetch it again");
}

std::uint64_t little_endian(Bytes bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{bytes[at + i]} << (8 * i);
  return value;
}

/// Splits a length-prefixed block off the front.
Bytes take_block(Bytes& bytes, const std::string& where) {
  if (bytes.size() < 4) fail(where, "a page that ends in a length");
  const std::uint64_t size = little_endian(bytes, 0, 4);
  if (size > bytes.size() - 4) fail(where, "a length beyond the page's end");
  const Bytes block = bytes.subspan(4, static_cast<std::size_t>(size));
  bytes = bytes.subspan(4 + static_cast<std::size_t>(size));
  return block;
}

/// Parquet's hybrid of runs and bit-packed groups of eight.
class HybridReader {
 public:
  HybridReader(Bytes bytes, unsigned width, const std::string& where)
      : bytes_(bytes), width_(width), where_(&where) {
    if (width > 32) fail(where, "values of " + std::to_string(width) + " bits");
  }

  void read(std::span<std::uint32_t> out) {
    if (width_ == 0) {
      std::fill(out.begin(), out.end(), 0U);
      return;
    }
    while (!out.empty()) {
      const std::uint64_t head = varint();
      const std::uint64_t count = (head & 1) != 0 ? (head >> 1) * 8 : head >> 1;
      if (count == 0) fail(*where_, "an empty run");
      const auto used = static_cast<std::size_t>(std::min<std::uint64_t>(count, out.size()));
      if ((head & 1) != 0)
        read_packed(out.first(used), head >> 1);
      else
        read_run(out.first(used));
      out = out.subspan(used);
    }
  }

 private:
  void read_run(std::span<std::uint32_t> out) {
    const std::size_t size = (width_ + 7) / 8;
    if (size > bytes_.size() - at_) fail(*where_, "a run beyond the page's end");
    const auto value = static_cast<std::uint32_t>(little_endian(bytes_, at_, size));
    at_ += size;
    std::fill(out.begin(), out.end(), value);
  }

  void read_packed(std::span<std::uint32_t> out, std::uint64_t groups) {
    const std::uint64_t left = bytes_.size() - at_;
    if (groups > left / width_) fail(*where_, "packed values beyond the page's end");
    std::size_t next = at_;
    std::uint64_t bits = 0;
    unsigned held = 0;
    const std::uint64_t mask = (std::uint64_t{1} << width_) - 1;
    for (std::uint32_t& value : out) {
      for (; held < width_; held += 8) bits |= std::uint64_t{bytes_[next++]} << held;
      value = static_cast<std::uint32_t>(bits & mask);
      bits >>= width_;
      held -= width_;
    }
    at_ += static_cast<std::size_t>(groups) * width_;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      if (at_ >= bytes_.size()) fail(*where_, "fewer values than promised");
      const std::uint8_t next = bytes_[at_++];
      value |= std::uint64_t{next & 0x7fU} << shift;
      if (next < 0x80) return value;
    }
    fail(*where_, "a run length of more than 35 bits");
  }

  Bytes bytes_;
  unsigned width_;
  const std::string* where_;
  std::size_t at_ = 0;
};

class ChunkDecoder {
 public:
  ChunkDecoder(const ParquetChunk& chunk, const ParquetSchemaColumn& schema,
               ParquetAllowance& allowance, const std::string& where, ParquetColumn& column)
      : chunk_(chunk), schema_(schema), allowance_(&allowance), where_(where), column_(&column) {}

  void run(std::uint64_t rows) {
    Bytes rest = chunk_.pages;
    while (rows > 0) {
      if (rest.empty()) fail(where_, "fewer values than promised");
      const ParquetPageHeader page = read_parquet_page_header(rest, where_);
      const Bytes body = rest.subspan(page.header_size, page.compressed_size);
      rest = rest.subspan(page.header_size + page.compressed_size);
      if (page.kind == Kind::other) continue;
      if (page.kind == Kind::dictionary) {
        read_dictionary(page, body);
        continue;
      }
      if (page.values > rows) fail(where_, "more values than promised");
      read_data(page, body);
      rows -= page.values;
    }
  }

 private:
  Bytes decompress(Bytes body, std::uint64_t size);
  void read_dictionary(const ParquetPageHeader& page, Bytes body);
  void read_data(const ParquetPageHeader& page, Bytes body);
  void mark_nulls(Bytes levels, std::size_t values);
  void append_values(ParquetEncoding encoding, Bytes bytes, std::size_t present);
  void append_plain(Bytes bytes, std::size_t count, ParquetColumn& to);
  void append_texts(Bytes bytes, std::size_t count, ParquetColumn& to);
  void append_bits(std::span<const std::uint32_t> bits);
  void append_looked_up(Bytes bytes, std::size_t count);
  void spread(std::size_t present);
  std::span<std::uint32_t> scratch(std::size_t size) {
    if (size > numbers_.size()) {
      allowance_->take(size - numbers_.size(), sizeof(std::uint32_t));
      numbers_.resize(size);
    }
    return std::span(numbers_).first(size);
  }

  const ParquetChunk& chunk_;
  const ParquetSchemaColumn& schema_;
  ParquetAllowance* allowance_;
  const std::string& where_;
  ParquetColumn* column_;
  bool has_dictionary_ = false;
  ParquetColumn dictionary_{};
  std::size_t words_before_ = 0;  ///< of the column, before this chunk's dictionary
  std::vector<std::uint8_t> plain_{};
  std::vector<std::uint32_t> numbers_{};
  std::vector<std::uint8_t> present_{};  ///< of the page at hand; empty: all
};

Bytes ChunkDecoder::decompress(Bytes body, std::uint64_t size) {
  if (chunk_.codec == ParquetCodec::none) {
    if (size != body.size()) fail(where_, "a page of another size than stated");
    return body;
  }
  if (size > plain_.size()) {
    allowance_->take(size - plain_.size(), 1);
    plain_.resize(static_cast<std::size_t>(size));
  }
  std::size_t written = static_cast<std::size_t>(size);
  if (chunk_.codec == ParquetCodec::zstd) {
    written = ZSTD_decompress(plain_.data(), written, body.data(), body.size());
    if (ZSTD_isError(written) != 0)
      fail(where_,
           std::string("Zstandard data that cannot be read: ") + ZSTD_getErrorName(written));
  } else if (snappy_uncompress(reinterpret_cast<const char*>(body.data()), body.size(),
                               reinterpret_cast<char*>(plain_.data()), &written) != SNAPPY_OK) {
    fail(where_, "Snappy data that cannot be read");
  }
  if (written != size) fail(where_, "a page of another size than stated");
  return Bytes(plain_).first(written);
}

void ChunkDecoder::read_dictionary(const ParquetPageHeader& page, Bytes body) {
  if (has_dictionary_) fail(where_, "a second dictionary");
  if (page.encoding == ParquetEncoding::rle) fail(where_, "a dictionary that is not plain");
  has_dictionary_ = true;
  const auto count = static_cast<std::size_t>(page.values);
  dictionary_.type = column_->type;
  words_before_ = column_->words.size();
  const Bytes plain = decompress(body, page.uncompressed_size);
  // Booleans, 8 a byte, are the densest; what the vector holds after growing is at most twice that.
  allowance_->take(std::min<std::uint64_t>(count, plain.size() * 8), 2 * sizeof(std::int64_t));
  append_plain(plain, count, dictionary_);
  if (column_->type == ParquetColumn::Type::text)
    for (std::string& word : dictionary_.words) column_->words.push_back(std::move(word));
}

void ChunkDecoder::read_data(const ParquetPageHeader& page, Bytes body) {
  const auto values = static_cast<std::size_t>(page.values);
  present_.clear();
  Bytes levels, bytes;
  if (page.kind == Kind::data_v2) {
    const auto size = static_cast<std::size_t>(page.level_bytes);
    levels = body.first(size);
    bytes = body.subspan(size);
    const std::uint64_t rest = page.uncompressed_size - page.level_bytes;
    // An all-null page may leave its empty rest uncompressed.
    if (page.compressed && !(rest == 0 && bytes.empty())) bytes = decompress(bytes, rest);
  } else {
    bytes = decompress(body, page.uncompressed_size);
    if (schema_.optional) levels = take_block(bytes, where_);
  }
  if (schema_.optional) mark_nulls(levels, values);
  const auto present =
      present_.empty() ? values
                       : static_cast<std::size_t>(std::count(present_.begin(), present_.end(), 1));
  append_values(page.encoding, bytes, present);
  spread(present);
}

void ChunkDecoder::mark_nulls(Bytes levels, std::size_t values) {
  const std::span<std::uint32_t> read = scratch(values);
  HybridReader(levels, 1, where_).read(read);
  if (std::all_of(read.begin(), read.end(), [](std::uint32_t level) { return level == 1; })) return;
  allowance_->take(values, 1);
  present_.reserve(values);
  for (const std::uint32_t level : read) present_.push_back(static_cast<std::uint8_t>(level & 1));
}

void ChunkDecoder::append_values(ParquetEncoding encoding, Bytes bytes, std::size_t present) {
  if (encoding == ParquetEncoding::plain) return append_plain(bytes, present, *column_);
  if (encoding == ParquetEncoding::dictionary) return append_looked_up(bytes, present);
  if (schema_.physical != ParquetPhysical::boolean)
    fail(where_, "RLE-encoded values that are not booleans");
  const std::span<std::uint32_t> bits = scratch(present);
  HybridReader(take_block(bytes, where_), 1, where_).read(bits);
  append_bits(bits);
}

void ChunkDecoder::append_bits(std::span<const std::uint32_t> bits) {
  for (const std::uint32_t bit : bits) column_->integers.push_back(bit & 1);
}

void ChunkDecoder::append_plain(Bytes bytes, std::size_t count, ParquetColumn& to) {
  if (schema_.physical == ParquetPhysical::byte_array) return append_texts(bytes, count, to);
  if (schema_.physical == ParquetPhysical::boolean) {
    if (bytes.size() < (count + 7) / 8) fail(where_, "fewer values than promised");
    for (std::size_t i = 0; i < count; ++i) to.integers.push_back((bytes[i / 8] >> (i % 8)) & 1);
    return;
  }
  const bool narrow =
      schema_.physical == ParquetPhysical::int32 || schema_.physical == ParquetPhysical::float32;
  const std::size_t size = narrow ? 4 : 8;
  if (count > bytes.size() / size) fail(where_, "fewer values than promised");
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t raw = little_endian(bytes, i * size, size);
    switch (schema_.physical) {
      case ParquetPhysical::int32:
        to.integers.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(raw)));
        break;
      case ParquetPhysical::float32:
        to.reals.push_back(
            static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(raw))));
        break;
      case ParquetPhysical::float64:
        to.reals.push_back(std::bit_cast<double>(raw));
        break;
      default:
        to.integers.push_back(static_cast<std::int64_t>(raw));
    }
  }
}

void ChunkDecoder::append_texts(Bytes bytes, std::size_t count, ParquetColumn& to) {
  // Each text takes 4 bytes in the page at least, so count is checked before it is trusted.
  if (count > bytes.size() / 4) fail(where_, "fewer values than promised");
  const bool is_dictionary = &to == &dictionary_;
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes text = take_block(bytes, where_);
    const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
    if (is_dictionary || to.words.size() < 2 || to.words.back() != view) {
      // Twice for the vector's growth, once for a dictionary's move to its column.
      allowance_->take(1, 3 * sizeof(std::string) + view.size());
      to.words.emplace_back(view);
    }
    if (is_dictionary) continue;
    to.codes.push_back(static_cast<std::uint32_t>(to.words.size() - 1));
  }
}

void ChunkDecoder::append_looked_up(Bytes bytes, std::size_t count) {
  if (!has_dictionary_) fail(where_, "dictionary-encoded values without a dictionary");
  if (count == 0) return;
  if (bytes.empty()) fail(where_, "fewer values than promised");
  const std::span<std::uint32_t> indices = scratch(count);
  HybridReader(bytes.subspan(1), bytes[0], where_).read(indices);
  const std::size_t entries =
      column_->type == ParquetColumn::Type::integer ? dictionary_.integers.size()
      : column_->type == ParquetColumn::Type::real  ? dictionary_.reals.size()
                                                    : dictionary_.words.size();
  for (const std::uint32_t index : indices)
    if (index >= entries)
      fail(where_, "a value outside its dictionary of " + std::to_string(entries));
  for (const std::uint32_t index : indices) {
    if (column_->type == ParquetColumn::Type::integer)
      column_->integers.push_back(dictionary_.integers[index]);
    else if (column_->type == ParquetColumn::Type::real)
      column_->reals.push_back(dictionary_.reals[index]);
    else
      column_->codes.push_back(static_cast<std::uint32_t>(words_before_ + index));
  }
}

/// Moves the present values of the last page to their rows, from the back.
template <typename T>
void spread_values(std::vector<T>& values, std::span<const std::uint8_t> present,
                   std::size_t count) {
  std::size_t from = values.size();
  const std::size_t base = from - count;
  values.resize(base + present.size());
  for (std::size_t row = present.size(); row-- > 0;)
    values[base + row] = present[row] != 0 ? values[--from] : T{};
}

void ChunkDecoder::spread(std::size_t present) {
  const bool integer = column_->type == ParquetColumn::Type::integer;
  const bool real = column_->type == ParquetColumn::Type::real;
  const std::size_t size = integer ? column_->integers.size()
                           : real  ? column_->reals.size()
                                   : column_->codes.size();
  if (present_.empty()) {
    if (!column_->valid.empty()) column_->valid.resize(size, 1);
    return;
  }
  column_->valid.resize(size - present, 1);
  column_->valid.insert(column_->valid.end(), present_.begin(), present_.end());
  if (integer)
    spread_values(column_->integers, present_, present);
  else if (real)
    spread_values(column_->reals, present_, present);
  else
    spread_values(column_->codes, present_, present);
}

}  // namespace

void ParquetAllowance::take(std::uint64_t count, std::uint64_t size) {
  if (count > left_ / size)
    throw InputError(*where_, "expected a file that grows at most " +
                                  std::to_string(kParquetGrowth) +
                                  "-fold when read, got a larger one; it is damaged, or write it "
                                  "anew in smaller pieces");
  left_ -= count * size;
}

void ParquetAllowance::reserve(std::uint64_t rows, const ParquetSchemaColumn& schema,
                               ParquetColumn& column) {
  const bool text = column.type == ParquetColumn::Type::text;
  take(rows, text ? sizeof(std::uint32_t) : sizeof(std::int64_t));
  if (schema.optional) take(rows, 2);  // twice: validity grows only once a null is met
  const auto size = static_cast<std::size_t>(rows);
  if (text)
    column.codes.reserve(size);
  else if (column.type == ParquetColumn::Type::real)
    column.reals.reserve(size);
  else
    column.integers.reserve(size);
}

void decode_parquet_chunk(const ParquetChunk& chunk, const ParquetSchemaColumn& schema,
                          std::uint64_t rows, ParquetAllowance& allowance, const std::string& where,
                          ParquetColumn& column) {
  ChunkDecoder(chunk, schema, allowance, where, column).run(rows);
}

}  // namespace headroom
