// Student's t, and intervals of means with it: of values over seeds, and of paired differences.
//
// Law: values that are not finite do not count; nothing has a half-width from fewer than two. Only
// + - x / and square roots, so that the same values give the same bytes on every machine.
// Cost: linear in the values; quantiles up to 256 degrees of freedom are kept.
// Not for values that follow one another in one run, which are correlated (reports/batch_means.h).
#pragma once

#include <cstddef>
#include <vector>

namespace headroom {

/// Chance that |t| exceeds `t` >= 0 under `freedom` >= 1 degrees of freedom (Abramowitz and Stegun
/// 26.7.3 and 26.7.4, exact), to 1e-15.
[[nodiscard]] double student_tail(double t, std::size_t freedom);

/// What |t| exceeds in 5 % of all cases; to 1e-9 of itself.
[[nodiscard]] double student_quantile95(std::size_t freedom);

/// Mean and half-width of its 95 % interval.
struct StudentInterval {
  std::size_t count = 0;  ///< values it rests on
  double mean = 0;
  double half_width = 0;
  /// Chance of a mean this far from 0 in either direction where the true one is 0; 1 from fewer
  /// than two values, and 0 where all values are equal and not 0.
  double chance = 1;

  [[nodiscard]] double low() const { return mean - half_width; }
  [[nodiscard]] double high() const { return mean + half_width; }
};

[[nodiscard]] StudentInterval student_interval(const std::vector<double>& values);

/// Of values[i] - base[i], where both are finite.
[[nodiscard]] StudentInterval paired_interval(const std::vector<double>& values,
                                              const std::vector<double>& base);

}  // namespace headroom
