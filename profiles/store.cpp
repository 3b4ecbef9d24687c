#include "profiles/store.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "profiles/store_sql.h"
#include "sim/check.h"

namespace headroom {
namespace {

/// 64-bit FNV-1a (Fowler, Noll, Vo). Each value is followed by its kind, so that neighbours cannot
/// run together.
class Fnv {
 public:
  void add(const std::string& text) {
    for (const char c : text) byte(static_cast<unsigned char>(c));
    byte(0);
  }
  void add(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<unsigned char>(value >> shift));
  }
  void add(double value) { add(std::bit_cast<std::uint64_t>(value == 0 ? 0.0 : value)); }
  [[nodiscard]] std::string hex() const {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(hash_ >> shift) & 15];
    return text;
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  void byte(unsigned char value) { hash_ = (hash_ ^ value) * 0x100000001b3ULL; }
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

void hash_kernel(Fnv& hash, const KernelRow& row) {
  const KernelShape& shape = row.shape;
  for (const std::string* text : {&shape.op, &shape.compute, &shape.stored, &shape.variant})
    hash.add(*text);
  for (const auto field : kSeriesNumbers) hash.add(static_cast<std::uint64_t>(shape.*field));
  for (const auto field : kSizeNumbers) hash.add(static_cast<std::uint64_t>(shape.*field));
  const KernelTimes& times = row.times;
  for (const double value :
       {times.median_ns, times.min_ns, times.mean_ns, times.p90_ns, times.stddev_ns})
    hash.add(value);
}

void hash_run(Fnv& hash, const ProfileRun& run) {
  for (const std::string* text :
       {&run.device, &run.device_title, &run.driver, &run.library, &run.library_version, &run.tool,
        &run.tool_version, &run.date, &run.source, &run.licence, &run.plan_hash, &run.file_digest,
        &run.notes})
    hash.add(*text);
  for (const double value : {run.sm_clock_mhz, run.memory_clock_mhz, run.power_limit_watts})
    hash.add(value);
  hash.add(static_cast<std::uint64_t>(run.repeats));
}

}  // namespace

std::strong_ordering compare_series(const KernelShape& a, const KernelShape& b) {
  if (const auto order = a.op <=> b.op; order != 0) return order;
  if (const auto order = a.compute <=> b.compute; order != 0) return order;
  if (const auto order = a.stored <=> b.stored; order != 0) return order;
  for (const auto field : kSeriesNumbers)
    if (const auto order = a.*field <=> b.*field; order != 0) return order;
  return a.variant <=> b.variant;
}

std::strong_ordering operator<=>(const KernelShape& a, const KernelShape& b) {
  if (const auto order = compare_series(a, b); order != 0) return order;
  for (const auto field : kSizeNumbers)
    if (const auto order = a.*field <=> b.*field; order != 0) return order;
  return std::strong_ordering::equal;
}

struct ProfileStore::Database {
  explicit Database(std::string file) : path(std::move(file)) {}
  ~Database() {
    for (auto* statement : {&series_find, &series_insert, &point_insert}) statement->reset();
    sqlite3_close_v2(handle);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void open(Mode mode);
  void prepare_schema(Mode mode);
  void check_identity();
  void upgrade();
  Statement& kept(std::unique_ptr<Statement>& statement, const auto& sql) {
    if (!statement) statement = std::make_unique<Statement>(handle, path, sql());
    return *statement;
  }
  void run(const char* sql) {
    char* message = nullptr;
    if (sqlite3_exec(handle, sql, nullptr, nullptr, &message) == SQLITE_OK) return;
    const std::string text = message == nullptr ? "unknown error" : message;
    sqlite3_free(message);
    throw InputError(path, "expected a profile store, got: " + text);
  }
  [[nodiscard]] std::int64_t number(const std::string& sql) {
    Statement query(handle, path, sql);
    return query.step() ? query.next_integer() : 0;
  }
  /// Runs an INSERT whose values `bind` gives; a refused row is the caller's input error.
  void insert(Statement& statement, const std::string& what, const auto& bind) {
    bind(statement);
    try {
      statement.step();
    } catch (const InputError&) {
      const std::string broken = sqlite3_errmsg(handle);
      statement.reset();
      throw InputError(path, "expected " + what + ", got a row that breaks: " + broken +
                                 "; correct or leave out the row");
    }
    statement.reset();
  }

  void each_kernel(std::int64_t run, const std::string& op, OfOp which,
                   const std::function<void(const KernelRow&)>& visit);
  [[nodiscard]] std::vector<KernelRow> kernels(
      const std::string& device, const std::string& op, OfOp which,
      const std::function<bool(const ProfileRun&)>& wanted);

  std::string path;
  sqlite3* handle = nullptr;
  std::int64_t schema = 0;
  // Kept: imports insert millions of rows.
  std::unique_ptr<Statement> series_find, series_insert, point_insert;
};

void ProfileStore::Database::open(Mode mode) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw InputError(path, "expected a profile store, got a directory; name the file in it");
  const bool exists = std::filesystem::exists(path, ignored);
  if (!exists && mode == Mode::read_only)
    throw InputError(path, "expected a profile store, got no such file; check the path");
  // A writer that was killed leaves a journal; only a connection that may write can undo with it.
  const bool journal = std::filesystem::exists(path + "-journal", ignored);
  const int flags = mode == Mode::read_only && !journal
                        ? SQLITE_OPEN_READONLY
                        : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  // A store belongs to one thread at a time; without its mutex an import is a tenth faster.
  if (sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
    throw InputError(path, std::string("expected a profile store that can be opened, got: ") +
                               sqlite3_errmsg(handle) + "; check path and permissions");
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 10'000);
  // Rows of a foreign file must not run code or exhaust memory.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 1 << 20);
}

void ProfileStore::Database::prepare_schema(Mode mode) {
  run("PRAGMA foreign_keys = ON");
  run("PRAGMA cache_size = -65536");  // KiB; an import's transaction stays in memory
  const bool empty =
      number("SELECT count(*) FROM sqlite_schema") == 0 && number("PRAGMA application_id") == 0;
  if (empty && mode == Mode::read_write) {
    run("BEGIN IMMEDIATE");
    if (number("SELECT count(*) FROM sqlite_schema") == 0) {
      run(kRunSchema);
      run(kKernelSchema);
      run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str());
      run(("PRAGMA user_version = " + std::to_string(kProfileSchemaVersion)).c_str());
    }
    run("COMMIT");
  }
  check_identity();
  if (schema < kProfileSchemaVersion && mode == Mode::read_write) upgrade();
}

void ProfileStore::Database::upgrade() {
  run("BEGIN IMMEDIATE");
  schema = number("PRAGMA user_version");  // another writer may have been first
  if (schema < kProfileSchemaVersion) {
    run("ALTER TABLE kernels RENAME TO kernels_1");
    run(kKernelSchema);
    run(upgrade_from_1().c_str());
    run(("PRAGMA user_version = " + std::to_string(kProfileSchemaVersion)).c_str());
  }
  run("COMMIT");
  schema = kProfileSchemaVersion;
}

void ProfileStore::Database::check_identity() {
  if (number("PRAGMA application_id") != kApplicationId)
    throw InputError(path,
                     "expected a profile store, got a SQLite database of something else; "
                     "name a store that `headroom profile` wrote");
  schema = number("PRAGMA user_version");
  if (schema > kProfileSchemaVersion)
    throw InputError(path, "expected a profile store of schema " +
                               std::to_string(kProfileSchemaVersion) + " or older, got schema " +
                               std::to_string(schema) + "; use a newer headroom");
  if (schema < 1)
    throw InputError(path,
                     "expected a profile store with a schema version, got none; make it anew");
  if (number("SELECT count(*) FROM sqlite_schema WHERE name IN ('runs', 'kernels')") != 2 ||
      (schema > 1 && number("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN "
                            "('series', 'times')") != 2))
    throw InputError(path,
                     "expected the tables runs, series and times and the view kernels, got "
                     "others; make it anew");
  // A file cut short fails here rather than in the middle of a scan.
  const std::int64_t pages = number("PRAGMA page_count"), size = number("PRAGMA page_size");
  std::error_code ignored;
  const auto bytes = std::filesystem::file_size(path, ignored);
  if (!ignored && bytes < static_cast<std::uintmax_t>(pages * size))
    throw InputError(path, "expected " + std::to_string(pages * size) + " bytes, got " +
                               std::to_string(bytes) + ": the file was cut short; copy it again");
}

ProfileStore::ProfileStore(const std::string& path, Mode mode)
    : database_(std::make_unique<Database>(path)) {
  database_->open(mode);
  database_->prepare_schema(mode);
}
ProfileStore::~ProfileStore() = default;
ProfileStore::ProfileStore(ProfileStore&&) noexcept = default;
ProfileStore& ProfileStore::operator=(ProfileStore&&) noexcept = default;

ProfileStore::Transaction::Transaction(ProfileStore& store) : store_(&store) {
  store.database_->run("BEGIN IMMEDIATE");
}

ProfileStore::Transaction::~Transaction() {
  if (store_ != nullptr)
    sqlite3_exec(store_->database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
}

void ProfileStore::Transaction::commit() {
  store_->database_->run("COMMIT");
  store_ = nullptr;
}

std::int64_t ProfileStore::insert_run(const ProfileRun& run) {
  Statement statement(database_->handle, database_->path,
                      std::string("INSERT INTO runs (") + kRunColumns +
                          ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  database_->insert(statement, "a run with device, tool and source", [&](Statement& to) {
    for (const std::string* value :
         {&run.device, &run.device_title, &run.driver, &run.library, &run.library_version,
          &run.tool, &run.tool_version, &run.date, &run.source, &run.licence, &run.plan_hash})
      to.text(*value);
    to.real(run.sm_clock_mhz).real(run.memory_clock_mhz).real(run.power_limit_watts);
    to.integer(run.repeats).text(run.file_digest).text(run.notes);
  });
  return sqlite3_last_insert_rowid(database_->handle);
}

std::int64_t ProfileStore::series_id(std::int64_t run, const KernelShape& series) {
  Statement& find = database_->kept(database_->series_find, [] {
    return std::string("SELECT id FROM series WHERE run = ? AND (") + kSeriesColumns +
           ") = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  });
  bind_series(find.integer(run), series);
  const std::int64_t known = find.step() ? find.next_integer() : 0;
  find.reset();
  if (known > 0) return known;
  database_->insert(database_->kept(database_->series_insert,
                                    [] {
                                      return std::string("INSERT INTO series (run, ") +
                                             kSeriesColumns +
                                             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                                    }),
                    "a kernel of a known run and operator",
                    [&](Statement& to) { bind_series(to.integer(run), series); });
  return sqlite3_last_insert_rowid(database_->handle);
}

void ProfileStore::insert_point(std::int64_t series, const KernelPoint& point) {
  database_->insert(database_->kept(database_->point_insert,
                                    [] {
                                      return std::string("INSERT INTO times (series, ") +
                                             kSizeColumns + ", " + kTimeColumns +
                                             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                                    }),
                    "a kernel with a positive time and a shape of its own", [&](Statement& to) {
                      to.integer(series);
                      for (const std::int64_t size : point.sizes) to.integer(size);
                      const KernelTimes& times = point.times;
                      for (const double value : {times.median_ns, times.min_ns, times.mean_ns,
                                                 times.p90_ns, times.stddev_ns})
                        to.real(value);
                    });
}

void ProfileStore::insert_kernel(std::int64_t run, const KernelRow& row) {
  KernelPoint point;
  for (std::size_t i = 0; i < kSizeNumbers.size(); ++i) point.sizes[i] = row.shape.*kSizeNumbers[i];
  point.times = row.times;
  insert_point(series_id(run, row.shape), point);
}

void ProfileStore::insert_series(std::int64_t run, const KernelShape& series,
                                 const std::vector<KernelPoint>& points) {
  const std::int64_t id = series_id(run, series);
  for (const KernelPoint& point : points) insert_point(id, point);
}

std::vector<std::string> ProfileStore::devices() const {
  Statement query(database_->handle, database_->path,
                  "SELECT DISTINCT device FROM runs WHERE EXISTS (SELECT 1 FROM kernels WHERE "
                  "kernels.run = runs.id) ORDER BY device");
  std::vector<std::string> names;
  while (query.step()) names.push_back(query.next_text());
  return names;
}

std::vector<ProfileRun> ProfileStore::runs(const std::string& device) const {
  Statement query(database_->handle, database_->path,
                  std::string("SELECT ") + kRunColumns + " FROM runs WHERE device = ? ORDER BY id");
  query.text(device);
  std::vector<ProfileRun> list;
  while (query.step()) list.push_back(read_run(query));
  return list;
}

std::vector<StoredRun> ProfileStore::stored_runs() const {
  Statement query(database_->handle, database_->path,
                  std::string("SELECT ") + kRunColumns +
                      ", id, (SELECT count(*) FROM kernels WHERE kernels.run = runs.id) FROM runs "
                      "ORDER BY id");
  std::vector<StoredRun> list;
  while (query.step()) {
    StoredRun stored;
    stored.run = read_run(query);
    stored.id = query.next_integer();
    stored.kernels = query.next_integer();
    list.push_back(std::move(stored));
  }
  return list;
}

bool ProfileStore::has_file(const ProfileRun& run) const {
  Statement query(database_->handle, database_->path,
                  "SELECT 1 FROM runs WHERE file_digest = ? AND file_digest <> '' AND device = ? "
                  "AND library = ? AND library_version = ?");
  query.text(run.file_digest).text(run.device).text(run.library).text(run.library_version);
  return query.step();
}

void ProfileStore::each_kernel(std::int64_t run, const std::string& op,
                               const std::function<void(const KernelRow&)>& visit) const {
  database_->each_kernel(run, op, op.empty() ? OfOp::all : OfOp::one, visit);
}

std::vector<KernelRow> ProfileStore::kernels(const std::string& device,
                                             const std::string& op) const {
  return kernels(device, op, [](const ProfileRun&) { return true; });
}

std::vector<KernelRow> ProfileStore::kernels(
    const std::string& device, const std::string& op,
    const std::function<bool(const ProfileRun&)>& wanted) const {
  return database_->kernels(device, op, op.empty() ? OfOp::all : OfOp::one, wanted);
}

std::vector<KernelRow> ProfileStore::skewed_kernels(
    const std::string& device, const std::string& op,
    const std::function<bool(const ProfileRun&)>& wanted) const {
  if (database_->schema == 1) return {};
  return database_->kernels(device, op, OfOp::one_skewed, wanted);
}

void ProfileStore::Database::each_kernel(std::int64_t run, const std::string& op, OfOp which,
                                         const std::function<void(const KernelRow&)>& visit) {
  Statement query(handle, path, kernel_query(schema, which));
  query.integer(run);
  if (which != OfOp::all) query.text(op);
  while (query.step()) visit(read_kernel(query));
}

std::vector<KernelRow> ProfileStore::Database::kernels(
    const std::string& device, const std::string& op, OfOp which,
    const std::function<bool(const ProfileRun&)>& wanted) {
  std::vector<KernelRow> list;
  Statement query(
      handle, path,
      std::string("SELECT ") + kRunColumns + ", id FROM runs WHERE device = ? ORDER BY id");
  query.text(device);
  while (query.step()) {
    const ProfileRun run = read_run(query);
    if (!wanted(run)) continue;
    each_kernel(query.next_integer(), op, which,
                [&](const KernelRow& row) { list.push_back(row); });
  }
  // Later runs first, so that of equal shapes the latest stays.
  std::reverse(list.begin(), list.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const KernelRow& a, const KernelRow& b) { return a.shape < b.shape; });
  list.erase(std::unique(list.begin(), list.end(),
                         [](const KernelRow& a, const KernelRow& b) { return a.shape == b.shape; }),
             list.end());
  return list;
}

std::string ProfileStore::digest() const {
  // Run ids are left out: each run is hashed with its kernels in key order, and the runs' hashes
  // are sorted.
  Statement runs(database_->handle, database_->path,
                 std::string("SELECT ") + kRunColumns + ", id FROM runs ORDER BY id");
  std::vector<std::uint64_t> hashes;
  while (runs.step()) {
    Fnv hash;
    hash_run(hash, read_run(runs));
    each_kernel(runs.next_integer(), "", [&](const KernelRow& row) { hash_kernel(hash, row); });
    hashes.push_back(hash.value());
  }
  std::sort(hashes.begin(), hashes.end());
  Fnv all;
  for (const std::uint64_t hash : hashes) all.add(hash);
  return all.hex();
}

}  // namespace headroom
