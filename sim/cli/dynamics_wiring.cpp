#include "sim/cli/dynamics_wiring.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/cli/policy_choice.h"
#include "sim/quantity_text.h"
#include "sim/scaling_units.h"
#include "sim/scenario_rules.h"
#include "traces/line_reader.h"
#include "traces/outage_trace.h"

namespace headroom {
namespace {

Duration start_up(const DynamicsSpec& spec, const AssembledGroup& group) {
  if (spec.start_up) return *spec.start_up;
  const double loading = group.fit.demand.weights.as_double() / spec.load_bandwidth.value();
  return spec.boot + duration_from_seconds(loading);
}

/// `firsts`: number of the first replica of each group.
ScalingUnit wire_unit(const ScalingUnitSpec& spec, const Assembly& assembly,
                      const std::vector<ReplicaId>& firsts) {
  ScalingUnit unit;
  for (const std::size_t group : spec.groups) {
    for (std::int64_t i = 0; i < assembly.groups[group].spec.replicas; ++i)
      unit.replicas.emplace_back(firsts[group].index() + static_cast<std::uint32_t>(i));
  }
  const auto [entry, parameters] = resolve<ScalingPolicy>(*spec.scaling);
  unit.scaling = entry->make(parameters);
  unit.scaling_name = entry->name;
  const auto all = static_cast<std::int64_t>(unit.replicas.size());
  unit.floor.push_back({Instant(), spec.least > 0 ? spec.least : all});
  for (const DynamicsSpec::Floor& floor : *spec.schedule)
    unit.floor.push_back({Instant() + floor.at, floor.replicas});
  return unit;
}

Duration scaled(Duration time, double factor) {
  return duration_from_seconds(seconds(time) * factor);
}

/// A policy on the clock of the world.
class OnWorldClock final : public ScalingPolicy {
 public:
  OnWorldClock(std::unique_ptr<ScalingPolicy> policy, double slower)
      : policy_(std::move(policy)), slower_(slower) {}
  [[nodiscard]] std::int64_t wanted(const ScalingView& view) override {
    ScalingView seen = view;
    seen.now = Instant() + scaled(view.now - Instant(), slower_);
    seen.interval = scaled(view.interval, slower_);
    seen.start_up = scaled(view.start_up, slower_);
    seen.arrivals = view.arrivals / slower_;
    return policy_->wanted(seen);
  }

 private:
  std::unique_ptr<ScalingPolicy> policy_;
  double slower_;
};

std::string scaling_sentence(const PolicyChoice& scaling) {
  std::string text = scaling.name;
  for (const auto& [name, value] : scaling.parameters) text += fmt::format(", {} {}", name, value);
  return text;
}

}  // namespace

std::optional<DynamicsSetup> wire_dynamics(const Scenario& scenario, const Assembly& assembly) {
  if (!scenario.dynamics) return std::nullopt;
  const DynamicsSpec& spec = *scenario.dynamics;
  DynamicsSetup setup;
  std::vector<ReplicaId> firsts;
  for (const AssembledGroup& group : assembly.groups) {
    if (group.engine.simdistserve) {
      throw InputError(
          scenario.file + ": /dynamics",
          "expected an engine whose replicas can come and go, got simdistserve; remove "
          "one of the two");
    }
    firsts.emplace_back(static_cast<std::uint32_t>(setup.start_up.size()));
    setup.start_up.insert(setup.start_up.end(), static_cast<std::size_t>(group.spec.replicas),
                          start_up(spec, group));
  }
  for (const ScalingUnitSpec& unit : scaling_units(scenario))
    setup.units.push_back(wire_unit(unit, assembly, firsts));
  setup.interval = spec.interval;
  setup.mean_up = spec.mtbf;
  setup.mean_repair = spec.mttr;
  std::vector<DynamicsSpec::Outage> outages = spec.outages;
  if (!spec.outage_trace.empty()) {
    const auto more = read_outages(LineReader(open_bytes(spec.outage_trace), spec.outage_trace),
                                   assembly.replicas);
    for (const DynamicsSpec::Outage& outage : more) {
      const std::string other = failure_during(scenario, outage);
      if (other.empty()) continue;
      throw InputError(scenario.file + ": /dynamics/outage_trace",
                       fmt::format("expected replicas whose workers are up then, got replica {} at "
                                   "{} with a failure of its own ({}); keep one of the two",
                                   outage.replica, to_text(outage.at), other));
    }
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

void slow_clock(DynamicsSetup& setup, double slower) {
  const auto sooner = [slower](Duration time) { return scaled(time, 1 / slower); };
  const auto at = [&](Instant time) { return Instant() + sooner(time - Instant()); };
  for (ScalingUnit& unit : setup.units) {
    unit.scaling = std::make_unique<OnWorldClock>(std::move(unit.scaling), slower);
    for (ScheduledFloor& floor : unit.floor) floor.at = at(floor.at);
  }
  for (Duration& start_up : setup.start_up) start_up = sooner(start_up);
  for (Outage& outage : setup.outages) {
    outage.at = at(outage.at);
    outage.down = sooner(outage.down);
  }
  for (std::optional<Duration>* mean : {&setup.mean_up, &setup.mean_reclaim})
    if (*mean) *mean = std::max(sooner(**mean), kNanosecond);
  setup.interval = std::max(sooner(setup.interval), kNanosecond);
  setup.mean_repair = sooner(setup.mean_repair);
  setup.notice = sooner(setup.notice);
  if (setup.restart) setup.restart = at(*setup.restart);
}

std::string dynamics_sentence(const DynamicsSpec& spec) {
  std::string text = "replicas by " + scaling_sentence(spec.scaling);
  for (const DynamicsSpec::Group& unit : spec.groups)
    text += fmt::format("; those of {} by {}", unit.group, scaling_sentence(unit.scaling));
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
