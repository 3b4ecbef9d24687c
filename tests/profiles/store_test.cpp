#include "profiles/store.h"

#include <rapidcheck.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/scratch.h"

using namespace headroom;
using Mode = ProfileStore::Mode;

namespace {

/// A file name of its own for one test.
struct StoreFile : headroom::test::ScratchFolder {
  [[nodiscard]] std::string path() const { return file("store.db"); }
};

ProfileRun run_on(const std::string& device) {
  ProfileRun run;
  run.device = device;
  run.device_title = "A device";
  run.driver = "550.54";
  run.library = "cuBLAS";
  run.library_version = "12.4";
  run.tool = "test";
  run.tool_version = "1";
  run.date = "2025-06-01";
  run.source = "made up for a test";
  run.licence = "none";
  run.plan_hash = "00";
  run.sm_clock_mhz = 1980;
  run.power_limit_watts = 700;
  run.repeats = 100;
  return run;
}

KernelRow gemm(std::int64_t m, std::int64_t n, std::int64_t k, double ns) {
  KernelRow row;
  row.shape.op = "gemm";
  row.shape.compute = row.shape.stored = "bf16";
  row.shape.m = m;
  row.shape.n = n;
  row.shape.k = k;
  row.shape.variant = "hot";
  row.times.median_ns = ns;
  row.times.p90_ns = ns * 1.1;
  return row;
}

void execute(const std::string& path, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

std::string refusal(const std::string& path, Mode mode) {
  try {
    const ProfileStore store(path, mode);
  } catch (const InputError& error) {
    const std::string line = error.what();
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.rfind(path, 0) == 0);
    return line;
  }
  return "accepted";
}

}  // namespace

TEST_CASE("what is written to a store is read back after it was closed") {
  const StoreFile file;
  {
    ProfileStore store(file.path(), Mode::read_write);
    ProfileStore::Transaction transaction(store);
    const std::int64_t run = store.insert_run(run_on("h100-sxm"));
    store.insert_kernel(run, gemm(16, 4096, 4096, 12'345.5));
    store.insert_kernel(run, gemm(1, 4096, 4096, 11'000));
    transaction.commit();
  }
  const ProfileStore store(file.path(), Mode::read_only);
  CHECK(store.devices() == std::vector<std::string>{"h100-sxm"});
  REQUIRE(store.runs("h100-sxm").size() == 1);
  CHECK(store.runs("h100-sxm")[0].library_version == "12.4");
  CHECK(store.runs("h100-sxm")[0].sm_clock_mhz == 1980);
  CHECK(store.runs("h100-sxm")[0].repeats == 100);
  const auto rows = store.kernels("h100-sxm", "gemm");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].shape == gemm(1, 4096, 4096, 1).shape);
  CHECK(rows[1].times.median_ns == 12'345.5);
  CHECK(store.kernels("h100-sxm", "moe").empty());
  CHECK(store.kernels("a100", "gemm").empty());
}

TEST_CASE("rows that violate the schema are refused and leave nothing behind") {
  const StoreFile file;
  ProfileStore store(file.path(), Mode::read_write);
  const std::int64_t run = store.insert_run(run_on("h100-sxm"));
  for (const double time : {std::nan(""), -1.0, 0.0, std::numeric_limits<double>::infinity()}) {
    CAPTURE(time);
    CHECK_THROWS_AS(store.insert_kernel(run, gemm(1, 2, 3, time)), InputError);
  }
  KernelRow negative = gemm(-1, 2, 3, 10), unknown = gemm(1, 2, 3, 10), spread = gemm(1, 2, 3, 10);
  unknown.shape.op = "gem";
  spread.times.stddev_ns = std::nan("");
  CHECK_THROWS_AS(store.insert_kernel(run, negative), InputError);
  CHECK_THROWS_AS(store.insert_kernel(run, unknown), InputError);
  CHECK_THROWS_AS(store.insert_kernel(run, spread), InputError);
  CHECK_THROWS_AS(store.insert_kernel(run + 1, gemm(1, 2, 3, 10)), InputError);
  ProfileRun nameless = run_on("");
  CHECK_THROWS_AS(store.insert_run(nameless), InputError);
  CHECK(store.kernels("h100-sxm", "gemm").empty());

  store.insert_kernel(run, gemm(1, 2, 3, 10));
  CHECK_THROWS_AS(store.insert_kernel(run, gemm(1, 2, 3, 11)), InputError);
  CHECK(store.kernels("h100-sxm", "gemm").size() == 1);
}

TEST_CASE("of a shape measured twice the later run's time answers") {
  const StoreFile file;
  ProfileStore store(file.path(), Mode::read_write);
  store.insert_kernel(store.insert_run(run_on("h100-sxm")), gemm(1, 2, 3, 10));
  store.insert_kernel(store.insert_run(run_on("h100-sxm")), gemm(1, 2, 3, 20));
  const auto rows = store.kernels("h100-sxm", "gemm");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].times.median_ns == 20);
}

TEST_CASE("a transaction that is not committed leaves no trace") {
  const StoreFile file;
  ProfileStore store(file.path(), Mode::read_write);
  const std::string before = store.digest();
  {
    const ProfileStore::Transaction transaction(store);
    store.insert_kernel(store.insert_run(run_on("h100-sxm")), gemm(1, 2, 3, 10));
    CHECK(store.digest() != before);
  }
  CHECK(store.digest() == before);
  CHECK(store.devices().empty());
}

TEST_CASE("a writer killed in its transaction leaves the last committed state") {
  const StoreFile file;
  std::string committed;
  {
    ProfileStore store(file.path(), Mode::read_write);
    store.insert_kernel(store.insert_run(run_on("h100-sxm")), gemm(1, 2, 3, 10));
    committed = store.digest();
  }
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ProfileStore store(file.path(), Mode::read_write);
    const ProfileStore::Transaction transaction(store);
    const std::int64_t run = store.insert_run(run_on("a100-80g-sxm"));
    for (std::int64_t m = 1; m < 20'000; ++m) store.insert_kernel(run, gemm(m, 2, 3, 10));
    ::_exit(7);  // no destructor runs: as if killed
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) == 7);
  const ProfileStore store(file.path(), Mode::read_write);
  CHECK(store.digest() == committed);
}

TEST_CASE("the digest depends on contents, not on the order they came in") {
  const StoreFile one, two;
  ProfileStore a(one.path(), Mode::read_write), b(two.path(), Mode::read_write);
  const std::int64_t first = a.insert_run(run_on("h100-sxm"));
  a.insert_kernel(first, gemm(1, 2, 3, 10));
  a.insert_kernel(first, gemm(2, 2, 3, 11));
  a.insert_kernel(a.insert_run(run_on("l40s")), gemm(1, 2, 3, 30));
  b.insert_kernel(b.insert_run(run_on("l40s")), gemm(1, 2, 3, 30));
  const std::int64_t second = b.insert_run(run_on("h100-sxm"));
  b.insert_kernel(second, gemm(2, 2, 3, 11));
  CHECK(a.digest() != b.digest());
  b.insert_kernel(second, gemm(1, 2, 3, 10));
  CHECK(a.digest() == b.digest());
}

TEST_CASE("a series stores what its kernels store one by one, in any order, or nothing twice") {
  const StoreFile one, two;
  ProfileStore a(one.path(), Mode::read_write), b(two.path(), Mode::read_write);
  const std::int64_t first = a.insert_run(run_on("h100-sxm"));
  const std::int64_t second = b.insert_run(run_on("h100-sxm"));
  std::vector<KernelPoint> points;
  for (const std::int64_t m : {64, 1, 8}) {
    const KernelRow row = gemm(m, 128, 256, 100.0 * static_cast<double>(m));
    a.insert_kernel(first, row);
    points.push_back({{m}, row.times});
  }
  b.insert_series(second, gemm(0, 128, 256, 1).shape, points);
  CHECK(a.digest() == b.digest());
  const auto rows = b.kernels("h100-sxm", "gemm");
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].shape.m == 1);
  CHECK(rows[2].shape.m == 64);
  CHECK_THROWS_AS(b.insert_series(second, gemm(0, 128, 256, 1).shape, {points[0]}), InputError);
}

TEST_CASE("a store of the first schema is read as it is and brought up to date by a writer") {
  const StoreFile file, same;
  { const ProfileStore store(file.path(), Mode::read_write); }
  // The first schema held all of a kernel in one row.
  execute(file.path(), R"sql(DROP VIEW kernels; DROP TABLE series; DROP TABLE times;
    CREATE TABLE kernels (run INTEGER NOT NULL REFERENCES runs (id), op TEXT NOT NULL,
      compute TEXT NOT NULL, stored TEXT NOT NULL, m INTEGER NOT NULL, n INTEGER NOT NULL,
      k INTEGER NOT NULL, batch INTEGER NOT NULL, heads INTEGER NOT NULL, kv_heads INTEGER NOT NULL,
      head_dim INTEGER NOT NULL, chunk INTEGER NOT NULL, cached INTEGER NOT NULL,
      context INTEGER NOT NULL, "window" INTEGER NOT NULL, experts INTEGER NOT NULL,
      topk INTEGER NOT NULL, bytes INTEGER NOT NULL, ranks INTEGER NOT NULL, variant TEXT NOT NULL,
      median_ns REAL NOT NULL, min_ns REAL NOT NULL, mean_ns REAL NOT NULL, p90_ns REAL NOT NULL,
      stddev_ns REAL NOT NULL, PRIMARY KEY (run, op, compute, stored, m, n, k, batch, heads,
      kv_heads, head_dim, chunk, cached, context, "window", experts, topk, bytes, ranks, variant))
      STRICT, WITHOUT ROWID;
    INSERT INTO runs VALUES (1, 'h100-sxm', 'A device', '550.54', 'cuBLAS', '12.4', 'test', '1',
      '2025-06-01', 'made up for a test', 'none', '00', 1980, 0, 700, 100, '', '');
    INSERT INTO kernels VALUES
      (1, 'gemm', 'bf16', 'bf16', 8, 128, 256, 0,0,0,0,0,0,0,0,0,0,0,0, 'hot', 20, 0, 0, 22, 0),
      (1, 'gemm', 'bf16', 'bf16', 1, 128, 256, 0,0,0,0,0,0,0,0,0,0,0,0, 'hot', 10, 0, 0, 11, 0),
      (1, 'gemm', 'bf16', 'bf16', 1, 64, 256, 0,0,0,0,0,0,0,0,0,0,0,0, 'hot', 5, 0, 0, 5.5, 0);
    PRAGMA user_version = 1)sql");
  std::string written;
  {
    ProfileStore store(same.path(), Mode::read_write);
    const std::int64_t run = store.insert_run(run_on("h100-sxm"));
    for (KernelRow row : {gemm(1, 64, 256, 5), gemm(1, 128, 256, 10), gemm(8, 128, 256, 20)}) {
      row.times.p90_ns = row.times.median_ns == 5 ? 5.5 : row.times.median_ns == 10 ? 11 : 22;
      store.insert_kernel(run, row);
    }
    written = store.digest();
  }
  {
    const ProfileStore store(file.path(), Mode::read_only);
    CHECK(store.digest() == written);
    CHECK(store.kernels("h100-sxm", "gemm").size() == 3);
    CHECK(store.stored_runs().at(0).kernels == 3);
  }
  {
    ProfileStore store(file.path(), Mode::read_write);
    CHECK(store.digest() == written);
    store.insert_kernel(1, gemm(2, 128, 256, 12));
    CHECK(store.kernels("h100-sxm", "gemm").size() == 4);
  }
  CHECK(ProfileStore(file.path(), Mode::read_only).digest() != written);
}

TEST_CASE("a file that is no store of this version is refused in one line with its path") {
  const StoreFile file;
  CHECK_THAT(refusal(file.path(), Mode::read_only), Catch::Contains("no such file"));

  std::filesystem::create_directory(file.path());
  CHECK_THAT(refusal(file.path(), Mode::read_write), Catch::Contains("a directory"));
  std::filesystem::remove(file.path());

  std::ofstream(file.path()) << "m,n,k,latency\n1,2,3,4\n";
  CHECK_THAT(refusal(file.path(), Mode::read_only), Catch::Contains("not a database"));
  CHECK_THAT(refusal(file.path(), Mode::read_write), Catch::Contains("not a database"));
  std::filesystem::remove(file.path());

  execute(file.path(), "CREATE TABLE other (x)");
  CHECK_THAT(refusal(file.path(), Mode::read_write), Catch::Contains("something else"));
  std::filesystem::remove(file.path());

  { const ProfileStore store(file.path(), Mode::read_write); }
  execute(file.path(), "PRAGMA user_version = 3");
  CHECK_THAT(refusal(file.path(), Mode::read_only),
             Catch::Contains("schema 3") && Catch::Contains("newer headroom"));
  execute(file.path(), "PRAGMA user_version = 0");
  CHECK_THAT(refusal(file.path(), Mode::read_only), Catch::Contains("schema version"));
  execute(file.path(), "PRAGMA user_version = 2; DROP VIEW kernels");
  CHECK_THAT(refusal(file.path(), Mode::read_only), Catch::Contains("tables"));
}

TEST_CASE("a store cut short at any length is refused or still consistent, never a crash") {
  const StoreFile whole, cut;
  {
    ProfileStore store(whole.path(), Mode::read_write);
    ProfileStore::Transaction transaction(store);
    const std::int64_t run = store.insert_run(run_on("h100-sxm"));
    for (std::int64_t m = 1; m <= 200; ++m) store.insert_kernel(run, gemm(m, 2, 3, 10));
    transaction.commit();
  }
  const auto size = std::filesystem::file_size(whole.path());
  for (std::uintmax_t length = 1; length < size; length += 997) {
    CAPTURE(length);
    std::filesystem::copy_file(whole.path(), cut.path(),
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut.path(), length);
    CHECK(refusal(cut.path(), Mode::read_only) != "accepted");
  }
}

TEST_CASE("a store with any byte changed answers or refuses, never crashes") {
  const StoreFile whole, bent;
  {
    ProfileStore store(whole.path(), Mode::read_write);
    store.insert_kernel(store.insert_run(run_on("h100-sxm")), gemm(1, 2, 3, 10));
  }
  const auto size = std::filesystem::file_size(whole.path());
  CHECK(rc::check([&] {
    std::filesystem::copy_file(whole.path(), bent.path(),
                               std::filesystem::copy_options::overwrite_existing);
    {
      std::fstream out(bent.path(), std::ios::in | std::ios::out | std::ios::binary);
      out.seekp(static_cast<std::streamoff>(*rc::gen::inRange<std::uintmax_t>(0, size)));
      out.put(static_cast<char>(*rc::gen::inRange(0, 256)));
    }
    try {
      const ProfileStore store(bent.path(), Mode::read_only);
      for (const std::string& device : store.devices()) (void)store.kernels(device, "gemm");
      (void)store.digest();
    } catch (const InputError&) {
    }
  }));
}
