// From text to `EdgeScenario`: one JSON file whose root holds "edge", overrides on top, every value
// checked.
//
// Laws: those of sim/scenario_reader.h. One field table gives reading, schema and explained values.
// Cost: load time only.
// Not here: traces of tasks, networks and latencies (traces/edge_traces.h).
#pragma once

#include <string>
#include <vector>

#include "sim/edge_scenario.h"
#include "sim/scenario_reader.h"

namespace headroom {

struct LoadedEdgeScenario {
  EdgeScenario scenario;
  std::vector<ExplainedValue> values;  ///< every value with its source, in the order of the schema
};

/// Whether a text asks about edge sites: its root holds "edge". False for a text that is no JSON.
[[nodiscard]] bool is_edge_scenario(const ScenarioText& input);

/// Reads and checks. Throws InputError.
[[nodiscard]] LoadedEdgeScenario read_edge_scenario(const ScenarioText& input);

/// The JSON Schema (draft 2020-12) of what `read_edge_scenario` accepts.
[[nodiscard]] std::string edge_scenario_schema();

/// The field table. `describing` cursors build the schema.
void edge_scenario_fields(JsonCursor& at, EdgeScenario& scenario);

}  // namespace headroom
