// How well packs give back the kernels that they were fitted to, in figures and in a line.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/pack.h"

namespace headroom {
namespace {

/// "vLLM 0.24.0": a table's version may name older ones that lent it rows, after '+'.
std::string library_of(const PackTable& table) {
  return table.library + " " + table.version.substr(0, table.version.find('+'));
}

}  // namespace

std::vector<PackError> pack_errors(const Pack& pack) {
  std::vector<PackError> errors;
  for (int i = 0; i < kPackOps; ++i) {
    PackError one;
    one.op = static_cast<PackOp>(i);
    for (const PackTable& table : pack.tables) {
      if (table.key.op != one.op) continue;
      ++one.tables;
      one.rows += table.rows;
      one.median += table.median_error * static_cast<double>(table.rows);
      one.p90 += table.p90_error * static_cast<double>(table.rows);
    }
    if (one.rows == 0) continue;
    one.median /= static_cast<double>(one.rows);
    one.p90 /= static_cast<double>(one.rows);
    errors.push_back(one);
  }
  return errors;
}

std::string pack_origin(const Pack& pack) {
  std::int64_t rows = 0;
  std::vector<std::string> libraries;
  for (const PackTable& table : pack.tables) {
    rows += table.rows;
    const std::string library = library_of(table);
    if (std::find(libraries.begin(), libraries.end(), library) == libraries.end())
      libraries.push_back(library);
  }
  std::sort(libraries.begin(), libraries.end());
  return fmt::format("{} kernels of {} ({})", rows, fmt::join(libraries, ", "), pack.source);
}

std::string pack_error_text(const Pack& pack) {
  std::string text;
  for (const PackError& one : pack_errors(pack)) {
    text +=
        fmt::format("{}{} {:.1f}", text.empty() ? "" : ", ", to_string(one.op), one.median * 100);
  }
  return text;
}

}  // namespace headroom
