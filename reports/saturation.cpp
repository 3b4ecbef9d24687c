#include "reports/saturation.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace headroom {

const char* to_string(SaturationHint hint) {
  switch (hint) {
    case SaturationHint::stable:
      return "STABLE";
    case SaturationHint::backlogged:
      return "BACKLOGGED";
    case SaturationHint::unknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

Saturation saturation_of(const Metrics& metrics) {
  Saturation result;
  if (metrics.arrived == 0 || metrics.last_arrival <= metrics.first_arrival) return result;
  const double window = seconds(metrics.last_arrival - metrics.first_arrival);
  std::array<double, 3> sums{};
  std::array<std::int64_t, 3> counts{};
  for (const ClusterSample& sample : metrics.samples) {
    if (sample.time < metrics.first_arrival || sample.time > metrics.last_arrival) continue;
    const double place = seconds(sample.time - metrics.first_arrival) / window * 3;
    const std::size_t third = place < 1 ? 0 : place < 2 ? 1 : 2;
    sums[third] += static_cast<double>(sample.waiting + sample.swapped);
    ++counts[third];
  }
  for (const std::int64_t count : counts) {
    if (count < kLeastSamples / 3) return result;
  }
  std::array<double, 3> means{};
  for (std::size_t i = 0; i < 3; ++i) means[i] = sums[i] / static_cast<double>(counts[i]);
  result.first_third = means[0];
  result.last_third = means[2];
  const double growth = means[2] - means[0];
  result.growth_per_s = growth / (window * 2 / 3);
  const bool rising = means[0] < means[1] && means[1] < means[2];
  const bool beyond_chance = growth > 2 * std::sqrt(static_cast<double>(metrics.arrived));
  result.hint = rising && beyond_chance ? SaturationHint::backlogged : SaturationHint::stable;
  return result;
}

}  // namespace headroom
