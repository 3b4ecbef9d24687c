#include "reports/student_interval.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace headroom {
namespace {

constexpr double kPi = 3.14159265358979323846;

/// Of x >= 0: halved twice by atan x = 2 atan(x / (1 + sqrt(1 + x^2))), then its series, for
/// x below tan(pi / 16) = 0.199, where 13 terms leave 1e-19.
double arctangent(double x) {
  if (x > 1) return kPi / 2 - arctangent(1 / x);
  for (int i = 0; i < 2; ++i) x = x / (1 + std::sqrt(1 + x * x));
  double sum = 0;
  for (int k = 12; k >= 0; --k) sum = 1.0 / (2 * k + 1) - x * x * sum;
  return 4 * x * sum;
}

constexpr std::size_t kKept = 256;

/// By halving: the tail falls in t.
double solved_quantile(std::size_t freedom) {
  double low = 1.9;
  double high = 12.8;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_tail(middle, freedom) > 0.05 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

double student_tail(double t, std::size_t freedom) {
  const auto n = static_cast<double>(freedom);
  const double cosine2 = 1 / (1 + t * t / n);
  const double sine = std::sqrt(1 - cosine2);
  // 1 + 1/2 c^2 + 1*3/(2*4) c^4 + ... for even, 1 + 2/3 c^2 + 2*4/(3*5) c^4 + ... for odd.
  double term = 1;
  double sum = freedom > 1 ? 1 : 0;
  for (std::size_t k = freedom % 2 == 0 ? 2 : 3; k < freedom; k += 2) {
    const auto even = static_cast<double>(k);
    term *= (even - 1) / even * cosine2;
    sum += term;
  }
  double inside = sine * sum;
  if (freedom % 2 == 1) {
    inside = 2 / kPi * (arctangent(t / std::sqrt(n)) + sine * std::sqrt(cosine2) * sum);
  }
  return std::clamp(1 - inside, 0.0, 1.0);
}

double student_quantile95(std::size_t freedom) {
  static const std::array<double, kKept + 1> kQuantiles = [] {
    std::array<double, kKept + 1> table{};
    for (std::size_t n = 1; n <= kKept; ++n) table[n] = solved_quantile(n);
    return table;
  }();
  if (freedom <= kKept) return kQuantiles[freedom];
  // Abramowitz and Stegun 26.7.5 around the normal quantile.
  const double z = 1.959963984540054;
  const auto n = static_cast<double>(freedom);
  const double z2 = z * z;
  return z + z * (z2 + 1) / (4 * n) + z * ((5 * z2 + 16) * z2 + 3) / (96 * n * n) +
         z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / (384 * n * n * n);
}

StudentInterval student_interval(const std::vector<double>& values) {
  StudentInterval interval;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++interval.count;
    interval.mean += value;
  }
  if (interval.count == 0) return interval;
  const auto count = static_cast<double>(interval.count);
  interval.mean /= count;
  if (interval.count < 2) return interval;
  double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - interval.mean) * (value - interval.mean);
  }
  const double error = std::sqrt(squares / (count - 1) / count);
  interval.half_width = student_quantile95(interval.count - 1) * error;
  const double distance = std::abs(interval.mean);
  if (error > 0) interval.chance = student_tail(distance / error, interval.count - 1);
  if (!(error > 0) && distance > 0) interval.chance = 0;
  return interval;
}

StudentInterval paired_interval(const std::vector<double>& values,
                                const std::vector<double>& base) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < std::min(values.size(), base.size()); ++i) {
    differences.push_back(values[i] - base[i]);
  }
  return student_interval(differences);
}

}  // namespace headroom
