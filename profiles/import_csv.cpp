#include "profiles/import_csv.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::size_t kMostColumns = 512;

/// For messages: short, and of one line.
std::string shown(std::string_view cell) {
  std::string text(cell.substr(0, 40));
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

void split(std::string_view line, std::vector<std::string_view>& out) {
  out.clear();
  for (std::size_t start = 0;;) {
    const std::size_t end = line.find(',', start);
    out.push_back(line.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return;
    start = end + 1;
  }
}

}  // namespace

NumberTable::NumberTable(std::span<const std::uint8_t> bytes, std::string where)
    : where_(std::move(where)) {
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);
  std::vector<std::string_view> cells;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    split(line, cells);
    if (names_.empty()) {
      if (cells.size() > kMostColumns || line.find('\0') != std::string_view::npos)
        throw InputError(where_,
                         "expected a line of column names, got something else; "
                         "the file is no table");
      names_.assign(cells.begin(), cells.end());
      continue;
    }
    if (cells.size() != names_.size())
      throw InputError(place(rows_), "expected " + std::to_string(names_.size()) + " values, got " +
                                         std::to_string(cells.size()) +
                                         "; the file was cut short or is damaged");
    cells_.insert(cells_.end(), cells.begin(), cells.end());
    ++rows_;
  }
  if (names_.empty())
    throw InputError(where_, "expected a table, got an empty file; fetch it again");
}

std::string NumberTable::place(std::size_t row) const {
  return where_ + ":" + std::to_string(row + 2);  // the names are line 1
}

bool NumberTable::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::size_t NumberTable::column(std::string_view name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found == names_.end())
    throw InputError(where_, "expected a column '" + std::string(name) +
                                 "', got none; the file is of another kind");
  return static_cast<std::size_t>(found - names_.begin());
}

std::string_view NumberTable::text(std::string_view name, std::size_t row) const {
  return cells_[row * names_.size() + column(name)];
}

double NumberTable::real(std::string_view name, std::size_t row) const {
  const std::string_view cell = text(name, row);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size())
    throw InputError(place(row), "expected a number in column '" + std::string(name) + "', got '" +
                                     shown(cell) + "'; correct the line");
  return value;
}

std::int64_t NumberTable::integer(std::string_view name, std::size_t row) const {
  const double value = real(name, row);
  constexpr double kMost = 9007199254740992.0;  // 2^53
  if (!(value >= 0 && value <= kMost) ||
      value != static_cast<double>(static_cast<std::int64_t>(value)))
    throw InputError(place(row), "expected a whole number of zero or more in column '" +
                                     std::string(name) + "', got '" + shown(text(name, row)) +
                                     "'; correct the line");
  return static_cast<std::int64_t>(value);
}

}  // namespace headroom
