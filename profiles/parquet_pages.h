// Decodes the pages of one Parquet column chunk into a column.
//
// Law: exactly the promised number of values comes out, or InputError; each allocation is first
// taken from the file's allowance. Cost: linear in values. Not here: what columns there are
// (profiles/parquet_format.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "profiles/parquet.h"
#include "profiles/parquet_format.h"

namespace headroom {

/// How many bytes of memory a file may still ask for.
class ParquetAllowance {
 public:
  ParquetAllowance(std::uint64_t file_size, const std::string& where)
      : left_(file_size * kParquetGrowth + kParquetBase), where_(&where) {}
  /// Throws InputError when `count` things of `size` bytes are more than is left.
  void take(std::uint64_t count, std::uint64_t size);
  /// Makes room for all of a column's values, so that decoding them never grows it.
  void reserve(std::uint64_t rows, const ParquetSchemaColumn& schema, ParquetColumn& column);

 private:
  std::uint64_t left_;
  const std::string* where_;
};

/// Appends `rows` values of a chunk to `column`, which has room for them. `where` names file and
/// column.
void decode_parquet_chunk(const ParquetChunk& chunk, const ParquetSchemaColumn& schema,
                          std::uint64_t rows, ParquetAllowance& allowance, const std::string& where,
                          ParquetColumn& column);

}  // namespace headroom
