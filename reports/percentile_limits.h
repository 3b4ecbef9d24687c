// Limits that a share of the requests must hold, each on its own: "TTFT p99 at most 2 s".
//
// Law: shares are of arrived requests (of the class, where the limit names one): rejected ones
// miss, and so do those that a time limit left unfinished, in every class.
// Cost: O(requests x limits).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/metrics.h"
#include "sim/scenario.h"

namespace headroom {

struct PercentileResult {
  PercentileLimit limit;
  std::uint64_t requests = 0;  ///< that it is for
  double share = 1;            ///< of them hold it; 1 where there are none
  bool held = true;
};

/// Whether a finished request holds the limit; one output token holds any TPOT.
[[nodiscard]] bool holds_limit(const PercentileLimit& limit, Duration ttft, Duration tpot,
                               Duration end_to_end);
/// How many of `requests` may miss it.
[[nodiscard]] std::uint64_t allowed_misses(double share, std::uint64_t requests);
/// In the order of the limits.
[[nodiscard]] std::vector<PercentileResult> percentile_results(
    const Metrics& metrics, const std::vector<PercentileLimit>& limits);
/// "TTFT p99 2000 ms", with ", class 1" where it is for one.
[[nodiscard]] std::string limit_text(const PercentileLimit& limit);

}  // namespace headroom
