#include "sim/cli/edge_assemble.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/edge_splits.h"
#include "sim/cli/policy_choice.h"
#include "sim/edge_policy.h"
#include "sim/edge_presets.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"
#include "traces/drone_fleet.h"
#include "traces/edge_traces.h"
#include "traces/line_reader.h"

namespace headroom {
namespace {

LineReader open_lines(const std::string& path) {
  return {open_bytes(path), path == "-" ? "standard input" : path};
}

void set_policy(const EdgeScenario& scenario, EdgeSetup& setup) {
  const auto resolved = resolve<DispatchPolicy>(scenario.policy);
  setup.make_policy = [resolved] { return resolved.first->make(resolved.second); };
  setup.policy_name = resolved.first->name;
}

/// Measured latencies of single types: their expected times and laws.
void apply_latencies(const EdgeScenario& scenario, EdgeSetup& setup) {
  setup.own_edge_factors.resize(setup.types.size());
  for (std::size_t i = 0; i < setup.types.size(); ++i) {
    EdgeTaskType& type = setup.types[i];
    if (type.latencies.empty()) continue;
    MeasuredLatencies measured = read_latencies(open_lines(type.latencies),
                                                scenario.trace.empty() ? scenario.fleet.frames : 1);
    type.edge_time = measured.expected;
    setup.own_edge_factors[i] = std::move(measured.shape);
  }
}

std::string policy_sentence(const EdgeScenario& scenario) {
  std::string text = scenario.policy.name;
  for (const auto& [name, value] : scenario.policy.parameters) {
    text += fmt::format(", {} {}", name, value);
  }
  const auto* entry = PolicyRegistry<DispatchPolicy>::instance().find(scenario.policy.name);
  return entry == nullptr ? text : text + ": " + entry->summary;
}

}  // namespace

std::unique_ptr<EdgeAssembly> assemble_edges(const EdgeScenario& scenario) {
  auto assembly = std::make_unique<EdgeAssembly>();
  EdgeSetup& setup = assembly->setup;
  setup.types = scenario.types;
  setup.edge_factor = scenario.edge_factor;
  if (!scenario.latency_trace.empty()) {
    setup.edge_factor = read_latencies(open_lines(scenario.latency_trace), 1).shape;
  }
  setup.cloud = scenario.cloud;
  if (!scenario.network_trace.empty()) {
    setup.cloud.network = read_network_trace(open_lines(scenario.network_trace));
  }
  setup.loss_spread = scenario.loss_spread;
  setup.loss_prediction = scenario.loss_prediction;
  setup.window = scenario.window;
  setup.seed = scenario.seed;
  setup.where = scenario.file + ": /edge";
  set_policy(scenario, setup);
  const FleetSpec& fleet = scenario.fleet;
  if (scenario.trace.empty()) {
    std::vector<DronePeriod> periods = split_between_drone_and_edge(scenario, setup.types);
    for (EdgeTaskType& type : setup.types) {
      type.edge_time = type.edge_time * static_cast<std::int64_t>(fleet.frames);
      type.cloud_time = type.cloud_time * static_cast<std::int64_t>(fleet.frames);
    }
    apply_latencies(scenario, setup);  // of a whole batch of frames
    assembly->workload =
        std::make_unique<DroneFleet>(fleet, setup.types, scenario.seed, std::move(periods));
    assembly->workload_sentence = fmt::format(
        "{} site{} x {} drones, {} task{} a segment of {}, {} ({})", fleet.sites,
        fleet.sites == 1 ? "" : "s", fleet.drones, kinds_of(setup.types),
        kinds_of(setup.types) == 1 ? "" : "s", to_text(fleet.segment), to_text(fleet.duration),
        scenario.load.empty() ? "tasks of its own" : scenario.load);
    if (fleet.stay > Duration(0)) {
      assembly->workload_sentence += ", on to the next site after " + to_text(fleet.stay);
    }
  } else {
    apply_latencies(scenario, setup);
    assembly->workload = read_edge_tasks(open_lines(scenario.trace), setup.types);
    assembly->workload_sentence =
        fmt::format("trace {}, {} sites", scenario.trace, assembly->workload->sites());
  }
  setup.workload = assembly->workload.get();
  return assembly;
}

EdgeReportContext edge_report_context(const EdgeScenario& scenario, const EdgeAssembly& assembly) {
  EdgeReportContext context;
  context.scenario = scenario.name.empty() ? scenario.file : scenario.name;
  context.policy = policy_sentence(scenario);
  context.workload = assembly.workload_sentence;
  context.device = fmt::format("{}, {} W working, {} W idle", scenario.device,
                               scenario.busy_power.value(), scenario.idle_power.value());
  context.cloud =
      fmt::format("{}, {} calls a site at a time",
                  scenario.serving ? "the serving system of this scenario" : scenario.quality,
                  scenario.cloud.concurrency);
  context.seed = scenario.seed;
  context.tool_version = kVersion;
  context.scenario_digest = scenario.digest;
  context.types = assembly.setup.types;
  context.busy_power = scenario.busy_power;
  context.idle_power = scenario.idle_power;
  context.memory = scenario.memory;
  context.call_price = scenario.call_price;
  context.gigabyte_second_price = scenario.gigabyte_second_price;
  for (const EdgeTaskType& type : context.types) {
    for (std::string& note : split_notes(type, scenario)) context.notes.push_back(std::move(note));
  }
  if (!scenario.load.empty() && scenario.device != kTimesOfDevice) {
    context.notes.push_back(fmt::format(
        "expected times at the edge are those of a {}: none are published for {}; give tasks with "
        "edge_time or measured latencies",
        kTimesOfDevice, scenario.device));
  }
  for (const CloudQuality& quality : cloud_qualities()) {
    if (quality.name == scenario.quality) {
      context.notes.push_back(
          fmt::format("cloud {}: {}; actual times are assumptions, none are published",
                      quality.name, quality.summary));
    }
  }
  return context;
}

}  // namespace headroom
