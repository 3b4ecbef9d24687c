// A plan as one HTML page: the winner, what it rests on, the front of cost and latency, who lost
// and why.
//
// Law: every figure and sentence is one of PlanReport.
#pragma once

#include <string>

#include "reports/html/chart.h"
#include "reports/plan_report.h"

namespace headroom {

[[nodiscard]] std::string plan_page(const PlanReport& report);

/// USD an hour against TTFT or TPOT p99: the front, others that hold, those that do not.
[[nodiscard]] Chart front_chart(const PlanReport& report, const char* label,
                                double PlanFigures::*latency);

}  // namespace headroom
