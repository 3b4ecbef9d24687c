// A sweep as one HTML page: what holds at least cost, cost against latency, small multiples over
// the swept keys, every point.
//
// Law: every figure is a metric of SweepResults, averaged over seeds. Size does not grow beyond
// kMostPoints points, and the page says so where more were swept.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/html/chart.h"
#include "reports/sweep.h"

namespace headroom {

constexpr std::size_t kMostPoints = 1000;

[[nodiscard]] std::string sweep_page(const SweepResults& results);

/// One small chart a metric: the key with most values along, the next one as lines. Where further
/// keys were swept, they stand at one setting, which `held` names.
struct SmallMultiples {
  std::vector<Chart> charts;
  std::string held;  ///< "deployment.batch = sarathi"; empty: none
};
[[nodiscard]] SmallMultiples small_multiples(const SweepResults& results, std::size_t best_point);

}  // namespace headroom
