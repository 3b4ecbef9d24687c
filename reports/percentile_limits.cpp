#include "reports/percentile_limits.h"

#include <fmt/format.h>

#include <cmath>

#include "reports/number_text.h"

namespace headroom {

bool holds_limit(const PercentileLimit& limit, Duration ttft, Duration tpot, Duration end_to_end) {
  switch (limit.metric) {
    case PercentileLimit::Metric::ttft:
      return ttft <= limit.at_most;
    case PercentileLimit::Metric::tpot:
      return tpot <= limit.at_most;
    case PercentileLimit::Metric::end_to_end:
      break;
  }
  return end_to_end <= limit.at_most;
}

std::uint64_t allowed_misses(double share, std::uint64_t requests) {
  // 0.99 has no exact double: of 100 requests one may miss, whatever its last bits.
  return static_cast<std::uint64_t>(std::floor((1 - share) * static_cast<double>(requests) + 1e-9));
}

std::vector<PercentileResult> percentile_results(const Metrics& metrics,
                                                 const std::vector<PercentileLimit>& limits) {
  std::vector<PercentileResult> results;
  for (const PercentileLimit& limit : limits) {
    PercentileResult result{limit};
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
      const RequestRow& row = metrics.rows[i];
      if (limit.request_class && row.class_index != *limit.request_class) continue;
      ++result.requests;
      held += holds_limit(limit, Duration(row.ttft_ns), Duration(row.tpot_ns()),
                          Duration(row.end_to_end_ns))
                  ? 1U
                  : 0U;
    }
    result.requests += metrics.live_at_end;
    for (std::size_t i = 0; i < metrics.rejected_of_class.size(); ++i) {
      if (!limit.request_class || i == *limit.request_class)
        result.requests += metrics.rejected_of_class[i];
    }
    if (result.requests > 0)
      result.share = static_cast<double>(held) / static_cast<double>(result.requests);
    result.held = result.requests - held <= allowed_misses(limit.percentile / 100, result.requests);
    results.push_back(result);
  }
  return results;
}

std::string limit_text(const PercentileLimit& limit) {
  constexpr const char* kNames[] = {"TTFT", "TPOT", "end-to-end"};
  std::string text = fmt::format("{} p{:g} {} ms", kNames[static_cast<std::size_t>(limit.metric)],
                                 limit.percentile, significant(limit.at_most.as_double() / 1e6));
  if (limit.request_class) text += fmt::format(", class {}", *limit.request_class);
  return text;
}

}  // namespace headroom
