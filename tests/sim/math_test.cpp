#include "sim/math.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tests/catch.h"

using namespace headroom;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Distance of `got` from the exact value in units of the last place of a double of that size.
double ulps(double got, long double exact) {
  const double near = static_cast<double>(exact);
  if (got == near) return 0;  // also where both are infinite
  const double size = std::fabs(near);
  const double above = std::nextafter(size, kInf);
  const long double ulp =
      std::isinf(above)
          ? static_cast<long double>(size) - static_cast<long double>(std::nextafter(size, 0.0))
          : static_cast<long double>(above) - static_cast<long double>(size);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / ulp);
}

/// Every positive finite double is as likely as any other, subnormals included.
double any_positive(std::mt19937_64& bits) {
  constexpr std::uint64_t kFinite = 0x7ff0'0000'0000'0000;
  return std::bit_cast<double>(1 + bits() % (kFinite - 1));
}

double uniform(std::mt19937_64& bits, double low, double high) {
  return low + (high - low) * (static_cast<double>(bits() >> 11) * 0x1p-53);
}

}  // namespace

// The reference is the long double function of the C library: 64 bits of mantissa (more on some
// machines), so its own error is below 0.001 ulp of a double.

TEST_CASE("portable_log is within 2 ulp of the logarithm over all positive doubles") {
  std::mt19937_64 bits(1);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const double x = any_positive(bits);
    worst = std::max(worst, ulps(portable_log(x), std::log(static_cast<long double>(x))));
  }
  CHECK(worst <= 2.0);
}

TEST_CASE("portable_log is within 2 ulp where the logarithm is small") {
  std::mt19937_64 bits(2);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    // 1 +- 2^-k for all scales k, and the whole of [1/2, 2], where the mantissa is cut at sqrt(2).
    const double offset = std::ldexp(uniform(bits, -1, 1), -static_cast<int>(bits() % 53));
    const double x = i % 2 == 0 ? 1 + offset * 0.5 : uniform(bits, 0.5, 2.0);
    worst = std::max(worst, ulps(portable_log(x), std::log(static_cast<long double>(x))));
  }
  CHECK(worst <= 2.0);
}

TEST_CASE("portable_exp is within 2 ulp of the exponential over its whole range") {
  std::mt19937_64 bits(3);
  double worst = 0;
  for (int i = 0; i < 300'000; ++i) {
    const double scale = std::ldexp(1.0, -static_cast<int>(bits() % 60));
    const double x = i % 2 == 0 ? uniform(bits, -745.13, 709.78) : scale * uniform(bits, -1, 1);
    worst = std::max(worst, ulps(portable_exp(x), std::exp(static_cast<long double>(x))));
  }
  CHECK(worst <= 2.0);
}

TEST_CASE("portable_pow is within 1e-13 of the power for results in [1e-300, 1e300]") {
  std::mt19937_64 bits(4);
  double worst = 0;
  int compared = 0;
  for (int i = 0; i < 300'000; ++i) {
    const double x = i % 3 == 0   ? any_positive(bits)
                     : i % 3 == 1 ? uniform(bits, 0.9, 1.1)
                                  : uniform(bits, 0, 1000);
    // The exponent that makes the result e^[-690, 690].
    const double y = uniform(bits, -690, 690) / std::log(x);
    const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    if (!std::isfinite(y) || exact < 1e-300L || exact > 1e300L) continue;
    ++compared;
    const auto error = std::fabs(static_cast<long double>(portable_pow(x, y)) - exact) / exact;
    worst = std::max(worst, static_cast<double>(error));
  }
  CHECK(compared > 250'000);
  CHECK(worst <= 1e-13);
}

TEST_CASE("Small whole powers are exact") {
  for (int base = 1; base <= 20; ++base) {
    double product = 1;
    for (int power = 0; power <= 10; ++power) {  // 20^10 < 2^53
      CHECK(portable_pow(base, power) == product);
      product *= base;
    }
  }
}

TEST_CASE("Logarithms and exponentials at the edges are what analysis says") {
  CHECK(portable_log(1.0) == 0.0);
  CHECK(portable_log(0.0) == -kInf);
  CHECK(portable_log(-0.0) == -kInf);
  CHECK(portable_log(kInf) == kInf);
  CHECK(std::isnan(portable_log(-1.0)));
  CHECK(std::isnan(portable_log(-kInf)));
  CHECK(std::isnan(portable_log(kNaN)));

  CHECK(portable_exp(0.0) == 1.0);
  CHECK(portable_exp(-0.0) == 1.0);
  CHECK(portable_exp(kInf) == kInf);
  CHECK(portable_exp(-kInf) == 0.0);
  CHECK(std::isnan(portable_exp(kNaN)));
  // ln(2^1024) = 709.78271289338397...: the double below still has a finite exponential, the one
  // above does not.
  CHECK(std::isfinite(portable_exp(0x1.62e42fefa39efp+9)));
  CHECK(portable_exp(0x1.62e42fefa39f0p+9) == kInf);
  // ln(2^-1075) = -745.13321910194...: half of the smallest subnormal.
  CHECK(portable_exp(-745.2) == 0.0);
  CHECK(portable_exp(-745.1) == std::numeric_limits<double>::denorm_min());
}

TEST_CASE("Powers at the edges are what the C standard says for a base of 0 or more") {
  CHECK(portable_pow(0.0, 0.0) == 1.0);
  CHECK(portable_pow(kNaN, 0.0) == 1.0);
  CHECK(portable_pow(1.0, kNaN) == 1.0);
  CHECK(portable_pow(1.0, kInf) == 1.0);
  CHECK(portable_pow(0.0, 2.0) == 0.0);
  CHECK(portable_pow(0.0, -2.0) == kInf);
  CHECK(portable_pow(kInf, 2.0) == kInf);
  CHECK(portable_pow(kInf, -2.0) == 0.0);
  CHECK(portable_pow(2.0, kInf) == kInf);
  CHECK(portable_pow(2.0, -kInf) == 0.0);
  CHECK(portable_pow(0.5, kInf) == 0.0);
  CHECK(portable_pow(0.5, -kInf) == kInf);
  CHECK(portable_pow(2.0, 1e300) == kInf);
  CHECK(portable_pow(2.0, -1e300) == 0.0);
  CHECK(portable_pow(2.0, 1024) == kInf);
  CHECK(portable_pow(2.0, -1074) == std::numeric_limits<double>::denorm_min());
  CHECK(std::isnan(portable_pow(-1.0, 0.5)));
  CHECK(std::isnan(portable_pow(kNaN, 1.0)));
  CHECK(std::isnan(portable_pow(2.0, kNaN)));
}

TEST_CASE("The nearest rank of a share is the smallest value that so many do not exceed") {
  const std::vector<double> sorted{1, 2, 3, 4, 5};
  CHECK(nearest_rank(sorted, 0.5) == 3);  // ceil(2.5) = 3rd
  CHECK(nearest_rank(sorted, 0.6) == 3);
  CHECK(nearest_rank(sorted, 0.61) == 4);
  CHECK(nearest_rank(sorted, 0.99) == 5);
  CHECK(nearest_rank(sorted, 0) == 1);
  CHECK(nearest_rank(sorted, 1) == 5);
}
