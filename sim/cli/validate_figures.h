// From a simulated run to the figures that a benchmark would have printed, and what they rest on.
//
// Law: means are over requests; quantiles are nearest-rank.
// Cost: O(requests log requests).
// Not here: errors and their statistics (reports/validation.h).
#pragma once

#include <vector>

#include "reports/validation.h"
#include "sim/metrics.h"

namespace headroom {

/// Latencies of requests, ms.
struct LatencySample {
  std::vector<double> ttft, tpot, end_to_end;
  double queued = 0;         ///< sum, before the first computation
  double output_tokens = 0;  ///< sum
  double seconds = 0;        ///< first arrival to last finish, stages added up
};

void add_requests(const Metrics& metrics, LatencySample& sample);

/// Means and quantiles; throughput where the sample spans time.
[[nodiscard]] ServingFigures figures_of(const LatencySample& sample);

/// Time by kind of work and evidence, KV use, preemptions.
void take_shares(const Metrics& metrics, ValidatedPoint& result);

}  // namespace headroom
