// Whether the cluster kept up: did the queue grow while requests arrived?
//
// Rule: the time from first to last arrival is cut in thirds. BACKLOGGED when the mean number of
// waiting requests rises from third to third and in all by more than 2*sqrt(arrived): a server
// loaded to exactly 100 % has a queue that moves like a random walk with variance 2 per arrival,
// whose thirds differ by a standard deviation of sqrt(2*(1/3 + 2/9)*arrived) = 1.05*sqrt(arrived).
// So a growth beyond twice the root is more than chance at full load. Not a proof of stability: a
// run too short to grow a queue is called STABLE.
#pragma once

#include <cstdint>

#include "sim/metrics.h"

namespace headroom {

enum class SaturationHint : std::uint8_t { stable, backlogged, unknown };
[[nodiscard]] const char* to_string(SaturationHint hint);

struct Saturation {
  SaturationHint hint = SaturationHint::unknown;
  double first_third = 0, last_third = 0;  ///< mean waiting requests
  double growth_per_s = 0;  ///< requests a second, between the middles of those thirds
};

/// Needs kLeastSamples samples between first and last arrival, else the hint is unknown.
[[nodiscard]] Saturation saturation_of(const Metrics& metrics);
constexpr std::int64_t kLeastSamples = 12;

}  // namespace headroom
