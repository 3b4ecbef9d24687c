#include "sim/cli/dynamics_wiring.h"

#include <fmt/format.h>

#include "sim/check.h"
#include "sim/cli/policy_choice.h"
#include "sim/quantity_text.h"
#include "traces/line_reader.h"
#include "traces/outage_trace.h"

namespace headroom {
namespace {

Duration start_up(const DynamicsSpec& spec, const AssembledGroup& group) {
  if (spec.start_up) return *spec.start_up;
  const double loading = group.fit.demand.weights.as_double() / spec.load_bandwidth.value();
  return spec.boot + duration_from_seconds(loading);
}

}  // namespace

std::optional<DynamicsSetup> wire_dynamics(const Scenario& scenario, const Assembly& assembly) {
  if (!scenario.dynamics) return std::nullopt;
  const DynamicsSpec& spec = *scenario.dynamics;
  DynamicsSetup setup;
  for (const AssembledGroup& group : assembly.groups) {
    if (group.engine.simdistserve) {
      throw InputError(
          scenario.file + ": /dynamics",
          "expected an engine whose replicas can come and go, got simdistserve; remove "
          "one of the two");
    }
    setup.start_up.insert(setup.start_up.end(), static_cast<std::size_t>(group.spec.replicas),
                          start_up(spec, group));
  }
  const auto [entry, parameters] = resolve<ScalingPolicy>(spec.scaling);
  setup.scaling = entry->make(parameters);
  setup.scaling_name = entry->name;
  setup.interval = spec.interval;
  setup.floor.push_back({Instant(), spec.least > 0 ? spec.least : assembly.replicas});
  for (const DynamicsSpec::Floor& floor : spec.schedule) {
    setup.floor.push_back({Instant() + floor.at, floor.replicas});
  }
  setup.mean_up = spec.mtbf;
  setup.mean_repair = spec.mttr;
  std::vector<DynamicsSpec::Outage> outages = spec.outages;
  if (!spec.outage_trace.empty()) {
    const auto more = read_outages(LineReader(open_bytes(spec.outage_trace), spec.outage_trace),
                                   assembly.replicas);
    outages.insert(outages.end(), more.begin(), more.end());
  }
  for (const DynamicsSpec::Outage& outage : outages) {
    setup.outages.push_back({Instant() + outage.at,
                             ReplicaId(static_cast<std::uint32_t>(outage.replica)), outage.down});
  }
  setup.mean_reclaim = spec.reclaim;
  setup.notice = spec.notice;
  if (spec.restart) setup.restart = Instant() + *spec.restart;
  if (spec.on_loss == "reject") setup.on_loss = OnLoss::reject;
  return setup;
}

std::string dynamics_sentence(const DynamicsSpec& spec) {
  std::string text = "replicas by " + spec.scaling.name;
  for (const auto& [name, value] : spec.scaling.parameters)
    text += fmt::format(", {} {}", name, value);
  if (spec.mtbf) {
    text += fmt::format("; failures every {} a replica, repaired in {}, on average",
                        to_text(*spec.mtbf), to_text(spec.mttr));
  }
  if (!spec.outages.empty()) text += fmt::format("; {} outages", spec.outages.size());
  if (!spec.outage_trace.empty()) text += "; outages of " + spec.outage_trace;
  if (spec.reclaim) {
    text += fmt::format("; reclaimed every {} on average, {} after a notice",
                        to_text(*spec.reclaim), to_text(spec.notice));
  }
  if (spec.restart) text += fmt::format("; rolling restart at {}", to_text(*spec.restart));
  return text;
}

}  // namespace headroom
