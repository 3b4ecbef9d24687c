// Arithmetic of a run of equal decode iterations.
//
// Between two changes of a batch, iteration i of n decodes lasts d_i = floor((first + i * step) /
// 2^20) ns: a line of the cost model (DecodeLine) read at contexts S, S + n, S + 2n, ...
// Law: every result equals the loop over single iterations, to the nanosecond.
// Cost: O(log) a sum.
#pragma once

#include <cstdint>

#include "sim/cost_model.h"
#include "sim/histogram.h"
#include "sim/units.h"

namespace headroom {

/// Sum over i in [0, n) of floor((a * i + b) / 2^20). Requires 0 <= a, b < 2^62 / (n + 1) and n >=
/// 0.
[[nodiscard]] std::int64_t fixed_floor_sum(std::int64_t n, std::int64_t a, std::int64_t b);

class DecodeRun {
 public:
  DecodeRun() = default;
  /// The iterations of `decodes` decodes that start with total context `context` on `line`.
  DecodeRun(const DecodeLine& line, std::int64_t decodes, std::int64_t context)
      : first_(line.base + line.slope * context), step_(line.slope * decodes) {}

  /// Duration of iteration i.
  [[nodiscard]] Duration at(std::int64_t i) const {
    return Duration((first_ + step_ * i) >> kFixedBits);
  }
  /// Total duration of the first k iterations.
  [[nodiscard]] Duration sum(std::int64_t k) const {
    return Duration(k == 1 ? first_ >> kFixedBits : fixed_floor_sum(k, step_, first_));
  }
  /// Fewest iterations, at least 1, whose total duration reaches `elapsed`; at most `limit` (>= 1).
  [[nodiscard]] std::int64_t iterations_to_reach(Duration elapsed, std::int64_t limit) const;
  /// Adds the durations of iterations [from, to), each `weight` times, to a histogram.
  void add_gaps(std::int64_t from, std::int64_t to, std::int64_t weight,
                LogHistogram& histogram) const;

 private:
  std::int64_t first_ = 0;  ///< fixed-point ns of iteration 0
  std::int64_t step_ = 0;  ///< fixed-point ns by which each iteration is longer than the one before
};

}  // namespace headroom
