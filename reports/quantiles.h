// Durations boiled down to mean, quantiles and maximum.
//
// Law: quantiles are nearest-rank (the ceil(q*n)-th smallest), hence values that occurred; p50 <=
// p90 <= p95 <= p99 <= max. From a column or from two readings they are exact and the same; from a
// LogHistogram off by less than 1 part in 1024.
// Cost: O(n). A column is reordered in place by selection, without a copy; two readings take the
// memory of a histogram and of the values that share a bin with a quantile.
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

/// Summary of nanoseconds >= 0 that are read twice, in any order: first all by `count`, then
/// `find_bins`, then the same by `collect`.
class TwoReadings {
 public:
  void count(std::int64_t ns) {
    const std::size_t bin = LogHistogram::bin(ns);
    if (bin >= weights_.size()) grow(bin, ns);
    ++weights_[bin];
    sum_ += ns;
    largest_ = ns > largest_ ? ns : largest_;
  }
  /// How many values `collect` will keep.
  [[nodiscard]] std::int64_t find_bins();
  void collect(std::int64_t ns) {
    if (wanted_[LogHistogram::bin(ns)] != 0) kept_.push_back(ns);
  }
  [[nodiscard]] DurationSummary summary();

 private:
  void grow(std::size_t bin, std::int64_t ns);
  /// Of a quantile: the bin that holds it and how many values lie below that bin.
  struct Place {
    std::size_t bin = 0;
    std::int64_t below = 0;
  };
  [[nodiscard]] Place place_of(std::int64_t rank) const;

  std::vector<std::int64_t> weights_;
  std::vector<std::uint8_t> wanted_;  ///< by bin
  std::vector<std::int64_t> kept_;
  Int128 sum_ = 0;
  std::int64_t count_ = 0, largest_ = 0;
};

/// Summary of a histogram of nanoseconds.
[[nodiscard]] DurationSummary summary_of(const LogHistogram& histogram);

}  // namespace headroom
