// What a run's charts show beyond `Summary`: whole distributions, the run by order of arrival, by
// service class, and where the money went.
//
// Made only where a report asks for it (HTML, JSON). Laws: a curve ascends; every arrived request
// is in exactly one load group, and one that was rejected or not done misses there as in
// `SloResult`; cost parts sum to the run's cost.
// Cost: two passes over the requests; 15 MiB of histograms, whatever their number. Values from
// histograms are off by less than 1 part in 1024.
// Not here: drawing (reports/html), figures that every report prints (reports/summary.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reports/summary.h"

namespace headroom {

/// Shares of requests at which curves are read, from 0 to 1, denser near 1.
[[nodiscard]] std::span<const double> curve_shares();

/// A latency's distribution: value i is held by `curve_shares()[i]` of the requests that have it.
struct LatencyCurve {
  LatencyMetric metric = LatencyMetric::ttft;
  std::vector<double> ms;  ///< empty where no request has one
};

/// Arrivals that came one after another; all groups but the last hold equally many.
struct LoadGroup {
  std::uint64_t arrived = 0, finished = 0, met = 0;
  double from_s = 0;  ///< first arrival of a finished one, since the run's first arrival
  std::optional<double> arrivals_per_s{};  ///< none where a neighbour holds no finished request
  double ttft_p50 = 0, ttft_p99 = 0;       ///< ms, of finished ones
  /// Means of finished ones, ms: waiting; from there to the first token; then decode, and decode
  /// stalled by others' prompts.
  double queue_ms = 0, prompt_ms = 0, decode_ms = 0, stalled_ms = 0;
  [[nodiscard]] double attainment() const {
    return arrived > 0 ? static_cast<double>(met) / static_cast<double>(arrived) : 0;
  }
};
constexpr std::uint64_t kLoadGroups = 60;
constexpr std::uint64_t kLeastInGroup = 20;

/// Finished requests of one service class, or of all beyond the kMostClasses largest together.
struct ClassRow {
  std::string name;
  std::uint64_t finished = 0, met = 0;
  std::int64_t input_tokens = 0, output_tokens = 0;
  DurationSummary ttft, tpot, end_to_end;
};
constexpr std::size_t kMostClasses = 12;

/// How far a limit is from the latency at which exactly the target share holds it.
struct LimitMargin {
  LatencyMetric metric = LatencyMetric::ttft;
  double limit_ms = 0;
  double at_target_ms = 0;  ///< of finished requests
  /// 0.25: a quarter of the limit is left; negative where it is passed.
  [[nodiscard]] double left() const { return limit_ms > 0 ? 1 - at_target_ms / limit_ms : -1; }
};

/// GPU time paid for, by what it was spent on; `what` is an operator class or "idle".
struct CostPart {
  std::string what;
  double share = 0;
  std::optional<double> usd{};
};

struct RunDetail {
  std::vector<LatencyCurve> curves;  ///< TTFT, TPOT, ITL, end-to-end, queueing
  std::vector<LoadGroup> load;
  std::vector<ClassRow> classes;     ///< empty where all requests are of one
  std::vector<LimitMargin> margins;  ///< of the limits that are set, least first
  std::vector<CostPart> cost;        ///< empty where no time was charged
};

/// Pure. `summary` must be that of `metrics`.
[[nodiscard]] RunDetail run_detail(const Metrics& metrics, const Summary& summary);

}  // namespace headroom
