// Which replica groups of a scenario scale together, and by which of its values.
//
// Law: each group is in one unit: its own where `dynamics.groups` names it, else that of all others
// of its role. Cost: O(groups^2).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sim/scenario.h"

namespace headroom {

struct ScalingUnitSpec {
  std::vector<std::size_t> groups{};  ///< places in the deployment, ascending
  std::string pointer;                ///< of its values, "/dynamics" or "/dynamics/groups/0"
  const PolicyChoice* scaling = nullptr;
  std::int64_t replicas = 0;  ///< of its groups
  std::int64_t least = 0;     ///< as written; 0: all
  const std::vector<DynamicsSpec::Floor>* schedule = nullptr;
};

/// In the order of the groups. Points into `scenario`, which has dynamics.
[[nodiscard]] std::vector<ScalingUnitSpec> scaling_units(const Scenario& scenario);

}  // namespace headroom
