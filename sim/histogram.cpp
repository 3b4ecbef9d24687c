#include "sim/histogram.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"

namespace headroom {

void LogHistogram::add(std::int64_t value, std::int64_t weight) {
  SIM_CHECK(value >= 0 && weight >= 0, "a histogram holds non-negative values and weights");
  if (weight == 0) return;
  add_to_bin(bin(value), weight);
  add_totals(weight, static_cast<Int128>(value) * weight, value);
}

void LogHistogram::merge(const LogHistogram& other) {
  if (weights_.size() < other.weights_.size()) weights_.resize(other.weights_.size(), 0);
  for (std::size_t i = 0; i < other.weights_.size(); ++i) weights_[i] += other.weights_[i];
  add_totals(other.count_, other.sum_, other.largest_);
}

double LogHistogram::mean() const {
  return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::int64_t LogHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  SIM_CHECK(q >= 0 && q <= 1, "a quantile lies between 0 and 1");
  // ceil(q * count), where a product that misses an integer only by rounding (0.07 * 100) counts as
  // that integer.
  const double product = q * static_cast<double>(count_);
  const double nearest = std::floor(product + 0.5);
  const double rank_real =
      std::fabs(product - nearest) <= product * 0x1p-51 ? nearest : std::ceil(product);
  const auto rank = std::clamp<std::int64_t>(static_cast<std::int64_t>(rank_real), 1, count_);
  if (rank == count_) return largest_;
  std::int64_t below = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    below += weights_[i];
    if (below >= rank) return lowest(i);
  }
  return largest_;
}

double LogHistogram::share_at_most(std::int64_t value) const {
  if (count_ == 0 || value < 0) return 0.0;
  const std::size_t end = std::min(bin(value) + 1, weights_.size());
  std::int64_t below = 0;
  for (std::size_t i = 0; i < end; ++i) below += weights_[i];
  return static_cast<double>(below) / static_cast<double>(count_);
}

}  // namespace headroom
