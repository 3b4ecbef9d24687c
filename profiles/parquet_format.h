// The footer and page headers of a Parquet file, as far as flat tables need them (format 2.10,
// parquet.thrift).
//
// Law: every offset, size and count handed out lies within the file or was refused. Cost: one pass
// over the footer. Not here: the values themselves (profiles/parquet_pages.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace headroom {

enum class ParquetPhysical : std::uint8_t {
  boolean = 0,
  int32 = 1,
  int64 = 2,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
};

enum class ParquetCodec : std::uint8_t { none = 0, snappy = 1, zstd = 6 };

enum class ParquetEncoding : std::uint8_t { plain, rle, dictionary };

struct ParquetSchemaColumn {
  std::string name{};
  ParquetPhysical physical = ParquetPhysical::int64;
  bool optional = false;
};

/// One column of one row group.
struct ParquetChunk {
  ParquetCodec codec = ParquetCodec::none;
  std::span<const std::uint8_t> pages{};  ///< headers and bodies, within the file
};

struct ParquetRowGroup {
  std::uint64_t rows = 0;
  std::vector<ParquetChunk> chunks{};  ///< one a schema column, in its order
};

struct ParquetFooter {
  std::uint64_t rows = 0;
  std::vector<ParquetSchemaColumn> columns{};
  std::vector<ParquetRowGroup> groups{};
};

struct ParquetPageHeader {
  enum class Kind : std::uint8_t { data_v1, data_v2, dictionary, other };
  Kind kind = Kind::other;
  std::size_t header_size = 0;
  std::size_t compressed_size = 0;  ///< of the body; lies within the chunk
  std::uint64_t uncompressed_size = 0;
  std::uint64_t values = 0;  ///< nulls included
  ParquetEncoding encoding = ParquetEncoding::plain;
  std::uint64_t level_bytes = 0;  ///< v2: definition levels at the start of the body
  bool compressed = true;         ///< v2 only: whether the rest of the body is
};

/// Throws InputError: not Parquet, encrypted, cut short, nested, of an unsupported type or codec.
[[nodiscard]] ParquetFooter read_parquet_footer(std::span<const std::uint8_t> file,
                                                const std::string& where);
/// The header at the start of `bytes`, whose body lies within them. Throws InputError.
[[nodiscard]] ParquetPageHeader read_parquet_page_header(std::span<const std::uint8_t> bytes,
                                                         const std::string& where);

}  // namespace headroom
