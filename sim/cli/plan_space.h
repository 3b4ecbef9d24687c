// What a plan chooses from: families of deployments, each one kind of joint replica or a prefill
// and a decode kind, to be had in any number.
//
// Law: families stand in the order in which pools, devices, degrees and settings were named; a
// setting that means nothing to a family is left out of it, and no family stands there twice.
// Not here: judging them (sim/cli/plan_judge.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/device.h"
#include "reports/plan_report.h"
#include "sim/cli/command_line.h"
#include "sim/scenario_reader.h"

namespace headroom {

/// One kind of replica.
struct PlanPhase {
  std::string role = "joint";  ///< joint, prefill or decode
  Device device;
  std::string device_text{};  ///< name or file, as it was given
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  std::int64_t expert = 1;
  [[nodiscard]] std::int64_t gpus() const { return tensor * pipeline; }
  [[nodiscard]] double usd_per_hour() const {
    return device.price.hour.value() * static_cast<double>(gpus());
  }
  /// "h100-sxm tp 4".
  [[nodiscard]] std::string name() const;
};

struct PlanFamily {
  std::vector<PlanPhase> phases;  ///< one joint, or prefill and decode
  std::vector<std::pair<std::string, std::string>> settings{};  ///< swept key, value
  std::string nic{};  ///< network card of a node, "50 GB/s"; matters to pools apart
  [[nodiscard]] bool apart() const { return phases.size() > 1; }
  /// Devices cost `share` of their on-demand price.
  void pay(double share) {
    for (PlanPhase& phase : phases) phase.device.price.hour = phase.device.price.hour * share;
  }
  /// "h100-sxm tp 2 > h200-sxm tp 4 batch=sarathi".
  [[nodiscard]] std::string name() const;
};

/// Replicas by phase.
using PlanCounts = std::vector<std::int64_t>;

enum class PlanObjective : std::uint8_t { usd_per_hour, usd_per_token, gpus, energy };
[[nodiscard]] const std::vector<std::string>& objective_names();

struct PlanSpace {
  ScenarioText base;  ///< model, load, service levels; its groups are the templates
  std::vector<PlanFamily> families;
  PlanLimits limits;
  PlanObjective objective = PlanObjective::usd_per_hour;
  std::vector<std::string> notes{};  ///< defaults that were taken
};

/// The space of a call of `headroom plan`. Throws InputError: a scenario without service level,
/// open load or fitting groups; unknown devices; bad limits.
[[nodiscard]] PlanSpace plan_space(const Invocation& call);

/// Throws InputError where a scenario is nothing to plan for: no service level, a closed loop,
/// groups that are no template.
void check_plan_base(const Scenario& scenario);

/// The scenario of a deployment: as one would write it by hand, so that `headroom run` repeats it.
[[nodiscard]] ScenarioText deployment_scenario(const PlanSpace& space, const PlanFamily& family,
                                               const PlanCounts& counts);

/// GPUs, money, nodes and power of a deployment, whatever the load.
struct PlanBill {
  std::int64_t gpus = 0, nodes = 0;
  double usd_per_hour = 0, tdp_watts = 0, idle_watts = 0;
};
[[nodiscard]] PlanBill bill_of(const PlanFamily& family, const PlanCounts& counts);
[[nodiscard]] bool within(const PlanLimits& limits, const PlanBill& bill);

}  // namespace headroom
