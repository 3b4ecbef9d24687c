// Robust linear regression with bands, for times whose noise grows with them.
//
// Law: a function of its arguments alone; the order of points does not matter but for rounding; a
// coefficient asked to be non-negative is. Cost: a few hundred small least-squares problems.
// Not here: what the columns mean (profiles/calibrate_model.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace headroom {

/// One observation: y is about the sum of coefficient times x.
struct FitPoint {
  std::vector<double> x{};
  double y = 0;  ///< > 0
};

struct FittedValue {
  double value = 0, low = 0, high = 0;  ///< 95 % band
};

struct Fit {
  std::vector<FittedValue> coefficients{};
  /// Of (y - fitted) / y over the points: 1.4826 times the median of its size (a normal law's
  /// deviation).
  double spread = 0;
};

/// Least squares of relative residuals under Huber's loss (tuning 1.345, 95 % efficiency for normal
/// noise: Huber and Ronchetti, Robust Statistics, 2009), solved by reweighting. Negative
/// coefficients are set to 0 and left out. Bands: 2.5 to 97.5 % over 400 resamples of the residuals
/// (Davison and Hinkley, Bootstrap Methods, 1997, section 6.3), drawn by `seed`. Nothing when the
/// points do not tell the coefficients apart.
/// `least_deviation` > 0: points differ by nature, not by disturbance. Those within 1.345 of it
/// (relative) about the fit count in full, and the fit goes through their mean.
[[nodiscard]] std::optional<Fit> robust_fit(const std::vector<FitPoint>& points, std::uint64_t seed,
                                            double least_deviation = 0);

/// A line a + b x through the intervals: least sum of distances from the intervals to it, which is
/// the least-absolute-deviation line through all their ends. The middle of all such lines; b >= 0.
struct IntervalAt {
  double x = 0, low = 0, high = 0;
};
/// With fewer than two different x: b = 0. Nothing for no intervals.
[[nodiscard]] std::optional<std::pair<double, double>> line_through(
    const std::vector<IntervalAt>& intervals);

/// Mean of the middle half: as precise as a median that sees all of it, and blind to up to a
/// quarter of outliers on each side. 0 for none.
[[nodiscard]] double middle_mean(std::vector<double> values);

}  // namespace headroom
