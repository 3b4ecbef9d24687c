#include "reports/quantiles.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr double kNsPerMs = 1e6;

double to_ms(std::int64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

constexpr std::array<std::size_t, 4> kPercents{50, 90, 95, 99};
std::array<double*, kPercents.size()> targets_of(DurationSummary& summary) {
  return {&summary.p50, &summary.p90, &summary.p95, &summary.p99};
}

/// Index of the nearest-rank quantile among n >= 1 sorted values; percentages keep the arithmetic
/// in integers.
std::size_t rank_index(std::size_t n, std::size_t percent) { return (n * percent + 99) / 100 - 1; }

}  // namespace

DurationSummary summary_of(std::vector<std::int64_t>& column) {
  DurationSummary result;
  if (column.empty()) return result;
  const std::size_t n = column.size();
  result.count = static_cast<std::int64_t>(n);
  Int128 sum = 0;
  for (const std::int64_t value : column) sum += value;
  result.mean = static_cast<double>(sum) / static_cast<double>(n) / kNsPerMs;

  // Each selection leaves everything larger to its right, so the next one only looks there.
  const auto targets = targets_of(result);
  auto from = column.begin();
  for (std::size_t i = 0; i < kPercents.size(); ++i) {
    const auto at = column.begin() + static_cast<std::ptrdiff_t>(rank_index(n, kPercents[i]));
    std::nth_element(from, at, column.end());
    *targets[i] = to_ms(*at);
    from = at;
  }
  result.max = to_ms(*std::max_element(from, column.end()));
  return result;
}

void TwoReadings::grow(std::size_t bin, std::int64_t ns) {
  SIM_CHECK(ns >= 0, "durations are not negative");
  weights_.resize(bin + 1024, 0);
}

TwoReadings::Place TwoReadings::place_of(std::int64_t rank) const {
  Place place;
  while (place.below + weights_[place.bin] <= rank) place.below += weights_[place.bin++];
  return place;
}

std::int64_t TwoReadings::find_bins() {
  count_ = std::accumulate(weights_.begin(), weights_.end(), std::int64_t{0});
  wanted_.assign(weights_.size(), 0);
  std::int64_t kept = 0;
  for (const std::size_t percent : kPercents) {
    if (count_ == 0) break;
    const std::size_t rank = rank_index(static_cast<std::size_t>(count_), percent);
    const std::size_t bin = place_of(static_cast<std::int64_t>(rank)).bin;
    if (wanted_[bin] == 0) kept += weights_[bin];
    wanted_[bin] = 1;
  }
  return kept;
}

DurationSummary TwoReadings::summary() {
  DurationSummary result;
  if (count_ == 0) return result;
  result.count = count_;
  result.mean = static_cast<double>(sum_) / static_cast<double>(count_) / kNsPerMs;
  result.max = to_ms(largest_);
  std::sort(kept_.begin(), kept_.end());
  const auto targets = targets_of(result);
  for (std::size_t i = 0; i < kPercents.size(); ++i) {
    const auto rank =
        static_cast<std::int64_t>(rank_index(static_cast<std::size_t>(count_), kPercents[i]));
    const Place place = place_of(rank);
    const auto first =
        std::lower_bound(kept_.begin(), kept_.end(), LogHistogram::lowest(place.bin));
    SIM_CHECK(kept_.end() - first > rank - place.below, "both readings give the same values");
    *targets[i] = to_ms(*(first + (rank - place.below)));
  }
  return result;
}

DurationSummary summary_of(const LogHistogram& histogram) {
  DurationSummary result;
  result.count = histogram.count();
  if (result.count == 0) return result;
  result.mean = histogram.mean() / kNsPerMs;
  result.p50 = to_ms(histogram.quantile(0.50));
  result.p90 = to_ms(histogram.quantile(0.90));
  result.p95 = to_ms(histogram.quantile(0.95));
  result.p99 = to_ms(histogram.quantile(0.99));
  result.max = to_ms(histogram.largest());
  return result;
}

}  // namespace headroom
