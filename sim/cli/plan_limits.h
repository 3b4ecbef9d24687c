// The limits of a plan as the command line says them: what can be bought, what is minimised, and
// service levels by percentile.
#pragma once

#include "reports/plan_report.h"
#include "sim/cli/plan_space.h"

namespace headroom {

/// --most-gpus, --most-nodes, --most-usd, --most-power. Throws InputError.
[[nodiscard]] PlanLimits limits_of(const Invocation& call);
/// --objective. Throws InputError.
[[nodiscard]] PlanObjective objective_of(const Invocation& call);
/// --slo "ttft p99 2 s", as often as liked, becomes slo.percentiles. Throws InputError.
void add_service_levels(const Invocation& call, ScenarioText& base);

}  // namespace headroom
