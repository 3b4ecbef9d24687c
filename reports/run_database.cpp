#include "reports/run_database.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string_view>
#include <utility>

#include "reports/metric_list.h"
#include "reports/number_text.h"
#include "reports/sqlite_file.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr const char* kSchema = R"sql(
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  tool_version TEXT NOT NULL,
  scenario TEXT NOT NULL,
  seed TEXT NOT NULL,
  model TEXT NOT NULL,
  device TEXT NOT NULL,
  gpus INTEGER NOT NULL,
  replicas INTEGER NOT NULL,
  cost_model TEXT NOT NULL,
  slo_verdict TEXT NOT NULL,
  load TEXT NOT NULL);
CREATE TABLE metrics (
  run INTEGER NOT NULL REFERENCES runs(id),
  name TEXT NOT NULL,
  unit TEXT NOT NULL,
  value REAL NOT NULL,
  better TEXT NOT NULL,
  PRIMARY KEY (run, name)) WITHOUT ROWID;
CREATE TABLE digests (
  run INTEGER NOT NULL REFERENCES runs(id),
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, name)) WITHOUT ROWID;
)sql";

/// What version 2 added.
constexpr const char* kQuestionTables = R"sql(
CREATE TABLE inputs (
  run INTEGER NOT NULL REFERENCES runs(id),
  pointer TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, pointer)) WITHOUT ROWID;
CREATE TABLE documents (run INTEGER PRIMARY KEY REFERENCES runs(id), document TEXT NOT NULL);
CREATE TABLE gates (
  run INTEGER NOT NULL REFERENCES runs(id),
  place INTEGER NOT NULL,
  gate TEXT NOT NULL,
  PRIMARY KEY (run, place)) WITHOUT ROWID;
CREATE TABLE labels (run INTEGER PRIMARY KEY REFERENCES runs(id), label TEXT NOT NULL);
)sql";

/// Creates the schema in an empty database; refuses anything that is not ours or newer.
void ensure_schema(SqliteFile& db, const std::string& path) {
  if (db.blank()) {
    db.execute(kSchema);
    db.execute(kQuestionTables);
    db.execute(fmt::format("PRAGMA application_id = {}", kRunDatabaseId));
    db.execute(fmt::format("PRAGMA user_version = {}", kRunDatabaseVersion));
    return;
  }
  const std::int64_t version = db.integer("PRAGMA user_version");
  if (db.integer("PRAGMA application_id") != kRunDatabaseId) {
    throw InputError(path,
                     "expected a database of Headroom runs, got one of another program; name "
                     "another file with --db");
  }
  if (version == 1) {
    db.execute(kQuestionTables);
    db.execute(fmt::format("PRAGMA user_version = {}", kRunDatabaseVersion));
  } else if (version != kRunDatabaseVersion) {
    throw InputError(path, fmt::format("expected run database version {}, got {}; use the Headroom "
                                       "that wrote it, or name another file with --db",
                                       kRunDatabaseVersion, version));
  }
}

std::int64_t insert_run(SqliteFile& db, const Summary& s) {
  const ReportContext& c = s.context;
  db.prepare(
        "INSERT INTO runs (tool_version, scenario, seed, model, device, gpus, replicas, "
        "cost_model, slo_verdict, load) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(c.tool_version)
      .bind(c.scenario)
      .bind(std::to_string(c.seed))  // text: SQLite's integers end at 2^63
      .bind(c.model)
      .bind(c.device)
      .bind(c.gpus)
      .bind(c.replicas)
      .bind(c.cost_model)
      .bind(to_string(s.slo.verdict))
      .bind(to_string(s.saturation.hint))
      .insert();
  return db.last_id();
}

void insert_metrics(SqliteFile& db, std::int64_t run, const Summary& s) {
  SqliteStatement statement =
      db.prepare("INSERT INTO metrics (run, name, unit, value, better) VALUES (?, ?, ?, ?, ?)");
  for (const NamedMetric& metric : metric_list(s)) {
    statement.bind(run).bind(metric.name).bind(metric.unit);
    statement.bind(nine_digits(metric.value)).bind(to_string(metric.better)).insert();
  }
}

void insert_digests(SqliteFile& db, std::int64_t run, const Summary& s) {
  SqliteStatement statement = db.prepare("INSERT INTO digests (run, name, value) VALUES (?, ?, ?)");
  const std::array<std::pair<const char*, std::string_view>, 4> digests{
      {{"scenario", s.context.scenario_digest},
       {"costs", s.context.cost_digest},
       {"decisions", s.decision_digest},
       {"requests", s.workload_digest}}};
  for (const auto& [name, value] : digests) {
    if (!value.empty()) statement.bind(run).bind(name).bind(value).insert();
  }
}

void insert_question(SqliteFile& db, std::int64_t run, const ReportContext& c,
                     const std::string& label) {
  SqliteStatement inputs = db.prepare("INSERT INTO inputs (run, pointer, value) VALUES (?, ?, ?)");
  for (const RecordedInput& input : c.inputs) {
    inputs.bind(run).bind(input.pointer).bind(input.value).insert();
  }
  SqliteStatement gates = db.prepare("INSERT INTO gates (run, place, gate) VALUES (?, ?, ?)");
  for (std::size_t i = 0; i < c.gates.size(); ++i) {
    gates.bind(run).bind(i).bind(c.gates[i]).insert();
  }
  if (!c.document.empty()) {
    db.prepare("INSERT INTO documents (run, document) VALUES (?, ?)")
        .bind(run)
        .bind(c.document)
        .insert();
  }
  if (!label.empty()) {
    db.prepare("INSERT INTO labels (run, label) VALUES (?, ?)").bind(run).bind(label).insert();
  }
}

std::int64_t append(const std::string& path, const Summary& summary, const std::string& label) {
  SqliteFile db(
      path, SqliteFile::Mode::write,
      {path, "a database of Headroom runs that can be written", "name another file with --db"});
  // Closing the connection rolls back whatever an exception left open.
  db.execute("BEGIN IMMEDIATE");
  ensure_schema(db, path);
  const std::int64_t run = insert_run(db, summary);
  insert_metrics(db, run, summary);
  insert_digests(db, run, summary);
  insert_question(db, run, summary.context, label);
  db.execute("COMMIT");
  return run;
}

}  // namespace

std::int64_t record_run(const std::string& path, const Summary& summary, const std::string& label) {
  // SQLite reads these as "temporary" and "in memory": the run would be lost without a word.
  if (path.empty() || path == ":memory:" || path == "-") {
    throw InputError("--db", "expected the name of a database file, got \"" + path +
                                 "\"; a run record needs a file of its own");
  }
  struct stat status {};
  const bool existed = ::stat(path.c_str(), &status) == 0;
  if (existed && !S_ISREG(status.st_mode)) {
    throw InputError(path, S_ISDIR(status.st_mode)
                               ? "expected a database file, got a directory; name a file inside it"
                               : "expected a database file, got a device or pipe; name a file");
  }
  try {
    return append(path, summary, label);
  } catch (const InputError&) {
    if (!existed) {
      ::unlink(path.c_str());
      ::unlink((path + "-journal").c_str());
    }
    throw;
  }
}

}  // namespace headroom
