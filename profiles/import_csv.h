// Comma-separated numbers with a line of names: what simulators publish their measurements in.
//
// Law: any bytes end in columns of one length or InputError with line and column; memory stays
// below 32 bytes for each byte of the file. Cost: one pass. Not here: quotes (none of the formats
// has any), traces (traces/).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

class NumberTable {
 public:
  /// Reads a file in memory; `where` names it. Words that are no numbers are kept as texts.
  NumberTable(std::span<const std::uint8_t> bytes, std::string where);

  [[nodiscard]] std::size_t rows() const { return rows_; }
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// A number. Throws InputError: no such column, no number there.
  [[nodiscard]] double real(std::string_view name, std::size_t row) const;
  /// A whole number from 0 to 2^53.
  [[nodiscard]] std::int64_t integer(std::string_view name, std::size_t row) const;
  [[nodiscard]] std::string_view text(std::string_view name, std::size_t row) const;
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] std::string place(std::size_t row) const;

 private:
  [[nodiscard]] std::size_t column(std::string_view name) const;

  std::string where_;
  std::vector<std::string> names_{};
  std::vector<std::string_view> cells_{};  ///< row by row, into the bytes
  std::size_t rows_ = 0;
};

}  // namespace headroom
