#include "reports/student_interval.h"

#include <cmath>

#include "tests/catch.h"

using namespace headroom;

TEST_CASE("quantiles of Student's t are those of the printed tables") {
  // Two-sided 95 %: Abramowitz and Stegun, table 26.10, column 0.975.
  CHECK(student_quantile95(1) == Approx(12.706).margin(5e-4));
  CHECK(student_quantile95(2) == Approx(4.303).margin(5e-4));
  CHECK(student_quantile95(4) == Approx(2.776).margin(5e-4));
  CHECK(student_quantile95(9) == Approx(2.262).margin(5e-4));
  CHECK(student_quantile95(30) == Approx(2.042).margin(5e-4));
  CHECK(student_quantile95(120) == Approx(1.980).margin(5e-4));
  // In closed form: P(|t| > x) is 1 - (2/pi) atan x for 1, 1 - x / sqrt(2 + x^2) for 2 degrees.
  CHECK(student_quantile95(1) == Approx(std::tan(0.95 * std::acos(-1.0) / 2)).epsilon(1e-12));
  CHECK(student_quantile95(2) == Approx(std::sqrt(2 * 0.9025 / 0.0975)).epsilon(1e-12));
  // The expansion goes on where the kept ones end.
  CHECK(student_tail(student_quantile95(257), 257) == Approx(0.05).epsilon(1e-7));
  CHECK(student_tail(student_quantile95(10'000), 10'000) == Approx(0.05).epsilon(1e-9));
}

TEST_CASE("the tail of Student's t falls from 1 to 0, heavier for fewer degrees of freedom") {
  for (std::size_t n = 1; n < 40; ++n) {
    CHECK(student_tail(0, n) == 1);
    double before = 1;
    for (double t = 0.25; t < 12; t += 0.25) {
      const double tail = student_tail(t, n);
      CHECK(tail < before);
      CHECK(tail > student_tail(t, n + 1));
      before = tail;
    }
    CHECK(student_tail(1e12, n) < 1e-9);
  }
}

TEST_CASE("an interval is Student's t over the values") {
  // 1, 2, 3: mean 2, s = 1, t(2) = 4.3027: 4.3027 / sqrt(3) = 2.4841.
  const StudentInterval interval = student_interval({1, 2, 3});
  CHECK(interval.count == 3);
  CHECK(interval.mean == 2);
  CHECK(interval.half_width == Approx(2.4841).epsilon(1e-4));
  // t = 2 / (1 / sqrt 3) = 3.4641 with 2 degrees: 1 - 3.4641 / sqrt(2 + 12) = 0.0742.
  CHECK(interval.chance == Approx(0.07418).epsilon(1e-3));
  CHECK(student_interval({5}).half_width == 0);
  CHECK(student_interval({5}).chance == 1);
  CHECK(student_interval({}).count == 0);
  CHECK(student_interval({0, 0}).chance == 1);
  CHECK(student_interval({7, 7}).chance == 0);
}

TEST_CASE("differences are paired: equal luck cancels, and a missing value takes its pair out") {
  const double none = std::nan("");
  const StudentInterval gap = paired_interval({101, 201, none, 301}, {100, 200, 9, 300});
  CHECK(gap.count == 3);
  CHECK(gap.mean == 1);
  CHECK(gap.half_width == 0);
}
