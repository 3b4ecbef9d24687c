#include "sim/edge_scenario_reader.h"

#include <fmt/format.h>

#include "sim/check.h"
#include "sim/scenario_fields.h"
#include "sim/scenario_rules.h"

namespace headroom {
namespace {

/// Most segments: a run of more is a mistake of units.
constexpr double kMostSegments = 1e11;
constexpr std::uint64_t kMostDrones = std::uint64_t{1} << 32;  // EdgeArrival::drone has 32 bits
constexpr std::int64_t kMostLegs = 10'000;                     // each is held for each drone
/// Sites of one run with a serving system, which are all held at once.
constexpr std::uint64_t kMostServedSites = 100'000;

/// What a serving system answers is not drawn as well.
void check_serving(const JsonNode& root, EdgeScenario& scenario) {
  if (!scenario.serving) return;
  const JsonNode* cloud = root.find("edge")->find("cloud");
  for (const char* key : {"quality", "time_factor", "phases", "cold_start", "keep_alive"}) {
    const bool bare = cloud != nullptr && cloud->kind == JsonNode::Kind::text;
    if (cloud == nullptr || (!bare && cloud->find(key) == nullptr)) continue;
    throw InputError(scenario.file + ": /edge/cloud" + (bare ? "" : std::string("/") + key),
                     "expected nothing here beside serving, got a value that would be ignored; "
                     "remove one of them");
  }
  if (scenario.fleet.sites > kMostServedSites) {
    throw InputError(scenario.file + ": /edge/fleet/sites",
                     fmt::format("expected at most {} sites with serving, got {}; lower them",
                                 kMostServedSites, scenario.fleet.sites));
  }
  scenario.serving->seed = scenario.seed;
  check_system_rules(JsonPlaces(scenario.serving->file, *root.find("serving")), *scenario.serving);
}

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
  if (fleet.sites * fleet.drones >= kMostDrones) {
    throw InputError(scenario.file + ": /edge/fleet",
                     fmt::format("expected fewer than {} drones, got {}; lower sites or drones",
                                 kMostDrones, fleet.sites * fleet.drones));
  }
  if (fleet.stay > Duration(0) && fleet.duration / fleet.stay > kMostLegs) {
    throw InputError(scenario.file + ": /edge/fleet/stay",
                     fmt::format("expected at most {} legs of a flight, got {}; let drones stay "
                                 "longer",
                                 kMostLegs, fleet.duration / fleet.stay));
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
  check_serving(root, loaded.scenario);
  loaded.scenario.digest = digest_of(document.values);
  loaded.values = std::move(document.values);
  return loaded;
}

std::string edge_scenario_schema() {
  return schema_text("Headroom scenario of edge sites", [](JsonCursor& at) {
    EdgeScenario defaults;
    edge_scenario_fields(at, defaults);
  });
}

}  // namespace headroom
