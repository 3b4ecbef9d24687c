#include "reports/run_database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include "reports/metric_list.h"
#include "reports/number_text.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::int64_t kApplicationId = 0x4844524d;  // "HDRM"
constexpr int kBusyMilliseconds = 10'000;            // wait for another writer this long

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

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct FinaliseStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinaliseStatement>;

class Database {
 public:
  explicit Database(const std::string& path) : path_(path) {
    sqlite3* raw = nullptr;
    // Some builds of SQLite read "file:..." as a URI with options; it is a plain name here.
    const std::string name = path.rfind("file:", 0) == 0 ? "./" + path : path;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int code = sqlite3_open_v2(name.c_str(), &raw, flags, nullptr);
    db_.reset(raw);
    if (code != SQLITE_OK) fail();
    sqlite3_busy_timeout(raw, kBusyMilliseconds);
  }

  void execute(const std::string& sql) {
    if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
  }
  [[nodiscard]] std::int64_t integer(const std::string& sql) {
    const Statement statement = prepare(sql);
    if (sqlite3_step(statement.get()) != SQLITE_ROW) fail();
    return sqlite3_column_int64(statement.get(), 0);
  }
  [[nodiscard]] Statement prepare(const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) fail();
    return Statement(raw);
  }
  void bind(const Statement& statement, int place, std::string_view value) {
    if (sqlite3_bind_text64(statement.get(), place, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8) != SQLITE_OK) {
      fail();
    }
  }
  void bind(const Statement& statement, int place, std::int64_t value) {
    if (sqlite3_bind_int64(statement.get(), place, value) != SQLITE_OK) fail();
  }
  void bind(const Statement& statement, int place, double value) {
    if (sqlite3_bind_double(statement.get(), place, value) != SQLITE_OK) fail();
  }
  void insert(const Statement& statement) {
    if (sqlite3_step(statement.get()) != SQLITE_DONE) fail();
    sqlite3_reset(statement.get());
  }
  [[nodiscard]] std::int64_t last_id() const { return sqlite3_last_insert_rowid(db_.get()); }

 private:
  [[noreturn]] void fail() {
    const int code = db_ ? sqlite3_errcode(db_.get()) : SQLITE_NOMEM;
    throw InputError(path_, fmt::format("expected a database of Headroom runs that can be written, "
                                        "got: {}; name another file with --db",
                                        sqlite3_errstr(code)));
  }

  std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> db_;
};

/// Creates the schema in an empty database; refuses anything that is not ours or newer.
void ensure_schema(Database& db, const std::string& path) {
  const std::int64_t application = db.integer("PRAGMA application_id");
  const std::int64_t version = db.integer("PRAGMA user_version");
  const std::int64_t objects = db.integer("SELECT count(*) FROM sqlite_master");
  if (application == 0 && version == 0 && objects == 0) {
    db.execute(kSchema);
    db.execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
    db.execute(fmt::format("PRAGMA user_version = {}", kRunDatabaseVersion));
    return;
  }
  if (application != kApplicationId) {
    throw InputError(path,
                     "expected a database of Headroom runs, got one of another program; name "
                     "another file with --db");
  }
  if (version != kRunDatabaseVersion) {
    throw InputError(path, fmt::format("expected run database version {}, got {}; use the Headroom "
                                       "that wrote it, or name another file with --db",
                                       kRunDatabaseVersion, version));
  }
}

std::int64_t insert_run(Database& db, const Summary& s) {
  const ReportContext& c = s.context;
  const Statement statement = db.prepare(
      "INSERT INTO runs (tool_version, scenario, seed, model, device, gpus, replicas, cost_model, "
      "slo_verdict, load) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  db.bind(statement, 1, c.tool_version);
  db.bind(statement, 2, c.scenario);
  db.bind(statement, 3, std::to_string(c.seed));  // text: SQLite's integers end at 2^63
  db.bind(statement, 4, c.model);
  db.bind(statement, 5, c.device);
  db.bind(statement, 6, c.gpus);
  db.bind(statement, 7, c.replicas);
  db.bind(statement, 8, c.cost_model);
  db.bind(statement, 9, std::string_view(to_string(s.slo.verdict)));
  db.bind(statement, 10, std::string_view(to_string(s.saturation.hint)));
  db.insert(statement);
  return db.last_id();
}

void insert_metrics(Database& db, std::int64_t run, const Summary& s) {
  const Statement statement =
      db.prepare("INSERT INTO metrics (run, name, unit, value, better) VALUES (?, ?, ?, ?, ?)");
  for (const NamedMetric& metric : metric_list(s)) {
    db.bind(statement, 1, run);
    db.bind(statement, 2, metric.name);
    db.bind(statement, 3, metric.unit);
    db.bind(statement, 4, nine_digits(metric.value));
    db.bind(statement, 5, std::string_view(to_string(metric.better)));
    db.insert(statement);
  }
}

void insert_digests(Database& db, std::int64_t run, const Summary& s) {
  const Statement statement = db.prepare("INSERT INTO digests (run, name, value) VALUES (?, ?, ?)");
  const std::array<std::pair<const char*, std::string_view>, 3> digests{
      {{"scenario", s.context.scenario_digest},
       {"costs", s.context.cost_digest},
       {"decisions", s.decision_digest}}};
  for (const auto& [name, value] : digests) {
    if (value.empty()) continue;
    db.bind(statement, 1, run);
    db.bind(statement, 2, std::string_view(name));
    db.bind(statement, 3, value);
    db.insert(statement);
  }
}

std::int64_t append(const std::string& path, const Summary& summary) {
  Database db(path);
  // Closing the connection rolls back whatever an exception left open.
  db.execute("BEGIN IMMEDIATE");
  ensure_schema(db, path);
  const std::int64_t run = insert_run(db, summary);
  insert_metrics(db, run, summary);
  insert_digests(db, run, summary);
  db.execute("COMMIT");
  return run;
}

}  // namespace

std::int64_t record_run(const std::string& path, const Summary& summary) {
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
    return append(path, summary);
  } catch (const InputError&) {
    if (!existed) {
      ::unlink(path.c_str());
      ::unlink((path + "-journal").c_str());
    }
    throw;
  }
}

}  // namespace headroom
