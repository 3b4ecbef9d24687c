// A sweep as a SQLite database, written from scratch in the order of its cells.
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string_view>

#include "reports/number_text.h"
#include "reports/sweep.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::int64_t kApplicationId = 0x48445357;  // "HDSW"
constexpr int kSchemaVersion = 1;

constexpr const char* kSchema = R"sql(
CREATE TABLE sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (point INTEGER NOT NULL, path TEXT NOT NULL, value TEXT NOT NULL,
                       PRIMARY KEY (point, path)) WITHOUT ROWID;
CREATE TABLE cells (cell INTEGER PRIMARY KEY, point INTEGER NOT NULL, seed TEXT NOT NULL,
                    id TEXT NOT NULL, status TEXT NOT NULL, verdict TEXT NOT NULL,
                    why TEXT NOT NULL, scenario_digest TEXT NOT NULL, cost_digest TEXT NOT NULL,
                    decision_digest TEXT NOT NULL, command TEXT NOT NULL);
CREATE TABLE metrics (metric INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL,
                      better TEXT NOT NULL);
CREATE TABLE figures (cell INTEGER NOT NULL, metric INTEGER NOT NULL, value REAL NOT NULL,
                      PRIMARY KEY (cell, metric)) WITHOUT ROWID;
)sql";

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct FinaliseStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

class Writer {
 public:
  Writer(const std::string& path, std::string shown) : shown_(std::move(shown)) {
    sqlite3* raw = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    db_.reset(raw);
    if (code != SQLITE_OK) fail();
  }
  void execute(const std::string& sql) {
    if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  void prepare(const char* sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) fail();
    statement_.reset(raw);
    place_ = 0;
  }
  Writer& bind(std::string_view text) {
    check(sqlite3_bind_text64(statement_.get(), ++place_, text.data(), text.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
  }
  Writer& bind(std::size_t number) {
    check(sqlite3_bind_int64(statement_.get(), ++place_, static_cast<std::int64_t>(number)));
    return *this;
  }
  Writer& bind(double number) {
    check(sqlite3_bind_double(statement_.get(), ++place_, number));
    return *this;
  }
  void insert() {
    if (sqlite3_step(statement_.get()) != SQLITE_DONE) fail();
    sqlite3_reset(statement_.get());
    place_ = 0;
  }

 private:
  void check(int code) {
    if (code != SQLITE_OK) fail();
  }
  [[noreturn]] void fail() {
    throw InputError(shown_, fmt::format("expected a database that can be written, got: {}; free "
                                         "the disk or name another file",
                                         sqlite3_errstr(sqlite3_errcode(db_.get()))));
  }
  std::string shown_;
  std::unique_ptr<sqlite3, CloseDatabase> db_;
  std::unique_ptr<sqlite3_stmt, FinaliseStatement> statement_;
  int place_ = 0;
};

void insert_questions(Writer& db, const SweepResults& results) {
  db.prepare("INSERT INTO sweep VALUES (?, ?)");
  db.bind("scenario").bind(results.scenario).insert();
  db.bind("digest").bind(results.digest).insert();
  db.bind("tool_version").bind(results.tool_version).insert();
  db.prepare("INSERT INTO settings VALUES (?, ?, ?)");
  for (std::size_t p = 0; p < results.points.size(); ++p) {
    for (std::size_t i = 0; i < results.paths.size(); ++i) {
      db.bind(p).bind(results.paths[i]).bind(results.points[p][i]).insert();
    }
  }
  db.prepare("INSERT INTO metrics VALUES (?, ?, ?, ?)");
  for (std::size_t m = 0; m < results.metrics.size(); ++m) {
    const SweepMetric& metric = results.metrics[m];
    db.bind(m).bind(metric.name).bind(metric.unit).bind(to_string(metric.better)).insert();
  }
}

void insert_answers(Writer& db, const SweepResults& results) {
  db.prepare("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t c = 0; c < results.cells.size(); ++c) {
    const SweepCell& cell = results.cells[c];
    // The seed as text: SQLite's integers end at 2^63.
    db.bind(c).bind(cell.point).bind(std::to_string(cell.seed)).bind(cell.id);
    db.bind(to_string(cell.status)).bind(cell.verdict).bind(cell.why);
    db.bind(cell.scenario_digest).bind(cell.cost_digest).bind(cell.decision_digest);
    db.bind(cell_command(results, cell)).insert();
  }
  db.prepare("INSERT INTO figures VALUES (?, ?, ?)");
  for (std::size_t c = 0; c < results.cells.size(); ++c) {
    const std::vector<double>& values = results.cells[c].values;
    for (std::size_t m = 0; m < values.size(); ++m) {
      if (std::isfinite(values[m])) db.bind(c).bind(m).bind(nine_digits(values[m])).insert();
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
    Writer db(temporary, path);
    db.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
    db.execute(kSchema);
    db.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId,
                           kSchemaVersion));
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
