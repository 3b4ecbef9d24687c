// What a plan chooses from: families of deployments, each a device, a tensor degree and settings,
// to be had in any number of replicas.
//
// Law: families stand in the order in which devices, degrees and settings were named.
// Not here: judging them (sim/cli/plan_search.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/device.h"
#include "sim/cli/command_line.h"
#include "sim/scenario_reader.h"

namespace headroom {

struct PlanFamily {
  Device device;
  std::int64_t tensor = 1;
  std::vector<std::pair<std::string, std::string>> settings{};  ///< swept key, value
  [[nodiscard]] UsdPerHour replica_price() const;
  /// "h100-sxm tp 4 batch=sarathi".
  [[nodiscard]] std::string name() const;
};

struct PlanSpace {
  ScenarioText base;  ///< model, load, service level; its first group is the template
  std::vector<PlanFamily> families;
  std::int64_t most_gpus = 64;
  std::optional<UsdPerHour> most_usd{};
};

/// The space of a call of `headroom plan`. Throws InputError: a scenario without service level,
/// open load or single joint group; unknown devices; bad limits.
[[nodiscard]] PlanSpace plan_space(const Invocation& call);

/// What turns the base scenario into this deployment, as for --set.
[[nodiscard]] std::vector<ScenarioOverride> deployment_overrides(const PlanFamily& family,
                                                                 std::int64_t replicas);

}  // namespace headroom
