#include "sim/decode_run.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"

namespace headroom {

namespace {

/// Sum over i in [0, n) of floor((a * i + b) / m): Euclid's algorithm on the lattice points under a
/// line (e.g. Graham, Knuth, Patashnik, Concrete Mathematics, section 3.5).
std::int64_t floor_sum(std::int64_t n, std::int64_t m, std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  while (true) {
    if (a >= m) {
      sum += n * (n - 1) / 2 * (a / m);
      a %= m;
    }
    if (b >= m) {
      sum += n * (b / m);
      b %= m;
    }
    const std::int64_t top = a * n + b;
    if (top < m) return sum;
    // Count the same points by columns of the flipped line.
    n = top / m;
    b = top % m;
    std::swap(a, m);
  }
}

}  // namespace

std::int64_t fixed_floor_sum(std::int64_t n, std::int64_t a, std::int64_t b) {
  if (a == 0) return n * (b >> kFixedBits);
  return floor_sum(n, kFixedOne, a, b);
}

std::int64_t DecodeRun::iterations_to_reach(Duration elapsed, std::int64_t limit) const {
  // Without rounding, k iterations last k * first + step * k * (k - 1) / 2; solve for k, then
  // correct: rounding takes off less than 1 ns an iteration, so the guess is at most a few
  // iterations short.
  const double target = elapsed.as_double() * static_cast<double>(kFixedOne);
  const double first = static_cast<double>(first_) - 0.5 * static_cast<double>(step_);
  const double step = static_cast<double>(step_);
  double guess = target / std::max(1.0, static_cast<double>(first_));
  if (step_ > 0) guess = (std::sqrt(first * first + 2.0 * step * target) - first) / step;
  const auto most = static_cast<double>(limit);
  std::int64_t k = static_cast<std::int64_t>(std::clamp(guess, 1.0, most));
  Duration reached = sum(k);
  while (k < limit && reached < elapsed) {
    reached += at(k);
    ++k;
  }
  while (k > 1 && reached - at(k - 1) >= elapsed) {
    --k;
    reached -= at(k);
  }
  return k;
}

void DecodeRun::add_gaps(std::int64_t from, std::int64_t to, std::int64_t weight,
                         LogHistogram& histogram) const {
  if (from >= to) return;
  std::int64_t i = from;
  while (i < to) {
    const std::size_t bin = LogHistogram::bin(at(i).value());
    std::int64_t next = to;
    if (step_ > 0) {
      // First iteration whose duration reaches the next bin.
      const std::int64_t threshold = (LogHistogram::lowest(bin + 1) << kFixedBits) - first_;
      next = std::min(to, (threshold + step_ - 1) / step_);
    }
    histogram.add_to_bin(bin, (next - i) * weight);
    i = next;
  }
  const Duration total = sum(to) - (from > 0 ? sum(from) : Duration(0));
  histogram.add_totals((to - from) * weight, Int128(total.value()) * weight, at(to - 1).value());
}

}  // namespace headroom
