// A quantile of a few values, for errors and gaps in tables. Models only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace headroom {

/// The value at `share` (0 to 1) of the sorted `values`, its rank rounded down; 0 of none.
[[nodiscard]] inline double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

}  // namespace headroom
