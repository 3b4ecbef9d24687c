#include "traces/csv_fields.h"

namespace headroom {
namespace {
[[nodiscard]] bool is_blank(char c) { return c == ' ' || c == '\t'; }
}  // namespace

bool CsvFields::split(std::string_view line) {
  fields_.clear();
  if (!unescaped_.empty()) unescaped_.clear();
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at < line.size() && line[at] == '"') {
      if (!quoted(line, at)) return false;
    } else {
      plain(line, at);
    }
    if (at == line.size()) return true;
    ++at;  // the comma
  }
}

/// A field in quotes; leaves `at` on the comma behind it or at the end.
bool CsvFields::quoted(std::string_view line, std::size_t& at) {
  const std::size_t open = at++;
  const std::size_t begin = at;
  std::string text;
  bool doubled = false;
  while (at < line.size()) {
    if (line[at] != '"') {
      ++at;
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      doubled = true;
      at += 2;
    } else {
      break;
    }
  }
  if (at == line.size()) {
    fault_offset_ = open;
    return false;
  }
  std::string_view inside = line.substr(begin, at - begin);
  if (doubled) {
    for (std::size_t i = 0; i < inside.size(); ++i) {
      text.push_back(inside[i]);
      if (inside[i] == '"') ++i;
    }
    inside = unescaped_.emplace_back(std::move(text));
  }
  ++at;
  while (at < line.size() && is_blank(line[at])) ++at;
  if (at < line.size() && line[at] != ',') {
    fault_offset_ = at;
    return false;
  }
  fields_.push_back({inside, open});
  return true;
}

/// A field without quotes; leaves `at` on the comma behind it or at the end.
void CsvFields::plain(std::string_view line, std::size_t& at) {
  const std::size_t begin = at;
  at = line.find(',', begin);
  if (at == std::string_view::npos) at = line.size();
  std::size_t end = at;
  while (end > begin && is_blank(line[end - 1])) --end;
  fields_.push_back({line.substr(begin, end - begin), begin});
}

}  // namespace headroom
