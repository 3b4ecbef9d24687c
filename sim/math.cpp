#include "sim/math.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace headroom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ln 2 = 0x0.B17217F7D1CF79ABC9E3B39803F2F6AF... cut after 42 bits, so that k * kLn2High is exact
// for |k| < 2^11, and the next 53 bits.
constexpr double kLn2High = 0x1.62e42fefa38p-1;
constexpr double kLn2Low = 0x1.ef35793c7673p-45;
constexpr double kLog2E = 0x1.71547652b82fep+0;

// exp overflows above ln(2^1024) and rounds to 0 below ln(2^-1075).
constexpr double kExpOverflow = 0x1.62e42fefa39efp+9;
constexpr double kExpUnderflow = -0x1.74910d52d3052p+9;

/// 2^k for a normal result: -1022 <= k <= 1023.
double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// An unevaluated sum of two doubles, |low| <= ulp(high) / 2.
struct Pair {
  double high;
  double low;
};

/// a + b without error for |a| >= |b| (Dekker 1971).
Pair exact_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

/// a * b without error while neither overflows nor underflows (Dekker 1971, Veltkamp's split).
Pair exact_product(double a, double b) {
  constexpr double kSplit = 0x1p27 + 1;
  const double ca = kSplit * a;
  const double ah = ca - (ca - a);
  const double al = a - ah;
  const double cb = kSplit * b;
  const double bh = cb - (cb - b);
  const double bl = b - bh;
  const double product = a * b;
  return {product, ((ah * bh - product) + ah * bl + al * bh) + al * bl};
}

/// x = 2^exponent * (1 + fraction), 1 + fraction in [sqrt(1/2), sqrt(2)).
struct Split {
  int exponent;
  double fraction;
};

Split split(double x) {  // requires x finite, > 0
  int exponent = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    exponent = -54;
  }
  constexpr std::uint64_t kMantissa = (std::uint64_t{1} << 52) - 1;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & kMantissa) | (std::uint64_t{1023} << 52));
  if (m >= 0x1.6a09e667f3bcdp+0) {  // sqrt(2), rounded up
    m *= 0.5;
    ++exponent;
  }
  return {exponent, m - 1.0};
}

/// 2 (z/3 + z^2/5 + ... + z^10/21), the tail of log((1+s)/(1-s)) / s = 2 + tail with z = s^2 <=
/// 0.02944. The first term left out, 2 z^11 / 23, is below 2^-63.
double atanh_tail(double z) {
  double sum = 2.0 / 21;
  sum = sum * z + 2.0 / 19;
  sum = sum * z + 2.0 / 17;
  sum = sum * z + 2.0 / 15;
  sum = sum * z + 2.0 / 13;
  sum = sum * z + 2.0 / 11;
  sum = sum * z + 2.0 / 9;
  sum = sum * z + 2.0 / 7;
  sum = sum * z + 2.0 / 5;
  sum = sum * z + 2.0 / 3;
  return sum * z;
}

/// log(x) with about 2^-62 relative error. Requires x finite, > 0.
Pair log_pair(double x) {
  const Split parts = split(x);
  const double f = parts.fraction;
  // s = f / (2 + f) as a pair: the remainder of the division gives the low part.
  const Pair denominator = exact_sum(2.0, f);
  const double s = f / denominator.high;
  const Pair back = exact_product(s, denominator.high);
  const double s_low = ((f - back.high) - back.low - s * denominator.low) / denominator.high;
  const double tail = s * atanh_tail(s * s);
  const Pair log_m = exact_sum(2.0 * s, 2.0 * s_low + tail);
  if (parts.exponent == 0) return log_m;
  const double k = parts.exponent;
  const Pair sum = exact_sum(k * kLn2High, log_m.high);
  return exact_sum(sum.high, sum.low + (k * kLn2Low + log_m.low));
}

/// exp(high + low) for |low| much smaller than 1.
double exp_pair(double high, double low) {
  if (high > kExpOverflow) return kInfinity;
  if (high < kExpUnderflow) return 0.0;
  const int k = static_cast<int>(high * kLog2E + (high < 0 ? -0.5 : 0.5));
  const double reduced =
      high - k * kLn2High;  // exact: both are multiples of one small power of two
  const double shift = low - k * kLn2Low;
  const double r = reduced + shift;  // |r| <= 0.3466 and a little
  const double r_low = (reduced - r) + shift;
  // exp(r) - 1 - r by its series to r^14 / 14!; the next term is below 2^-62.
  double sum = 1.0 / 87178291200.0;
  sum = sum * r + 1.0 / 6227020800.0;
  sum = sum * r + 1.0 / 479001600.0;
  sum = sum * r + 1.0 / 39916800.0;
  sum = sum * r + 1.0 / 3628800.0;
  sum = sum * r + 1.0 / 362880.0;
  sum = sum * r + 1.0 / 40320.0;
  sum = sum * r + 1.0 / 5040.0;
  sum = sum * r + 1.0 / 720.0;
  sum = sum * r + 1.0 / 120.0;
  sum = sum * r + 1.0 / 24.0;
  sum = sum * r + 1.0 / 6.0;
  sum = sum * r + 0.5;
  const double value = 1.0 + (r + (r_low + sum * r * r));
  // Two steps, so that neither factor leaves the normal range; only the last one rounds.
  const int half = k / 2;
  return value * power_of_two(half) * power_of_two(k - half);
}

}  // namespace

double portable_log(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  const Split parts = split(x);
  const double f = parts.fraction;
  const double k = parts.exponent;
  // log(1+f) = 2 atanh(s) with s = f / (2+f), and 2 s = f - s f: the rounding error of s enters
  // only times f.
  const double s = f / (2.0 + f);
  return k * kLn2High + (f - (s * (f - atanh_tail(s * s)) - k * kLn2Low));
}

double portable_exp(double x) {
  if (x != x) return x;
  return exp_pair(x, 0.0);
}

double portable_pow(double x, double y) {
  if (y == 0 || x == 1) return 1.0;
  if (x != x || y != y || x < 0) return kNaN;
  if (x == 0 || x == kInfinity) return (x == 0) == (y > 0) ? 0.0 : kInfinity;
  const Pair log_x = log_pair(x);
  // Beyond +-800 the result is infinite or 0 whatever the low part says; this also keeps the split
  // from overflowing.
  const double rough = y * log_x.high;
  if (rough > 800) return kInfinity;
  if (rough < -800) return 0.0;
  const Pair product = exact_product(y, log_x.high);
  return exp_pair(product.high, product.low + y * log_x.low);
}

double nearest_rank(std::span<const double> sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::min(sorted.size(), std::max<std::size_t>(rank, 1)) - 1];
}

}  // namespace headroom
