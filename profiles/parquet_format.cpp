#include "profiles/parquet_format.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "profiles/thrift.h"
#include "sim/check.h"

namespace headroom {
namespace {

// "PAR1" at both ends; the footer's length before the last.
constexpr std::size_t kMagic = 4, kTail = 8;

[[noreturn]] void fail(const std::string& where, const std::string& message) {
  throw InputError(where, message);
}

std::string quoted_name(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 60)) text += (c < ' ' || c > '~') ? '?' : c;
  return text + "'";
}

/// A schema element as written; the first one is the root.
struct Element {
  std::int32_t type = -1, repetition = 0, children = 0, converted = -1;
  std::string_view name{};
};

struct Chunk {
  std::int32_t type = -1, codec = 0;
  std::int64_t values = -1, size = -1, data_offset = -1, dictionary_offset = -1;
  std::vector<std::string_view> path{};
  bool elsewhere = false;
};

Element read_element(ThriftReader& in) {
  Element element;
  in.read_struct([&](int id, ThriftType type) {
    switch (id) {
      case 1:
        element.type = in.integer32(type);
        break;
      case 3:
        element.repetition = in.integer32(type);
        break;
      case 4:
        element.name = in.text(type);
        break;
      case 5:
        element.children = in.integer32(type);
        break;
      case 6:
        element.converted = in.integer32(type);
        break;
      default:
        in.skip(type);
    }
  });
  return element;
}

void read_chunk_metadata(ThriftReader& in, Chunk& chunk) {
  in.read_struct([&](int id, ThriftType type) {
    switch (id) {
      case 1:
        chunk.type = in.integer32(type);
        break;
      case 3:
        in.read_list(type, ThriftType::binary,
                     [&] { chunk.path.push_back(in.text(ThriftType::binary)); });
        break;
      case 4:
        chunk.codec = in.integer32(type);
        break;
      case 5:
        chunk.values = in.integer(type);
        break;
      case 7:
        chunk.size = in.integer(type);
        break;
      case 9:
        chunk.data_offset = in.integer(type);
        break;
      case 11:
        chunk.dictionary_offset = in.integer(type);
        break;
      default:
        in.skip(type);
    }
  });
}

Chunk read_chunk(ThriftReader& in) {
  Chunk chunk;
  in.read_struct([&](int id, ThriftType type) {
    if (id == 3) {
      in.expect(type, ThriftType::structure);
      read_chunk_metadata(in, chunk);
      return;
    }
    if (id == 1) chunk.elsewhere = true;  // values in another file
    in.skip(type);
  });
  return chunk;
}

/// Turns what the footer says into what may be read.
class FooterChecker {
 public:
  FooterChecker(std::span<const std::uint8_t> file, const std::string& where)
      : file_(file), where_(&where) {}

  void add_element(const Element& element) {
    if (elements_++ == 0) {
      children_ = element.children;
      return;
    }
    const std::string name = "column " + quoted_name(element.name);
    if (element.children != 0 || element.repetition < 0 || element.repetition > 1)
      fail(*where_, "expected a flat table, got the nested " + name + "; flatten it");
    constexpr std::int32_t kInt96 = 3, kLast = 6;
    if (element.type < 0 || element.type == kInt96 || element.type > kLast)
      fail(*where_, "expected numbers, booleans or texts, got " + name + " of Parquet type " +
                        std::to_string(element.type) + "; convert or drop it");
    // Converted types that keep a number's plain meaning: UTF8, ENUM, UINT_8, UINT_16, INT_8 to
    // INT_64, JSON. Decimals and times would be misread.
    constexpr std::int32_t kPlain[] = {-1, 0, 4, 11, 12, 15, 16, 17, 18, 19};
    if (std::find(std::begin(kPlain), std::end(kPlain), element.converted) == std::end(kPlain))
      fail(*where_, "expected plain numbers or texts, got " + name + " of converted type " +
                        std::to_string(element.converted) + "; convert it");
    footer.columns.push_back({std::string(element.name), static_cast<ParquetPhysical>(element.type),
                              element.repetition == 1});
  }

  void add_group(const std::vector<Chunk>& chunks, std::int64_t rows) {
    if (rows < 0) fail(*where_, "expected a row group's row count, got none; the file is damaged");
    if (chunks.size() != footer.columns.size())
      fail(*where_, "expected " + std::to_string(footer.columns.size()) +
                        " columns in each row group, got " + std::to_string(chunks.size()) +
                        "; the file is damaged");
    ParquetRowGroup group;
    group.rows = static_cast<std::uint64_t>(rows);
    total_ += group.rows;
    for (std::size_t i = 0; i < chunks.size(); ++i)
      group.chunks.push_back(check_chunk(chunks[i], footer.columns[i], rows));
    footer.groups.push_back(std::move(group));
  }

  void finish(std::int64_t rows) {
    if (elements_ == 0 || static_cast<std::size_t>(std::max(children_, 0)) != footer.columns.size())
      fail(*where_, "expected a schema of " + std::to_string(children_) + " columns, got " +
                        std::to_string(footer.columns.size()) + "; the file is damaged");
    if (rows < 0 || static_cast<std::uint64_t>(rows) != total_)
      fail(*where_, "expected as many rows in all groups as the file states (" +
                        std::to_string(rows) + "), got " + std::to_string(total_) +
                        "; the file is damaged");
    footer.rows = total_;
  }

  ParquetFooter footer{};

 private:
  [[nodiscard]] ParquetChunk check_chunk(const Chunk& chunk, const ParquetSchemaColumn& column,
                                         std::int64_t rows) const {
    const std::string name = "column " + quoted_name(column.name);
    if (chunk.elsewhere)
      fail(*where_,
           "expected values in the file itself, got " + name + " in another; join the files");
    if (chunk.path.size() != 1 || chunk.path[0] != column.name ||
        chunk.type != static_cast<std::int32_t>(column.physical) || chunk.values != rows)
      fail(*where_, "expected the row groups to agree with the schema, got another " + name +
                        "; the file is damaged");
    if (chunk.codec != 0 && chunk.codec != 1 && chunk.codec != 6)
      fail(*where_, "expected no, Snappy or Zstandard compression, got codec " +
                        std::to_string(chunk.codec) + " in " + name + "; write it anew");
    // Some writers leave 0 where there is no dictionary.
    const std::int64_t start = chunk.dictionary_offset > 0
                                   ? std::min(chunk.dictionary_offset, chunk.data_offset)
                                   : chunk.data_offset;
    const auto size = static_cast<std::int64_t>(file_.size() - kTail);
    if (start < static_cast<std::int64_t>(kMagic) || start > size || chunk.size < 0 ||
        chunk.size > size - start)
      fail(*where_, "expected values within the file, got " + name + " beyond its end; " +
                        "the file was cut short or is damaged");
    return {static_cast<ParquetCodec>(chunk.codec),
            file_.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(chunk.size))};
  }

  std::span<const std::uint8_t> file_;
  const std::string* where_;
  std::size_t elements_ = 0;
  std::int32_t children_ = 0;
  std::uint64_t total_ = 0;
};

void read_group(ThriftReader& in, FooterChecker& checker) {
  std::vector<Chunk> chunks;
  std::int64_t rows = -1;
  in.read_struct([&](int id, ThriftType type) {
    if (id == 1)
      in.read_list(type, ThriftType::structure, [&] { chunks.push_back(read_chunk(in)); });
    else if (id == 3)
      rows = in.integer(type);
    else
      in.skip(type);
  });
  // A row takes no bytes where a column is constant, but none of a file's counts may overflow.
  if (rows > std::numeric_limits<std::int32_t>::max())
    in.fail("got a row group of " + std::to_string(rows) + " rows");
  checker.add_group(chunks, rows);
}

std::span<const std::uint8_t> footer_bytes(std::span<const std::uint8_t> file,
                                           const std::string& where) {
  const auto is_magic = [&](std::size_t at, const char* magic) {
    return std::memcmp(file.data() + at, magic, kMagic) == 0;
  };
  if (file.size() < kMagic + kTail || !is_magic(0, "PAR1"))
    fail(where, "expected a Parquet file (first bytes PAR1), got something else; check the path");
  if (!is_magic(file.size() - kMagic, "PAR1"))
    fail(where,
         "expected PAR1 at the end of a Parquet file, got other bytes: it was cut short; "
         "fetch it again");
  std::uint32_t size = 0;
  for (std::size_t i = 0; i < 4; ++i)
    size |= static_cast<std::uint32_t>(file[file.size() - kTail + i]) << (8 * i);
  if (size > file.size() - kMagic - kTail)
    fail(where, "expected a footer within the file, got one of " + std::to_string(size) +
                    " bytes; the file is damaged");
  return file.subspan(file.size() - kTail - size, size);
}

std::size_t size_of(std::int32_t value, const ThriftReader& in) {
  if (value < 0) in.fail("got a negative size");
  return static_cast<std::size_t>(value);
}

ParquetEncoding encoding_of(std::int32_t code, const std::string& where) {
  if (code == 0) return ParquetEncoding::plain;
  if (code == 3) return ParquetEncoding::rle;
  if (code == 2 || code == 8) return ParquetEncoding::dictionary;
  fail(where, "expected PLAIN, RLE or dictionary encoding, got encoding " + std::to_string(code) +
                  "; write the file without it");
}

void read_page_details(ThriftReader& in, ParquetPageHeader& page, const std::string& where) {
  using Kind = ParquetPageHeader::Kind;
  const bool v2 = page.kind == Kind::data_v2;
  in.read_struct([&](int id, ThriftType type) {
    if (id == 1) {
      page.values = size_of(in.integer32(type), in);
    } else if (id == (v2 ? 4 : 2)) {
      page.encoding = encoding_of(in.integer32(type), where);
    } else if (page.kind == Kind::data_v1 && id == 3) {
      if (in.integer32(type) != 3) in.fail("got definition levels in an outdated encoding");
    } else if (v2 && id == 5) {
      page.level_bytes = size_of(in.integer32(type), in);
    } else if (v2 && id == 6) {
      if (in.integer32(type) != 0) in.fail("got repetition levels in a flat table");
    } else if (v2 && id == 7) {
      page.compressed = in.boolean(type);
    } else {
      in.skip(type);
    }
  });
}

}  // namespace

ParquetFooter read_parquet_footer(std::span<const std::uint8_t> file, const std::string& where) {
  ThriftReader in(footer_bytes(file, where), where);
  FooterChecker checker(file, where);
  std::int64_t rows = -1;
  in.read_struct([&](int id, ThriftType type) {
    if (id == 2)
      in.read_list(type, ThriftType::structure, [&] { checker.add_element(read_element(in)); });
    else if (id == 3)
      rows = in.integer(type);
    else if (id == 4)
      in.read_list(type, ThriftType::structure, [&] { read_group(in, checker); });
    else
      in.skip(type);
  });
  checker.finish(rows);
  return std::move(checker.footer);
}

ParquetPageHeader read_parquet_page_header(std::span<const std::uint8_t> bytes,
                                           const std::string& where) {
  using Kind = ParquetPageHeader::Kind;
  ThriftReader in(bytes, where);
  ParquetPageHeader page;
  std::int32_t kind = -1, uncompressed = -1, compressed = -1;
  bool detailed = false;
  in.read_struct([&](int id, ThriftType type) {
    if (id == 1) {
      kind = in.integer32(type);
      page.kind = kind == 0   ? Kind::data_v1
                  : kind == 2 ? Kind::dictionary
                  : kind == 3 ? Kind::data_v2
                              : Kind::other;
    } else if (id == 2) {
      uncompressed = in.integer32(type);
    } else if (id == 3) {
      compressed = in.integer32(type);
    } else if ((id == 5 && kind == 0) || (id == 7 && kind == 2) || (id == 8 && kind == 3)) {
      in.expect(type, ThriftType::structure);
      read_page_details(in, page, where);
      detailed = true;
    } else {
      in.skip(type);
    }
  });
  page.header_size = in.position();
  page.compressed_size = size_of(compressed, in);
  page.uncompressed_size = size_of(uncompressed, in);
  if (page.compressed_size > bytes.size() - page.header_size)
    in.fail("got a page that goes on after its column's end");
  if (page.kind != Kind::other && !detailed) in.fail("got a page without its header");
  if (page.level_bytes > page.compressed_size || page.level_bytes > page.uncompressed_size)
    in.fail("got more definition levels than the page holds");
  return page;
}

}  // namespace headroom
