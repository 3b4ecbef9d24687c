// A sweep as one JSON document: every table, and each point against the first.
#include "reports/sweep_json.h"

#include <nlohmann/json.hpp>

#include "reports/json_number.h"
#include "reports/student_interval.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

Json interval_of(const StudentInterval& interval) {
  if (interval.count == 0) return nullptr;
  return {{"seeds", interval.count},
          {"mean", number(interval.mean)},
          {"half_width", interval.count > 1 ? number(interval.half_width) : Json()}};
}

Json point_of(const SweepResults& results, std::size_t point) {
  Json settings = Json::object();
  for (std::size_t i = 0; i < results.paths.size(); ++i) {
    settings[results.paths[i]] = results.points[point][i];
  }
  Json means = Json::object();
  Json changes = Json::object();
  for (std::size_t m = 0; m < results.metrics.size(); ++m) {
    const std::vector<double> values = values_at(results, point, m);
    means[results.metrics[m].name] = interval_of(student_interval(values));
    if (point == 0) continue;
    changes[results.metrics[m].name] =
        interval_of(paired_interval(values, values_at(results, 0, m)));
  }
  return {{"point", point}, {"settings", settings}, {"metrics", means}, {"against_first", changes}};
}

Json cell_of(const SweepResults& results, const SweepCell& cell) {
  Json values = Json::object();
  for (std::size_t m = 0; m < cell.values.size(); ++m) {
    values[results.metrics[m].name] = number(cell.values[m]);
  }
  return {{"point", cell.point},
          {"seed", cell.seed},
          {"id", cell.id},
          {"status", to_string(cell.status)},
          {"verdict", cell.verdict},
          {"why", cell.why},
          {"digests",
           {{"scenario", cell.scenario_digest},
            {"costs", cell.cost_digest},
            {"decisions", cell.decision_digest},
            {"requests", cell.workload_digest}}},
          {"command", cell_command(results, cell)},
          {"metrics", values}};
}

}  // namespace

std::string sweep_json(const SweepResults& results) {
  Json root;
  root["schema"] = "headroom.sweep";
  root["schema_version"] = kSweepSchemaVersion;
  root["scenario"] = results.scenario;
  root["tool_version"] = results.tool_version;
  root["digest"] = results.digest;
  root["inputs"] = Json::object();
  for (const RecordedInput& input : results.inputs) root["inputs"][input.pointer] = input.value;
  root["gates"] = results.gates;
  root["paths"] = results.paths;
  root["seeds"] = results.seeds;
  root["metrics"] = Json::array();
  for (const SweepMetric& metric : results.metrics) {
    root["metrics"].push_back(
        {{"name", metric.name}, {"unit", metric.unit}, {"better", to_string(metric.better)}});
  }
  root["points"] = Json::array();
  for (std::size_t p = 0; p < results.points.size(); ++p) {
    root["points"].push_back(point_of(results, p));
  }
  root["cells"] = Json::array();
  for (const SweepCell& cell : results.cells) root["cells"].push_back(cell_of(results, cell));
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
