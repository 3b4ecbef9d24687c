// The deployment behind a measured point with prefill and decode workers apart.
//
// Law: nothing is drawn from what was measured.
// Cost: O(1) a point.
// Not here: joint deployments, formats and workload (sim/cli/validate_plan.h).
#pragma once

#include <string>

#include "sim/scenario.h"
#include "traces/serving_points.h"

namespace headroom {

/// Turns the one joint group of `scenario`, made for `point`, into a group of prefill and one of
/// decode workers on nodes of `device`. Requires worker counts.
void split_into_pools(const ServingPoint& point, const std::string& device, Scenario& scenario);

/// What tells assemblies of such scenarios apart: shapes and counts of the workers.
[[nodiscard]] std::string pools_key(const Scenario& scenario);

}  // namespace headroom
