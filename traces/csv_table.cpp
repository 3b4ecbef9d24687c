#include "traces/csv_table.h"

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {

CsvTable::CsvTable(std::unique_ptr<ByteSource> bytes, const std::string& name)
    : lines_(std::move(bytes), name) {
  const auto line = lines_.next();
  if (!line || line->empty()) {
    throw InputError(name, "expected a CSV file with a line of column names, got " +
                               std::string(line ? "an empty first line" : "an empty file") +
                               "; is it the right file?");
  }
  header_text_ = *line;
  split(header_text_);
  columns_ = fields_.size();
  for (std::size_t i = 0; i < columns_; ++i) {
    const std::string column(fields_[i]);
    if (!column.empty() && !by_name_.emplace(column, i).second) {
      throw InputError(lines_.place(fields_.offset(i)),
                       "expected each column once, got " + quoted(column) + " again; remove one");
    }
  }
}

std::string CsvTable::header_place(std::size_t column) {
  split(header_text_);
  return lines_.name() + ":1:" + std::to_string(fields_.offset(column) + 1);
}

bool CsvTable::next() {
  for (;;) {
    const auto line = lines_.next();
    if (!line) return false;
    if (line->empty()) continue;
    row_ = *line;
    split(row_);
    if (fields_.size() != columns_) {
      const std::size_t at = fields_.size() < columns_ ? row_.size() : fields_.offset(columns_);
      throw InputError(lines_.place(at), "expected " + std::to_string(columns_) +
                                             " columns as in the first line, got " +
                                             std::to_string(fields_.size()) +
                                             "; is the file truncated?");
    }
    if (++rows_ > kMostMeasuredRows) {
      throw InputError(lines_.place(0), "expected at most " + std::to_string(kMostMeasuredRows) +
                                            " rows, got more; split the file");
    }
    return true;
  }
}

std::string CsvTable::where() const { return lines_.name() + ":" + std::to_string(lines_.line()); }

std::string_view CsvTable::text(const std::string& column) const {
  const auto it = by_name_.find(column);
  return it == by_name_.end() ? std::string_view() : fields_[it->second];
}

std::string CsvTable::place(const std::string& column) const {
  const auto it = by_name_.find(column);
  return it == by_name_.end() ? where() : lines_.place(fields_.offset(it->second));
}

std::int64_t CsvTable::whole(const std::string& column, std::int64_t least,
                             std::int64_t most) const {
  return parse_integer(text(column), least, most, place(column));
}

std::int64_t CsvTable::whole_or(const std::string& column, std::int64_t least, std::int64_t most,
                                std::int64_t otherwise) const {
  return text(column).empty() ? otherwise : whole(column, least, most);
}

double CsvTable::number(const std::string& column, double least, double most) const {
  return parse_number(text(column), least, most, place(column));
}

std::optional<double> CsvTable::time_ms(const std::string& column) const {
  if (text(column).empty()) return std::nullopt;
  const double ms = number(column, 0, kMostRowMs);
  if (!(ms > 0)) {
    throw InputError(place(column), "expected a time above 0 ms, got " +
                                        quoted(std::string(text(column))) +
                                        "; leave it empty where nothing was measured");
  }
  return ms;
}

void CsvTable::split(const std::string& line) {
  if (fields_.split(line)) return;
  throw InputError(lines_.place(fields_.fault_offset()),
                   "expected a closed quote followed by a comma; correct the quotes");
}

}  // namespace headroom
