// links: sim traces policies
// libFuzzer: any bytes are a scenario of edge sites (first byte '{'), a trace of tasks, networks or
// latencies (first byte 't', 'n', 'l', then the text), or exactly one InputError of one line. A
// scenario that is small enough is run: its laws hold.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sim/check.h"
#include "sim/edge_presets.h"
#include "sim/edge_scenario_reader.h"
#include "sim/edge_simulation.h"
#include "traces/drone_fleet.h"
#include "traces/edge_traces.h"

namespace {

using namespace headroom;

constexpr double kMostTasks = 2000;

void run(const EdgeScenario& scenario) {
  const FleetSpec& fleet = scenario.fleet;
  const double tasks = static_cast<double>(fleet.sites * fleet.drones * scenario.types.size()) *
                       (fleet.duration.as_double() / fleet.segment.as_double() + 1);
  const bool long_way = fleet.stay > Duration(0) && fleet.duration / fleet.stay > 100;
  if (!scenario.trace.empty() || tasks > kMostTasks || long_way) return;
  EdgeSetup setup;
  setup.types = scenario.types;
  setup.edge_factor = scenario.edge_factor;
  setup.cloud = scenario.cloud;
  setup.window = scenario.window;
  const auto* entry = PolicyRegistry<DispatchPolicy>::instance().find(scenario.policy.name);
  Parameters values;
  for (const ParameterSpec& spec : entry->parameters) {
    const auto given = scenario.policy.parameters.find(spec.name);
    values.set(
        spec.name,
        parse_parameter(
            spec, given == scenario.policy.parameters.end() ? spec.default_text : given->second,
            "fuzz"));
  }
  setup.make_policy = [&] { return entry->make(values); };
  setup.policy_name = entry->name;
  const DroneFleet workload(fleet, setup.types, scenario.seed);
  setup.workload = &workload;
  const EdgeMetrics metrics = simulate_edges(setup);
  if (metrics.in_time() > metrics.generated()) std::abort();
}

void take(const std::string& text) {
  if (text.empty() || text[0] == '{' || text[0] == '/') {
    run(read_edge_scenario({"fuzz.json", text, {}}).scenario);
    return;
  }
  LineReader lines(memory_bytes(std::string_view(text).substr(1), "fuzz.csv"), "fuzz.csv");
  if (text[0] == 'n') {
    static_cast<void>(read_network_trace(std::move(lines)));
  } else if (text[0] == 'l') {
    static_cast<void>(read_latencies(std::move(lines), 1));
  } else {
    static_cast<void>(read_edge_tasks(std::move(lines), edge_loads()[2].types));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    take(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const headroom::InputError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
