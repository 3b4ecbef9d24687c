// A column of durations boiled down to mean, quantiles and maximum.
//
// Law: quantiles are nearest-rank (the ceil(q*n)-th smallest), hence values that occurred; p50 <=
// p90 <= p95 <= p99 <= max. From a column they are exact; from a LogHistogram off by less than 1
// part in 1024.
// Cost: O(n) by selection, no sort, no copy: the column is reordered in place.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/histogram.h"

namespace headroom {

/// Milliseconds; all zero when `count` is 0.
struct DurationSummary {
  std::int64_t count = 0;
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
};

/// Summary of nanoseconds; reorders `column`.
[[nodiscard]] DurationSummary summary_of(std::vector<std::int64_t>& column);

/// Summary of a histogram of nanoseconds.
[[nodiscard]] DurationSummary summary_of(const LogHistogram& histogram);

}  // namespace headroom
