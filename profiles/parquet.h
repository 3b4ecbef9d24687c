// Reads flat Parquet tables: what published kernel measurements come in.
//
// Law: any bytes end in a table or in one InputError that names file, column and what is wrong;
// memory stays below `kParquetGrowth` bytes for each byte of the file plus `kParquetBase`, however
// the file describes itself. Cost: one pass over each column asked for. Read are BOOLEAN, INT32,
// INT64, FLOAT, DOUBLE and BYTE_ARRAY, required or optional, in PLAIN, RLE and dictionary
// encodings, data pages of both versions, uncompressed, Snappy or Zstandard. Not here: nested
// columns, other codecs and encodings, page indexes, checksums, writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// A file must not grow in memory beyond this many bytes for each of its own. The densest of 171
/// published kernel tables asks for 66.
constexpr std::uint64_t kParquetGrowth = 256;
/// Granted on top, so that a handful of long constant columns can be read.
constexpr std::uint64_t kParquetBase = 1 << 20;

struct ParquetColumn {
  /// BOOLEAN, INT32 and INT64 become integers, FLOAT and DOUBLE reals.
  enum class Type : std::uint8_t { integer, real, text };

  std::string name{};
  Type type = Type::integer;
  std::vector<std::int64_t> integers{};  ///< one a row, if of that type; 0 where null
  std::vector<double> reals{};           ///< one a row, if of that type; 0 where null
  /// One a row, if text: index in `words`. Word 0 is empty and stands for null.
  std::vector<std::uint32_t> codes{};
  std::vector<std::string> words{};
  std::vector<std::uint8_t> valid{};  ///< one a row, 0 where null; empty where nothing is
};

class ParquetTable {
 public:
  ParquetTable(std::string where, std::size_t rows, std::vector<ParquetColumn> columns);

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] const std::vector<ParquetColumn>& columns() const { return columns_; }
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  // The values of a column without nulls. Throw InputError: no such column, of another type, with
  // nulls.
  [[nodiscard]] std::span<const std::int64_t> integers(std::string_view name) const;
  [[nodiscard]] std::span<const double> reals(std::string_view name) const;
  [[nodiscard]] const ParquetColumn& texts(std::string_view name) const;

  [[nodiscard]] const ParquetColumn* find(std::string_view name) const;
  /// The file's name, as in errors.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  [[nodiscard]] const ParquetColumn& whole(std::string_view name, ParquetColumn::Type type) const;

  std::string where_;
  std::size_t rows_;
  std::vector<ParquetColumn> columns_;
};

/// Reads all columns of a file in memory; `where` names it in errors.
[[nodiscard]] ParquetTable read_parquet(std::span<const std::uint8_t> bytes,
                                        const std::string& where);
/// Reads a file; throws InputError also when it cannot be read.
[[nodiscard]] ParquetTable read_parquet(const std::string& path);

}  // namespace headroom
