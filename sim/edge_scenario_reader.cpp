#include "sim/edge_scenario_reader.h"

#include <fmt/format.h>

#include "sim/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace headroom {
namespace {

/// Most tasks of one site and of all: a run of more is a mistake of units.
constexpr double kMostSegments = 1e11;

void check_size(const EdgeScenario& scenario) {
  const FleetSpec& fleet = scenario.fleet;
  const double segments = static_cast<double>(fleet.sites) * static_cast<double>(fleet.drones) *
                          (fleet.duration.as_double() / fleet.segment.as_double());
  if (segments > kMostSegments) {
    throw InputError(scenario.file + ": /edge/fleet",
                     fmt::format("expected at most {:.0e} segments, got {:.1e}; lower sites, "
                                 "drones or duration",
                                 kMostSegments, segments));
  }
}

}  // namespace

bool is_edge_scenario(const ScenarioText& input) {
  try {
    return parse_json(input.text, input.file).find("edge") != nullptr;
  } catch (const InputError&) {
    return false;  // the reader of ordinary scenarios says what is wrong
  }
}

LoadedEdgeScenario read_edge_scenario(const ScenarioText& input) {
  JsonNode root = parse_json(input.text, input.file);
  for (const ScenarioOverride& change : input.overrides) apply_override(root, change);
  JsonDocument document{input.file};
  LoadedEdgeScenario loaded;
  loaded.scenario.file = input.file;
  JsonCursor cursor = JsonCursor::reading(document, root);
  edge_scenario_fields(cursor, loaded.scenario);
  cursor.finish();
  check_size(loaded.scenario);
  // As the digest of other scenarios: "pointer=value" lines in the order of the field table.
  std::string canonical;
  for (const ExplainedValue& value : document.values) {
    canonical += value.pointer + "=" + value.value + "\n";
  }
  loaded.scenario.digest = fmt::format("{:016x}", XXH3_64bits(canonical.data(), canonical.size()));
  loaded.values = std::move(document.values);
  return loaded;
}

std::string edge_scenario_schema() {
  JsonNode schema = JsonNode::object();
  schema.add("$schema", JsonNode::of_text("https://json-schema.org/draft/2020-12/schema"));
  schema.add("title", JsonNode::of_text("Headroom scenario of edge sites"));
  JsonDocument document;
  JsonNode fields;
  JsonCursor cursor = JsonCursor::describing(document, fields);
  EdgeScenario defaults;
  edge_scenario_fields(cursor, defaults);
  for (JsonNode& part : fields.children) schema.children.push_back(std::move(part));
  return write_json(schema);
}

}  // namespace headroom
