// A log-linear histogram of non-negative 64-bit values.
//
// Law: a value and the representative of its bin differ by less than 1 part in 1024 of the value;
// values below 1024 are exact. Merging two histograms equals filling one.
// Cost: O(1) an add; 8 bytes a bin, bins grow on demand.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "sim/units.h"

namespace headroom {

class LogHistogram {
 public:
  static constexpr int kSubBits = 10;

  /// Bin of a value >= 0.
  [[nodiscard]] static constexpr std::size_t bin(std::int64_t value) {
    const auto v = static_cast<std::uint64_t>(value);
    if (v < (std::uint64_t{1} << kSubBits)) return static_cast<std::size_t>(v);
    const int shift = static_cast<int>(std::bit_width(v)) - 1 - kSubBits;
    return (static_cast<std::size_t>(shift) << kSubBits) + static_cast<std::size_t>(v >> shift);
  }
  /// Smallest value of a bin.
  [[nodiscard]] static constexpr std::int64_t lowest(std::size_t bin) {
    if (bin < (std::size_t{2} << kSubBits)) return static_cast<std::int64_t>(bin);
    const std::size_t shift = (bin >> kSubBits) - 1;
    return static_cast<std::int64_t>((bin - (shift << kSubBits)) << shift);
  }

  void add(std::int64_t value, std::int64_t weight = 1);
  void merge(const LogHistogram& other);
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::int64_t largest() const { return largest_; }
  [[nodiscard]] double mean() const;
  /// Nearest-rank quantile, q in [0, 1]: the lowest value of the bin that holds the
  /// ceil(q*count)-th smallest; the exact maximum for the last one. 0 when empty.
  [[nodiscard]] std::int64_t quantile(double q) const;
  /// Share of the weight at values whose bin lies at or below that of `value`.
  [[nodiscard]] double share_at_most(std::int64_t value) const;
  /// Adds `weight` to a bin whose values sum to `sum` and reach at most `largest`.
  void add_to_bin(std::size_t bin, std::int64_t weight) {
    if (bin >= weights_.size()) weights_.resize(bin + 1024, 0);
    weights_[bin] += weight;
  }
  /// Books count, sum and maximum of values that went in through `add_to_bin`.
  void add_totals(std::int64_t count, Int128 sum, std::int64_t largest) {
    count_ += count;
    sum_ += sum;
    if (largest > largest_) largest_ = largest;
  }

 private:
  std::vector<std::int64_t> weights_;
  std::int64_t count_ = 0;
  std::int64_t largest_ = 0;
  Int128 sum_ = 0;  ///< exact, so that the order of adding cannot show
};

}  // namespace headroom
