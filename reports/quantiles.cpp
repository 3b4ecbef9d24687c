#include "reports/quantiles.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "sim/cost_model.h"

namespace headroom {
namespace {

constexpr double kNsPerMs = 1e6;

double to_ms(std::int64_t ns) { return static_cast<double>(ns) / kNsPerMs; }

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
  constexpr std::array<std::size_t, 4> kPercents{50, 90, 95, 99};
  const std::array<double*, 4> targets{&result.p50, &result.p90, &result.p95, &result.p99};
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
