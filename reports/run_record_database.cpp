// Databases of runs and of sweeps, read back.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "reports/run_database.h"
#include "reports/run_record.h"
#include "reports/sqlite_file.h"
#include "sim/check.h"

namespace headroom {
namespace {

std::uint64_t seed_of(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

SqliteFile opened(const std::string& path) {
  return SqliteFile(path, SqliteFile::Mode::read,
                    {path, "a whole database of Headroom", "make it anew"});
}

/// The file's version. Throws InputError where it is not from 1 to `newest`.
std::int64_t check_version(SqliteFile& db, const std::string& path, std::int64_t newest) {
  const std::int64_t version = db.integer("PRAGMA user_version");
  if (version >= 1 && version <= newest) return version;
  throw InputError(path, fmt::format("expected a database of version 1 to {}, got {}; use the "
                                     "Headroom that wrote it",
                                     newest, version));
}

/// Rows of (pointer, value).
std::vector<RecordedInput> inputs_of(SqliteStatement rows) {
  std::vector<RecordedInput> inputs;
  while (rows.row()) {
    std::string pointer = rows.text();
    inputs.push_back({std::move(pointer), rows.text()});
  }
  return inputs;
}

void read_question(SqliteFile& db, std::int64_t id, RecordSet& set) {
  SqliteStatement inputs =
      db.prepare("SELECT pointer, value FROM inputs WHERE run = ? ORDER BY pointer");
  inputs.bind(id);
  set.inputs = inputs_of(std::move(inputs));
  SqliteStatement document = db.prepare("SELECT document FROM documents WHERE run = ?");
  document.bind(id);
  if (document.row()) set.document = document.text();
  SqliteStatement gates = db.prepare("SELECT gate FROM gates WHERE run = ? ORDER BY place");
  gates.bind(id);
  while (gates.row()) set.gates.push_back(gates.text());
  SqliteStatement label = db.prepare("SELECT label FROM labels WHERE run = ?");
  label.bind(id);
  if (label.row()) set.label = label.text();
}

void read_figures(SqliteFile& db, std::int64_t id, RunRecord& run) {
  SqliteStatement metrics =
      db.prepare("SELECT name, unit, value, better FROM metrics WHERE run = ? ORDER BY name");
  metrics.bind(id);
  while (metrics.row()) {
    NamedMetric metric;
    metric.name = metrics.text();
    metric.unit = metrics.text();
    metric.value = metrics.number();
    metric.better = better_from(metrics.text());
    run.metrics.push_back(std::move(metric));
  }
  SqliteStatement digests = db.prepare("SELECT name, value FROM digests WHERE run = ?");
  digests.bind(id);
  while (digests.row()) {
    const std::string name = digests.text();
    const std::string value = digests.text();
    if (name == "scenario") run.scenario_digest = value;
    if (name == "costs") run.cost_digest = value;
    if (name == "decisions") run.decision_digest = value;
    if (name == "requests") run.workload_digest = value;
  }
}

/// Whether point and scenario value are of one key: "deployment.replicas" and
/// "/deployment/0/replicas", wherever lists are skipped or starred.
bool same_key(const std::string& path, const std::string& pointer) {
  const auto words = [](const std::string& text, char between) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
      if (c == between) {
        parts.emplace_back();
      } else {
        parts.back() += c;
      }
    }
    std::erase_if(parts, [](const std::string& word) {
      return word.find_first_not_of("0123456789*") == std::string::npos;
    });
    return parts;
  };
  const std::vector<std::string> of_path = words(path, '.');
  const std::vector<std::string> of_pointer = words(pointer, '/');
  return of_path.size() <= of_pointer.size() &&
         std::equal(of_path.begin(), of_path.end(), of_pointer.begin());
}

RunRecord run_of(const SweepResults& results, const SweepCell& cell) {
  RunRecord run;
  run.seed = cell.seed;
  run.status = cell.status;
  run.verdict = cell.verdict;
  run.scenario_digest = cell.scenario_digest;
  run.cost_digest = cell.cost_digest;
  run.decision_digest = cell.decision_digest;
  run.workload_digest = cell.workload_digest;
  for (std::size_t m = 0; m < cell.values.size(); ++m) {
    if (!std::isfinite(cell.values[m])) continue;
    const SweepMetric& metric = results.metrics[m];
    run.metrics.push_back({metric.name, metric.unit, cell.values[m], metric.better});
  }
  return run;
}

/// One text column of a table with a number in front, in order.
std::vector<std::string> column(SqliteFile& db, const std::string& sql) {
  std::vector<std::string> texts;
  SqliteStatement rows = db.prepare(sql);
  while (rows.row()) texts.push_back(rows.text());
  return texts;
}

void read_cells(SqliteFile& db, std::int64_t version, SweepResults& results) {
  SqliteStatement rows = db.prepare(fmt::format(
      "SELECT point, seed, status, verdict, why, scenario_digest, cost_digest, decision_digest, {} "
      "FROM cells ORDER BY cell",
      version > 1 ? "workload_digest" : "''"));
  while (rows.row()) {
    SweepCell cell;
    cell.point = static_cast<std::size_t>(rows.integer());
    cell.seed = seed_of(rows.text());
    cell.status = status_from(rows.text());
    cell.verdict = rows.text();
    cell.why = rows.text();
    cell.scenario_digest = rows.text();
    cell.cost_digest = rows.text();
    cell.decision_digest = rows.text();
    cell.workload_digest = rows.text();
    cell.values.assign(results.metrics.size(), std::numeric_limits<double>::quiet_NaN());
    results.cells.push_back(std::move(cell));
  }
  SqliteStatement figures = db.prepare("SELECT cell, metric, value FROM figures");
  while (figures.row()) {
    const auto cell = static_cast<std::size_t>(figures.integer());
    const auto metric = static_cast<std::size_t>(figures.integer());
    if (cell < results.cells.size() && metric < results.metrics.size()) {
      results.cells[cell].values[metric] = figures.number();
    }
  }
}

}  // namespace

std::vector<RecordSet> database_runs(const std::string& path, std::int64_t first,
                                     std::int64_t last) {
  SqliteFile db = opened(path);
  const bool asks = check_version(db, path, kRunDatabaseVersion) > 1;
  std::vector<RecordSet> sets;
  SqliteStatement rows = db.prepare(
      "SELECT id, tool_version, scenario, seed, slo_verdict FROM runs WHERE id BETWEEN ? AND ? "
      "ORDER BY id");
  rows.bind(first).bind(last);
  while (rows.row()) {
    RecordSet set;
    RunRecord run;
    const std::int64_t id = rows.integer();
    set.tool_version = rows.text();
    set.name = rows.text();
    run.seed = seed_of(rows.text());
    run.verdict = rows.text();
    if (asks) read_question(db, id, set);
    read_figures(db, id, run);
    set.runs.push_back(std::move(run));
    sets.push_back(std::move(set));
  }
  return sets;
}

std::vector<RecordSet> sweep_database_records(const std::string& path) {
  SqliteFile db = opened(path);
  const std::int64_t version = check_version(db, path, kSweepDatabaseVersion);
  SweepResults results;
  for (const auto& [key, text] : {std::pair{"scenario", &results.scenario},
                                  std::pair{"tool_version", &results.tool_version}}) {
    const auto values = column(db, fmt::format("SELECT value FROM sweep WHERE key = '{}'", key));
    if (!values.empty()) *text = values.front();
  }
  if (version > 1) {
    results.gates = column(db, "SELECT gate FROM gates ORDER BY place");
    results.inputs = inputs_of(db.prepare("SELECT pointer, value FROM inputs ORDER BY pointer"));
  }
  SqliteStatement metrics = db.prepare("SELECT name, unit, better FROM metrics ORDER BY metric");
  while (metrics.row()) {
    SweepMetric metric;
    metric.name = metrics.text();
    metric.unit = metrics.text();
    metric.better = better_from(metrics.text());
    results.metrics.push_back(std::move(metric));
  }
  read_cells(db, version, results);
  results.paths = column(db, "SELECT DISTINCT path FROM settings ORDER BY path");
  std::size_t points = 0;
  for (const SweepCell& cell : results.cells) points = std::max(points, cell.point + 1);
  results.points.resize(points);
  for (const std::string& path_name : results.paths) {
    SqliteStatement settings =
        db.prepare("SELECT value FROM settings WHERE path = ? ORDER BY point");
    settings.bind(path_name);
    for (std::size_t p = 0; settings.row() && p < points; ++p) {
      results.points[p].push_back(settings.text());
    }
  }
  for (auto& values : results.points) values.resize(results.paths.size());
  return sweep_records(results);
}

std::vector<RecordSet> sweep_records(const SweepResults& results) {
  std::vector<RecordSet> sets(results.points.size());
  for (std::size_t p = 0; p < sets.size(); ++p) {
    RecordSet& set = sets[p];
    set.name = results.scenario;
    set.tool_version = results.tool_version;
    set.gates = results.gates;
    for (const RecordedInput& input : results.inputs) {
      const bool swept =
          std::any_of(results.paths.begin(), results.paths.end(),
                      [&](const auto& path) { return same_key(path, input.pointer); });
      // What the first point says of a swept key says nothing of the others.
      if (!swept || sets.size() == 1) set.inputs.push_back(input);
    }
    for (std::size_t i = 0; i < results.paths.size(); ++i) {
      set.name += fmt::format(" {}={}", results.paths[i], results.points[p][i]);
      if (sets.size() > 1) set.inputs.push_back({results.paths[i], results.points[p][i]});
    }
  }
  for (const SweepCell& cell : results.cells) {
    if (cell.point < sets.size()) sets[cell.point].runs.push_back(run_of(results, cell));
  }
  return sets;
}

}  // namespace headroom
