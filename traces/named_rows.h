// A CSV with a header, read row by row and by column name: what small traces share.
//
// Law: any bytes give rows or one InputError `file:line:column`.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "traces/csv_fields.h"
#include "traces/exact_numbers.h"
#include "traces/line_reader.h"

namespace headroom {

/// The rows of a CSV by the names of its header.
class NamedRows {
 public:
  NamedRows(LineReader reader, std::vector<std::string> known)
      : reader_(std::move(reader)), known_(std::move(known)), column_(known_.size()) {
    const auto line = reader_.next();
    if (!line) throw InputError(reader_.name(), "expected a header and rows, got an empty file");
    header_ = std::string(*line);
    split(*line);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const auto it = std::find(known_.begin(), known_.end(), fields_[i]);
      if (it != known_.end()) column_[static_cast<std::size_t>(it - known_.begin())] = i;
    }
    width_ = fields_.size();
  }

  void require(std::size_t index) const {
    if (column_[index]) return;
    throw InputError(reader_.place(0),
                     fmt::format("expected a column \"{}\" in the header, got {}; add it",
                                 known_[index], headroom::quoted(header_)));
  }
  [[nodiscard]] bool has(std::size_t index) const { return column_[index].has_value(); }

  /// Goes to the next row; a recurring header and blank lines are passed over.
  [[nodiscard]] bool next() {
    for (;;) {
      const auto line = reader_.next();
      if (!line) return false;
      if (line->empty() || *line == header_) continue;
      split(*line);
      if (fields_.size() != width_) {
        throw InputError(reader_.place(0), fmt::format("expected {} fields as in the header, got "
                                                       "{}; complete the row",
                                                       width_, fields_.size()));
      }
      return true;
    }
  }
  [[nodiscard]] std::string_view text(std::size_t index) const { return fields_[*column_[index]]; }
  [[nodiscard]] std::string place(std::size_t index) const {
    return reader_.place(column_[index] ? fields_.offset(*column_[index]) : 0);
  }
  [[nodiscard]] const std::string& name() const { return reader_.name(); }

  /// Times 10^scale, from 0 to `most`.
  [[nodiscard]] std::int64_t number(std::size_t index, int scale, std::int64_t most) const {
    const ExactNumber number = parse_decimal(text(index), scale);
    if (number.fault != NumberFault::none || number.value > most) {
      throw InputError(
          place(index),
          fmt::format("expected {} as a number from 0 up{}, got {}; correct it", known_[index],
                      number.fault == NumberFault::too_large || number.fault == NumberFault::none
                          ? " within bounds"
                          : "",
                      headroom::quoted(text(index))));
    }
    return number.value;
  }

 private:
  void split(std::string_view line) {
    if (fields_.split(line)) return;
    throw InputError(reader_.place(fields_.fault_offset()),
                     "expected a closing quote before the next comma, got none; add it");
  }

  LineReader reader_;
  std::vector<std::string> known_;
  std::vector<std::optional<std::size_t>> column_;
  std::string header_;
  CsvFields fields_;
  std::size_t width_ = 0;
};

}  // namespace headroom
