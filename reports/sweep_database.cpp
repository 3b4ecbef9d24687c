// A sweep as a SQLite database, written from scratch in the order of its cells.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "reports/number_text.h"
#include "reports/sqlite_file.h"
#include "reports/sweep.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr const char* kSchema = R"sql(
CREATE TABLE sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (point INTEGER NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
                       PRIMARY KEY (point, path)) WITHOUT ROWID;
CREATE TABLE cells (cell INTEGER PRIMARY KEY, point INTEGER NOT NULL, seed TEXT NOT NULL,
                    id TEXT NOT NULL, status TEXT NOT NULL, verdict TEXT NOT NULL,
                    why TEXT NOT NULL, scenario_digest TEXT NOT NULL, cost_digest TEXT NOT NULL,
                    decision_digest TEXT NOT NULL, command TEXT NOT NULL,
                    workload_digest TEXT NOT NULL);
CREATE TABLE inputs (pointer TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE gates (place INTEGER PRIMARY KEY, gate TEXT NOT NULL);
CREATE TABLE metrics (metric INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL,
                      better TEXT NOT NULL);
CREATE TABLE figures (cell INTEGER NOT NULL, metric INTEGER NOT NULL, value REAL NOT NULL,
                      PRIMARY KEY (cell, metric)) WITHOUT ROWID;
)sql";

void insert_questions(SqliteFile& db, const SweepResults& results) {
  SqliteStatement sweep = db.prepare("INSERT INTO sweep VALUES (?, ?)");
  sweep.bind("scenario").bind(results.scenario).insert();
  sweep.bind("digest").bind(results.digest).insert();
  sweep.bind("tool_version").bind(results.tool_version).insert();
  SqliteStatement settings = db.prepare("INSERT INTO settings VALUES (?, ?, ?)");
  for (std::size_t p = 0; p < results.points.size(); ++p) {
    for (std::size_t i = 0; i < results.paths.size(); ++i) {
      settings.bind(p).bind(results.paths[i]).bind(results.points[p][i]).insert();
    }
  }
  SqliteStatement inputs = db.prepare("INSERT INTO inputs VALUES (?, ?)");
  for (const RecordedInput& input : results.inputs) {
    inputs.bind(input.pointer).bind(input.value).insert();
  }
  SqliteStatement gates = db.prepare("INSERT INTO gates VALUES (?, ?)");
  for (std::size_t i = 0; i < results.gates.size(); ++i) {
    gates.bind(i).bind(results.gates[i]).insert();
  }
  SqliteStatement metrics = db.prepare("INSERT INTO metrics VALUES (?, ?, ?, ?)");
  for (std::size_t m = 0; m < results.metrics.size(); ++m) {
    const SweepMetric& metric = results.metrics[m];
    metrics.bind(m).bind(metric.name).bind(metric.unit).bind(to_string(metric.better)).insert();
  }
}

void insert_answers(SqliteFile& db, const SweepResults& results) {
  SqliteStatement cells =
      db.prepare("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t c = 0; c < results.cells.size(); ++c) {
    const SweepCell& cell = results.cells[c];
    // The seed as text: SQLite's integers end at 2^63.
    cells.bind(c).bind(cell.point).bind(std::to_string(cell.seed)).bind(cell.id);
    cells.bind(to_string(cell.status)).bind(cell.verdict).bind(cell.why);
    cells.bind(cell.scenario_digest).bind(cell.cost_digest).bind(cell.decision_digest);
    cells.bind(cell_command(results, cell)).bind(cell.workload_digest).insert();
  }
  SqliteStatement figures = db.prepare("INSERT INTO figures VALUES (?, ?, ?)");
  for (std::size_t c = 0; c < results.cells.size(); ++c) {
    const std::vector<double>& values = results.cells[c].values;
    for (std::size_t m = 0; m < values.size(); ++m) {
      if (std::isfinite(values[m])) figures.bind(c).bind(m).bind(nine_digits(values[m])).insert();
    }
  }
}

void sync_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  static_cast<void>(::fsync(file));
  ::close(file);
}

}  // namespace

void write_sweep_database(const std::string& path, const SweepResults& results) {
  // Not through a journal of SQLite's: a file of its own name is complete or not there.
  const std::string temporary = fmt::format("{}.{}.partial", path, ::getpid());
  ::unlink(temporary.c_str());
  try {
    SqliteFile db(temporary, SqliteFile::Mode::write,
                  {path, "a database that can be written", "free the disk or name another file"});
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
    db.execute(kSchema);
    db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kSweepDatabaseId,
                           kSweepDatabaseVersion));
    insert_questions(db, results);
    insert_answers(db, results);
    db.execute("COMMIT");
  } catch (const InputError&) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_file(temporary);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
    throw InputError(path,
                     "expected a file that can be replaced, got one that cannot; name another");
  }
}

}  // namespace headroom
