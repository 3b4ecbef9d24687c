// A sweep's plan as the file that its workers read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/check.h"
#include "sim/cli/sweep_plan.h"
#include "sim/cli/text_digest.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPlanVersion = 1;

Json base_of(const SweepPlan& plan) {
  Json overrides = Json::array();
  for (const ScenarioOverride& change : plan.base.overrides) {
    overrides.push_back({{"path", change.path},
                         {"value", change.value},
                         {"source", static_cast<int>(change.source)},
                         {"origin", change.origin},
                         {"form", static_cast<int>(change.form)}});
  }
  return {{"file", plan.base.file}, {"text", plan.base.text}, {"overrides", overrides}};
}

Json question_of(const SweepPlan& plan) {
  Json root;
  root["plan_version"] = kPlanVersion;
  root["tool_version"] = plan.tool_version;
  root["base"] = base_of(plan);
  root["paths"] = plan.paths;
  root["points"] = plan.points;
  root["seeds"] = plan.seeds;
  return root;
}

ScenarioText base_from(const Json& json) {
  ScenarioText base;
  base.file = json.at("file").get<std::string>();
  base.text = json.at("text").get<std::string>();
  for (const Json& change : json.at("overrides")) {
    base.overrides.push_back({change.at("path").get<std::string>(),
                              change.at("value").get<std::string>(),
                              static_cast<ValueSource>(change.at("source").get<int>()),
                              change.at("origin").get<std::string>(),
                              static_cast<OverrideForm>(change.at("form").get<int>())});
  }
  return base;
}

}  // namespace

std::string plan_text(const SweepPlan& plan) {
  Json root = question_of(plan);
  root["chunk_cells"] = plan.chunk_cells;
  return root.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

SweepPlan read_plan(const std::string& text, const std::string& where) {
  try {
    const Json root = Json::parse(text);
    if (root.at("plan_version").get<int>() != kPlanVersion) {
      throw InputError(where, fmt::format("expected a sweep's plan of version {}, got {}; use the "
                                          "Headroom that wrote it",
                                          kPlanVersion, root.at("plan_version").dump()));
    }
    SweepPlan plan;
    plan.tool_version = root.at("tool_version").get<std::string>();
    plan.base = base_from(root.at("base"));
    root.at("paths").get_to(plan.paths);
    root.at("points").get_to(plan.points);
    root.at("seeds").get_to(plan.seeds);
    root.at("chunk_cells").get_to(plan.chunk_cells);
    bool whole = plan.chunk_cells > 0 && !plan.seeds.empty() && !plan.points.empty();
    for (const auto& point : plan.points) whole = whole && point.size() == plan.paths.size();
    if (!whole || plan.points.size() > kMostCells / plan.seeds.size()) {
      throw InputError(where,
                       "expected a sweep's plan, got one without points, seeds or chunks; "
                       "start the sweep anew in another folder");
    }
    return plan;
  } catch (const Json::exception& error) {
    throw InputError(where, fmt::format("expected a sweep's plan, got: {}; start the sweep anew in "
                                        "another folder",
                                        error.what()));
  }
}

std::string plan_digest(const SweepPlan& plan) {
  const std::string text = question_of(plan).dump(-1, ' ', false, Json::error_handler_t::replace);
  return text_digest(text);
}

}  // namespace headroom
