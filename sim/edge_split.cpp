#include "sim/edge_split.h"

#include <algorithm>

#include "sim/check.h"

namespace headroom {
namespace {

/// Longest upload that is told apart: 11 days, beyond every deadline.
constexpr double kLongestSeconds = 1e6;

}  // namespace

SplitCost cost_of(const EdgeSplit& split, const DroneLink& link) {
  SplitCost cost;
  if (split.sent > Bytes(0)) {
    SIM_CHECK(link.bandwidth.value() > 0, "what is sent needs a link");
    cost.upload = duration_from_seconds(
        std::min(split.sent.as_double() / link.bandwidth.value(), kLongestSeconds));
    cost.upload += link.latency;
  }
  cost.latency = split.head + cost.upload + split.tail;
  cost.energy =
      Joules(link.device.value() * seconds(split.head) + link.radio.value() * seconds(cost.upload));
  return cost;
}

std::optional<std::size_t> choose_split(const std::vector<EdgeSplit>& splits, const DroneLink& link,
                                        double least_accuracy) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    if (splits[i].accuracy < least_accuracy) continue;
    if (!best || cost_of(splits[i], link).latency < cost_of(splits[*best], link).latency) best = i;
  }
  return best;
}

}  // namespace headroom
