#include "sim/scaling_units.h"

#include <fmt/format.h>

#include <algorithm>

namespace headroom {

std::vector<ScalingUnitSpec> scaling_units(const Scenario& scenario) {
  const DynamicsSpec& spec = *scenario.dynamics;
  std::vector<ScalingUnitSpec> units;
  std::vector<std::string> roles;  // of units of several groups, "" of others
  for (std::size_t i = 0; i < scenario.deployment.size(); ++i) {
    const ReplicaGroupSpec& group = scenario.deployment[i];
    const auto own =
        std::find_if(spec.groups.begin(), spec.groups.end(),
                     [&](const DynamicsSpec::Group& one) { return one.group == group.name; });
    const bool alone = own != spec.groups.end();
    std::size_t at = units.size();
    if (!alone)
      at = static_cast<std::size_t>(std::find(roles.begin(), roles.end(), group.role) -
                                    roles.begin());
    if (at == units.size()) {
      ScalingUnitSpec unit{{}, "/dynamics", &spec.scaling, 0, spec.least, &spec.schedule};
      if (alone) {
        unit = {{},
                fmt::format("/dynamics/groups/{}", own - spec.groups.begin()),
                &own->scaling,
                0,
                own->least,
                &own->schedule};
      }
      units.push_back(std::move(unit));
      roles.push_back(alone ? "" : group.role);
    }
    units[at].groups.push_back(i);
    units[at].replicas += group.replicas;
  }
  return units;
}

}  // namespace headroom
