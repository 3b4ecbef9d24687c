// What a summary takes from finished requests one by one.
//
// Law: the same figures as from a reading of the rows each: quantiles exact, intervals over
// requests in order of arrival, the digest whatever the order of finishing. Cost: four readings of
// the rows, for memory is what takes the time; 8 bytes a request and a histogram a latency. Not
// here: totals that the simulation kept (reports/summary.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "reports/summary.h"

namespace headroom {

/// Finished requests that hold each limit, and all of them.
struct HeldLimits {
  std::uint64_t ttft = 0, tpot = 0, end_to_end = 0, all = 0;
};

struct RequestFigures {
  std::array<DurationSummary, kLatencyMetrics> latency{};  ///< without ITL, which no row holds
  std::array<ConfidenceRow, 3> confidence{};
  HeldLimits held;
  std::string workload_digest;  ///< empty unless all requests were served whole
};

[[nodiscard]] RequestFigures request_figures(const Metrics& metrics, const ReportContext& context);

}  // namespace headroom
