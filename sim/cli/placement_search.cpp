#include "sim/cli/placement_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/operators.h"
#include "sim/check.h"
#include "sim/cli/ingest_source.h"
#include "sim/cli/pool_alone.h"

namespace headroom {
namespace {

/// What CUDA offers on an A100 of 80 GB; with it DistServe's formula gives its released capacities.
constexpr Bytes kReleasedMemory{84'990'600'000};

const ReplicaGroupSpec* find_group(const Scenario& scenario, const char* role) {
  for (const ReplicaGroupSpec& group : scenario.deployment)
    if (group.role == role) return &group;
  return nullptr;
}

/// The group of the pattern that stands for `role`.
ReplicaGroupSpec pattern(const Scenario& scenario, const char* role) {
  const ReplicaGroupSpec* found = find_group(scenario, role);
  if (found == nullptr) found = find_group(scenario, "joint");
  if (found == nullptr) found = &scenario.deployment.front();
  return *found;
}

[[noreturn]] void refuse(const Scenario& scenario, const char* pointer, const char* what) {
  throw InputError(scenario.file + ": " + pointer, what);
}

void check(const Scenario& base) {
  const std::string& placed = base.nodes.front().name;
  for (const NodeSpec& node : base.nodes) {
    const auto attends = [&](const ReplicaGroupSpec& group) {
      return group.attention && group.attention->nodes == node.name;
    };
    if (node.name != placed &&
        std::none_of(base.deployment.begin(), base.deployment.end(), attends))
      refuse(base, "/cluster/nodes",
             "expected one kind of nodes to place on, first, and others for attention devices "
             "only, got another; keep one");
  }
  if (!base.slo.ttft && !base.slo.tpot && !base.slo.end_to_end)
    refuse(base, "/slo", "expected limits to hold, got none; set ttft and tpot");
  if (base.workload.clients > 0)
    refuse(base, "/workload/clients", "expected an open loop, got clients; set a rate");
  if (!base.workload.trace.empty() && !base.workload.rate_given) {
    refuse(base, "/workload/trace",
           "expected arrivals whose rate can be varied, got a trace with its own; use a trace of "
           "lengths and a rate, or a generator");
  }
  for (const char* role : {"joint", "prefill", "decode"}) {
    const auto same = [&](const ReplicaGroupSpec& group) { return group.role == role; };
    if (std::count_if(base.deployment.begin(), base.deployment.end(), same) > 1)
      refuse(base, "/deployment", "expected one group of a role as pattern, got more; keep one");
  }
}

struct Held {
  std::uint64_t ttft = 0, tpot = 0, end_to_end = 0, joint = 0;
};

Held count_held(const Metrics& metrics, const SloSpec& slo) {
  const auto within = [](std::int64_t ns, const std::optional<Duration>& limit) {
    return !limit || ns <= limit->value();
  };
  Held held;
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    const RequestRow& row = metrics.rows[i];
    const bool ttft = within(row.ttft_ns, slo.ttft);
    const bool tpot = within(row.tpot_ns(), slo.tpot);
    const bool whole = within(row.end_to_end_ns, slo.end_to_end);
    held.ttft += ttft ? 1U : 0U;
    held.tpot += tpot ? 1U : 0U;
    held.end_to_end += whole ? 1U : 0U;
    held.joint += ttft && tpot && whole ? 1U : 0U;
  }
  return held;
}

}  // namespace

SimulatedPlacement::SimulatedPlacement(Scenario base, const SearchBounds& bounds)
    : base_(std::move(base)), bounds_(bounds) {
  check(base_);
  model_ = find_model(base_.model.name, base_.file + ": /model/name");
}

bool SimulatedPlacement::divides(const Split& split) const {
  return sharding_problem(model_, {split.tensor, split.pipeline}).empty() &&
         model_.layers % split.pipeline == 0;
}

bool SimulatedPlacement::fits(const Split& split) const {
  try {
    const Scenario alone = scenario_of({UnitKind::joint, split, split, 1}, 1);
    if (!assemble(alone, &costs_).does_not_fit.empty()) return false;
    if (alone.deployment.front().engine != "simdistserve") return true;
    return distserve_kv_tokens(model_, {split.tensor, split.pipeline}, kReleasedMemory) > Tokens(0);
  } catch (const InputError&) {
    return false;  // no costs for this split
  }
}

void SimulatedPlacement::split_group(ReplicaGroupSpec& group, const Split& split) const {
  group.replicas = 1;
  group.tensor_parallel = split.tensor;
  group.pipeline_parallel = split.pipeline;
  group.expert_parallel = 1;
  group.attention_data_parallel = 1;
  group.nodes = base_.nodes.front().name;
  group.kv_blocks.reset();
  if (group.engine != "simdistserve") return;
  // Its prefill steps take as many tokens as its memory holds.
  const Tokens capacity =
      distserve_kv_tokens(model_, {split.tensor, split.pipeline}, kReleasedMemory);
  if (capacity > Tokens(0))
    group.batch.parameters["prefill_tokens"] = fmt::format("{}", capacity.value());
}

Scenario SimulatedPlacement::scenario_of(const PlacementUnit& unit, double rate) const {
  Scenario scenario = base_;
  scenario.deployment.clear();
  const auto add = [&](const char* role, const Split& split) {
    ReplicaGroupSpec group = pattern(base_, role);
    group.role = role;
    group.name = role;
    split_group(group, split);
    scenario.deployment.push_back(std::move(group));
  };
  if (unit.kind == UnitKind::joint) {
    add("joint", unit.prefill);
  } else {
    add("prefill", unit.prefill);
    add("decode", unit.decode);
  }
  scenario.nodes.front().count = 1;
  scenario.nodes.front().devices_per_node = 0;
  for (std::size_t i = 1; i < scenario.nodes.size(); ++i) {
    scenario.nodes[i].count = 1;
    scenario.nodes[i].devices_per_node = 0;
  }
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    scenario.nodes.front().devices_per_node += group.devices();
    if (!group.attention) continue;
    for (NodeSpec& node : scenario.nodes)
      if (node.name == group.attention->nodes) node.devices_per_node += group.attention_devices();
  }
  // Kinds that this unit does not use.
  std::erase_if(scenario.nodes, [](const NodeSpec& node) { return node.devices_per_node == 0; });
  scenario.workload.rate = PerSecond(rate);
  scenario.workload.rate_given = true;
  return scenario;
}

bool SimulatedPlacement::holds(const PlacementUnit& unit, double rate) {
  const Scenario scenario = scenario_of(unit, rate);
  Assembly assembly = assemble(scenario, &costs_);
  SIM_CHECK(assembly.does_not_fit.empty(), "only units that fit are simulated");
  if (unit.kind == UnitKind::prefill) give_company(assembly, 0);
  if (unit.kind == UnitKind::decode) give_company(assembly, 1);
  const std::unique_ptr<RequestSource> source = open_workload(scenario);
  IngestSource ingest(*source, assembly.groups.front().engine);
  SimulationSetup setup = make_setup(scenario, assembly, ingest);
  const bool alone = unit.kind == UnitKind::prefill || unit.kind == UnitKind::decode;
  if (alone && setup.pools) setup.pools->wiring.reset();
  const Metrics metrics = simulate(std::move(setup));
  ++simulations_;
  if (metrics.finished == 0) return false;
  const Held held = count_held(metrics, scenario.slo);
  const auto passes = [&](std::uint64_t count) {
    return static_cast<double>(count) >=
           scenario.slo.attainment * static_cast<double>(metrics.arrived);
  };
  if (unit.kind == UnitKind::prefill) return passes(held.ttft);
  if (unit.kind == UnitKind::decode) return passes(held.tpot);
  if (bounds_.judging == Judging::joint) return passes(held.joint);
  return passes(held.ttft) && passes(held.tpot) && passes(held.end_to_end);
}

bool SimulatedPlacement::possible(const PlacementUnit& unit) const {
  try {
    return assemble(scenario_of(unit, 1), &costs_).does_not_fit.empty();
  } catch (const InputError&) {
    return false;  // its execution or attention devices do not go with the split
  }
}

double SimulatedPlacement::highest_above(const PlacementUnit& unit, const RateGrid& grid,
                                         std::int64_t low) {
  std::int64_t high = grid.most;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (holds(unit, grid.rate(middle)) ? low : high) = middle;
  }
  return grid.rate(low);
}

SimulatedPlacement::RateGrid SimulatedPlacement::grid_of(const PlacementUnit& unit) const {
  RateGrid grid;
  while (bounds_.most_per_device / static_cast<double>(grid.most) > bounds_.step) grid.most *= 2;
  grid.width = bounds_.most_per_device / static_cast<double>(grid.most) *
               static_cast<double>(unit.devices());
  return grid;
}

double SimulatedPlacement::goodput_above(const PlacementUnit& unit, double least) {
  const RateGrid grid = grid_of(unit);
  constexpr double kRoundOff = 1e-9;
  const auto next = static_cast<std::int64_t>(std::floor(least / grid.width + kRoundOff)) + 1;
  if (next >= grid.most || !possible(unit) || !holds(unit, grid.rate(next))) return 0;
  return highest_above(unit, grid, next);
}

double SimulatedPlacement::goodput(const PlacementUnit& unit) {
  return possible(unit) ? highest_above(unit, grid_of(unit), 0) : 0;
}

}  // namespace headroom
