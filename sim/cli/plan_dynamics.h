// Replicas that come and go in a plan: the scenario's dynamics for a deployment of any size, and
// what such a deployment is paid for at least.
//
// Law: `paid_at_least` is never above the replicas that a run of the deployment is paid for at any
// instant of its span: as many as the floor says start or serve, or all of a unit are paid
// (sim/dynamics.h: replicas that drain or are down are paid, those that are off are started).
// Not here: how many are paid in fact; only a simulation says.
#pragma once

#include <optional>
#include <string>

#include "sim/cli/plan_space.h"
#include "sim/scenario_json.h"

namespace headroom {

/// The group of a scenario that a phase is made from: that of its role, else the first.
[[nodiscard]] const JsonNode& template_of(const JsonNode& root, const std::string& role);

/// "dynamics" for a deployment whose groups are named by role: floors no higher than its replicas,
/// outages of replicas that it has. Nothing where `root` says nothing, or fits as it stands.
[[nodiscard]] std::optional<std::string> deployed_dynamics(const JsonNode& root,
                                                           const PlanFamily& family,
                                                           const PlanCounts& counts);

/// By phase; `counts` themselves where replicas of `base` do not come and go.
[[nodiscard]] PlanCounts paid_at_least(const Scenario& base, const PlanFamily& family,
                                       const PlanCounts& counts);

}  // namespace headroom
