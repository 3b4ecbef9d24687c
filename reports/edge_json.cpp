// The JSON document of a run of edge sites.
#include <nlohmann/json.hpp>

#include "reports/edge_report.h"
#include "reports/json_number.h"
#include "reports/json_report.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

template <std::size_t n, class Enum>
Json counts(const std::array<std::uint64_t, n>& values, Enum first) {
  Json table = Json::object();
  for (auto i = static_cast<std::size_t>(first); i < n; ++i) {
    table[to_string(static_cast<Enum>(i))] = values[i];
  }
  return table;
}

Json times(const DurationSummary& d) {
  const auto value = [&](double ms) { return d.count > 0 ? number(ms) : Json(); };
  return Json{{"count", d.count},    {"mean", value(d.mean)}, {"p50", value(d.p50)},
              {"p90", value(d.p90)}, {"p95", value(d.p95)},   {"p99", value(d.p99)},
              {"max", value(d.max)}};
}

Json types_json(const EdgeSummary& s) {
  Json table = Json::array();
  for (const EdgeTypeRow& row : s.types) {
    table.push_back(Json{{"type", row.name},
                         {"generated", row.generated},
                         {"completion", number(row.completion)},
                         {"task_utility", number(row.utility)},
                         {"mean_loss", s.has_losses ? number(row.mean_loss) : Json()},
                         {"best_model", row.best_model},
                         {"windows", row.windows},
                         {"windows_kept", row.windows_kept},
                         {"outcomes", counts(row.outcomes, EdgeOutcome::edge)}});
  }
  return table;
}

}  // namespace

std::string edge_json_report(const EdgeSummary& s) {
  const EdgeReportContext& c = s.context;
  Json document;
  document["schema"] = "headroom.edge_run";
  document["schema_version"] = kReportSchemaVersion;
  document["tool_version"] = c.tool_version;
  document["scenario"] = c.scenario;
  document["seed"] = c.seed;
  document["policy"] = c.policy;
  document["workload"] = c.workload;
  document["device"] = c.device;
  document["cloud"] = c.cloud;
  document["digests"] = Json{{"scenario", c.scenario_digest}, {"decisions", s.decision_digest}};
  document["notes"] = c.notes;
  document["sites"] = s.sites;
  document["tasks"] = Json{{"generated", s.generated},
                           {"in_time", s.in_time},
                           {"completion", number(s.completion)},
                           {"worst_site_completion", number(s.worst_site)}};
  document["utility"] = Json{{"tasks", number(s.task_utility)},
                             {"windows", number(s.window_utility)},
                             {"total", number(s.task_utility + s.window_utility)},
                             {"tasks_at_best", number(s.best_utility)}};
  document["quality"] = Json{{"mean_loss", s.has_losses ? number(s.mean_loss) : Json()},
                             {"best_model_share", s.has_losses ? number(s.best_model) : Json()}};
  document["windows"] = Json{{"counted", s.windows}, {"kept", s.windows_kept}};
  document["outcomes"] = counts(s.outcomes, EdgeOutcome::edge);
  document["miss_causes"] = counts(s.causes, MissCause::no_place_in_time);
  document["types"] = types_json(s);
  document["response_ms"] = times(s.response);
  document["cloud_time_ms"] = times(s.cloud_time);
  document["edge"] = Json{{"busy_share", number(s.edge_busy)},
                          {"runs", s.edge_runs},
                          {"copies_run", s.copies_run},
                          {"energy_working_j", number(s.energy_busy_j)},
                          {"energy_idle_j", number(s.energy_idle_j)},
                          {"energy_drones_j", number(s.energy_drones_j)},
                          {"most_parked", s.most_parked}};
  document["calls"] = Json{{"count", s.calls},
                           {"cold_starts", s.cold_starts},
                           {"most_at_once_a_site", s.most_calls_at_once},
                           {"billed_s", number(s.billed_s)},
                           {"cost_usd", number(s.cost_usd)},
                           {"uploaded_bytes", s.uploaded.value()}};
  document["end_s"] = number(s.end_s);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
