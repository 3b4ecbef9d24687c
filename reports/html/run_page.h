// A run as one HTML page.
//
// Law: every figure comes from Summary or RunDetail; the answer in one sentence stands first, what
// it rests on, the scenario and the digests last.
#pragma once

#include <string>
#include <vector>

#include "reports/html/chart.h"
#include "reports/html/scenario_section.h"
#include "reports/run_detail.h"
#include "reports/summary.h"

namespace headroom {

[[nodiscard]] std::string run_page(const Summary& summary, const RunDetail& detail,
                                   const std::vector<ScenarioValue>& scenario);

/// "Holds: 97.31 % of 5,000 requests hold all limits (target 95.00 %); TTFT binds first, ...".
[[nodiscard]] std::string run_answer(const Summary& summary, const RunDetail& detail);

/// The distribution of one latency with its limit and the validation error as a band.
[[nodiscard]] Chart latency_chart(const Summary& summary, const LatencyCurve& curve);
/// Share that holds all limits over arrivals a second, a point a group.
[[nodiscard]] Chart attainment_by_load_chart(const Summary& summary, const RunDetail& detail);
/// The same over time.
[[nodiscard]] Chart attainment_course(const Summary& summary, const RunDetail& detail);
/// TTFT by order of arrival; queue, batch, KV and busy replicas over time.
[[nodiscard]] std::vector<Chart> timeline_charts(const Summary& summary, const RunDetail& detail);
/// Where latency went: over all requests, and by order of arrival.
[[nodiscard]] std::vector<Chart> latency_part_charts(const Summary& summary,
                                                     const RunDetail& detail);
/// What each GPU-hour was spent on.
[[nodiscard]] Chart cost_chart(const RunDetail& detail);
/// Shares of simulated time by operator and evidence.
[[nodiscard]] Chart evidence_chart(const Summary& summary);

}  // namespace headroom
