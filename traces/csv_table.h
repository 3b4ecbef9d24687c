// A CSV file of measurements with its columns found by name.
//
// Law: every fault is an InputError with file:line:column; a row has as many fields as the first
// line, which names each column once.
// Cost: one pass, one row in memory; at most kMostMeasuredRows.
// Not here: what columns mean; traces of requests (traces/trace_reader.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "traces/csv_fields.h"
#include "traces/line_reader.h"

namespace headroom {

constexpr std::size_t kMostMeasuredRows = 1'000'000;
/// Bounds of what a measured row may say: tokens, clients, GPUs of one axis of a split, ms (eleven
/// days).
constexpr std::int64_t kMostRowTokens = 10'000'000;
constexpr std::int64_t kMostRowClients = 1'000'000;
constexpr std::int64_t kMostRowWidth = 4096;
constexpr double kMostRowMs = 1e9;

class CsvTable {
 public:
  /// Reads the first line. Throws InputError for an empty file and a column named twice.
  CsvTable(std::unique_ptr<ByteSource> bytes, const std::string& name);

  [[nodiscard]] bool has(const std::string& column) const { return by_name_.count(column) > 0; }
  [[nodiscard]] const std::map<std::string, std::size_t>& columns() const { return by_name_; }
  /// Where a column is named.
  [[nodiscard]] std::string header_place(std::size_t column);
  [[nodiscard]] const std::string& name() const { return lines_.name(); }

  /// The next row, empty lines passed over; false at the end.
  bool next();

  /// "file:line" of the row.
  [[nodiscard]] std::string where() const;
  /// Empty where the file has no such column.
  [[nodiscard]] std::string_view text(const std::string& column) const;
  [[nodiscard]] std::string word(const std::string& column) const {
    return std::string(text(column));
  }
  /// file:line:column of a field.
  [[nodiscard]] std::string place(const std::string& column) const;
  [[nodiscard]] std::int64_t whole(const std::string& column, std::int64_t least,
                                   std::int64_t most) const;
  /// `otherwise` where the field is empty or there is no such column.
  [[nodiscard]] std::int64_t whole_or(const std::string& column, std::int64_t least,
                                      std::int64_t most, std::int64_t otherwise) const;
  [[nodiscard]] double number(const std::string& column, double least, double most) const;
  /// A time above 0; none where the field is empty.
  [[nodiscard]] std::optional<double> time_ms(const std::string& column) const;

 private:
  void split(const std::string& line);

  LineReader lines_;
  std::string header_text_, row_;
  CsvFields fields_;
  std::map<std::string, std::size_t> by_name_;
  std::size_t columns_ = 0;
  std::size_t rows_ = 0;
};

}  // namespace headroom
