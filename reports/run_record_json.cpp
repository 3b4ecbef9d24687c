// Reports and sweeps as JSON, read back.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "reports/json_report.h"
#include "reports/run_record.h"
#include "reports/sweep_json.h"
#include "sim/check.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& at, const char* key) {
  const auto it = at.find(key);
  return it == at.end() || it->is_null() ? std::string() : it->get<std::string>();
}

std::vector<RecordedInput> inputs_of(const Json& root) {
  std::vector<RecordedInput> inputs;
  const auto it = root.find("inputs");
  if (it == root.end()) return inputs;
  for (const auto& [pointer, value] : it->items()) {
    inputs.push_back({pointer, value.get<std::string>()});
  }
  return inputs;
}

/// Of a RunRecord or a SweepCell.
template <class Run>
void read_digests(const Json& digests, Run& run) {
  run.scenario_digest = text_of(digests, "scenario");
  run.cost_digest = text_of(digests, "costs");
  run.decision_digest = text_of(digests, "decisions");
  run.workload_digest = text_of(digests, "requests");
}

std::vector<RecordSet> run_report(const Json& root) {
  RecordSet set;
  set.name = root.at("scenario").get<std::string>();
  set.tool_version = text_of(root, "tool_version");
  set.inputs = inputs_of(root);
  if (root.contains("document") && !root.at("document").is_null()) {
    set.document = root.at("document").dump();
  }
  set.gates = root.value("gates", std::vector<std::string>{});
  RunRecord run;
  root.at("seed").get_to(run.seed);
  run.verdict = text_of(root.at("slo"), "verdict");
  read_digests(root.at("digests"), run);
  for (const Json& metric : root.at("metrics")) {
    run.metrics.push_back({metric.at("name").get<std::string>(),
                           metric.at("unit").get<std::string>(), metric.at("value").get<double>(),
                           better_from(metric.at("better").get<std::string>())});
  }
  const Json& points = root.at("checkpoints");
  points.at("spacing_ns").get_to(run.checkpoints.spacing_ns);
  points.at("decisions").get_to(run.checkpoints.digests);
  set.runs.push_back(std::move(run));
  return {std::move(set)};
}

SweepCell cell_of(const Json& json, const SweepResults& results) {
  SweepCell cell;
  json.at("point").get_to(cell.point);
  json.at("seed").get_to(cell.seed);
  cell.status = status_from(json.at("status").get<std::string>());
  cell.verdict = text_of(json, "verdict");
  cell.why = text_of(json, "why");
  read_digests(json.at("digests"), cell);
  for (const SweepMetric& metric : results.metrics) {
    const auto it = json.at("metrics").find(metric.name);
    const bool there = it != json.at("metrics").end() && it->is_number();
    cell.values.push_back(there ? it->get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return cell;
}

std::vector<RecordSet> sweep_report(const Json& root) {
  SweepResults results;
  root.at("scenario").get_to(results.scenario);
  results.tool_version = text_of(root, "tool_version");
  results.inputs = inputs_of(root);
  results.gates = root.value("gates", std::vector<std::string>{});
  root.at("paths").get_to(results.paths);
  root.at("seeds").get_to(results.seeds);
  for (const Json& metric : root.at("metrics")) {
    results.metrics.push_back({metric.at("name").get<std::string>(),
                               metric.at("unit").get<std::string>(),
                               better_from(metric.at("better").get<std::string>())});
  }
  for (const Json& point : root.at("points")) {
    std::vector<std::string> values;
    for (const std::string& path : results.paths) {
      values.push_back(point.at("settings").at(path).get<std::string>());
    }
    results.points.push_back(std::move(values));
  }
  for (const Json& cell : root.at("cells")) results.cells.push_back(cell_of(cell, results));
  if (results.cells.size() != results.points.size() * results.seeds.size()) {
    throw InputError("", "cells are missing");
  }
  return sweep_records(results);
}

}  // namespace

std::vector<RecordSet> json_records(const std::string& text, const std::string& shown) {
  const Json root = Json::parse(text, nullptr, false);
  const auto named = root.is_object() ? root.find("schema") : root.end();
  const std::string schema =
      named != root.end() && named->is_string() ? named->get<std::string>() : std::string();
  const bool sweep = schema == "headroom.sweep" ||
                     (root.is_object() && root.contains("points") && root.contains("cells"));
  const int newest = sweep ? kSweepSchemaVersion : kReportSchemaVersion;
  if (!sweep && schema != "headroom.run") {
    throw InputError(shown,
                     "expected a report (headroom run --json) or a sweep (headroom sweep "
                     "--json), got another document; name one");
  }
  try {
    if (root.at("schema_version").get<int>() != newest) {
      throw InputError(shown, fmt::format("expected schema version {}, got {}; use the Headroom "
                                          "that wrote it",
                                          newest, root.at("schema_version").dump()));
    }
    return sweep ? sweep_report(root) : run_report(root);
  } catch (const std::exception& error) {
    if (const auto* ours = dynamic_cast<const InputError*>(&error);
        ours != nullptr && !ours->where().empty()) {
      throw;
    }
    throw InputError(
        shown, fmt::format("expected a whole {} of this version, got: {}; write it "
                           "again with headroom {} --json",
                           sweep ? "sweep" : "report", error.what(), sweep ? "sweep" : "run"));
  }
}

}  // namespace headroom
