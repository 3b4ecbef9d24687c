// Replicas that come and go, made from a scenario: start-up from the weights a GPU loads, recorded
// outages, the scaling policy.
#pragma once

#include <optional>

#include "sim/cli/assemble.h"
#include "sim/dynamics.h"
#include "sim/scenario.h"

namespace headroom {

/// Nothing where the scenario has no dynamics. Throws InputError.
[[nodiscard]] std::optional<DynamicsSetup> wire_dynamics(const Scenario& scenario,
                                                         const Assembly& assembly);

/// For a run whose clock goes `slower` times slower than the world's: everything that happens
/// around the replicas comes so much earlier on it, and scaling policies are shown the world's.
void slow_clock(DynamicsSetup& setup, double slower);

/// One sentence for the report: what starts, fails and scales.
[[nodiscard]] std::string dynamics_sentence(const DynamicsSpec& spec);

}  // namespace headroom
