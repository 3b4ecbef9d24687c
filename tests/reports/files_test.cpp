#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "reports/output_file.h"
#include "reports/progress.h"
#include "reports/requests_csv.h"
#include "reports/run_database.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"
#include "tests/scratch.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

/// A folder of this test's own, gone with it.
class Folder : public test::ScratchFolder {
 public:
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(path()), fs::directory_iterator()));
  }
};

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string message_of(const std::string& path) {
  try {
    write_document(path, "text");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("a committed file is complete and alone in its folder") {
  const Folder folder;
  const std::string big(300'000, 'x');  // several buffers
  write_document(folder.file("a"), big);
  CHECK(content_of(folder.file("a")) == big);
  CHECK(folder.entries() == 1);
}

TEST_CASE("a file that is not committed leaves the old one and nothing else") {
  const Folder folder;
  write_document(folder.file("a"), "old");
  {
    OutputFile file(folder.file("a"));
    file.write(std::string(200'000, 'n'));
  }
  CHECK(content_of(folder.file("a")) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("writing through a symbolic link keeps the link") {
  const Folder folder;
  write_document(folder.file("real"), "old");
  fs::create_symlink(folder.file("real"), folder.file("link"));
  write_document(folder.file("link"), "new");
  CHECK(fs::is_symlink(folder.file("link")));
  CHECK(content_of(folder.file("real")) == "new");
}

TEST_CASE("a full disk is an input error, and the device is still a device") {
  struct stat status {};
  if (::stat("/dev/full", &status) != 0) {
    WARN("skipped: this system has no /dev/full");
    return;
  }
  const std::string message = message_of("/dev/full");
  CHECK(message.find("/dev/full: ") == 0);
  CHECK(message.find("free some space") != std::string::npos);
  REQUIRE(::stat("/dev/full", &status) == 0);
  CHECK(S_ISCHR(status.st_mode));
}

TEST_CASE(
    "a directory, a missing folder and an unwritable place are input errors that leave nothing") {
  const Folder folder;
  fs::create_directory(folder.file("dir"));
  CHECK(message_of(folder.file("dir")).find("got a directory") != std::string::npos);
  CHECK(message_of(folder.file("none/a")).find("create the folder first") != std::string::npos);
  CHECK(message_of(folder.file("dir") + "/").find("got a directory") != std::string::npos);
  CHECK_FALSE(message_of("").empty());
  CHECK_FALSE(message_of(folder.file(std::string(300, 'n').c_str())).empty());
  CHECK(folder.entries() == 1);
  CHECK(fs::is_empty(folder.file("dir")));
  // /proc refuses new files even to root.
  CHECK_FALSE(message_of("/proc/headroom.json").empty());
  if (::geteuid() == 0) {
    WARN("skipped: root may write to a folder without write permission");
    return;
  }
  fs::permissions(folder.file("dir"), fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(message_of(folder.file("dir/a")).find("may write") != std::string::npos);
  fs::permissions(folder.file("dir"), fs::perms::owner_all);
}

FinishedRequest finished_request() {
  FinishedRequest r;
  r.id = RequestId(7);
  r.replica = ReplicaId(1);
  r.class_index = 2;
  r.session = 3;
  r.turn = 4;
  r.arrival = Instant(1'000'000'001);
  r.first_scheduled = Instant(1'500'000'001);
  r.first_token = Instant(2'000'000'001);
  r.finish = Instant(4'000'000'001);
  r.prompt = Tokens(100);
  r.output = Tokens(5);
  r.queued = 500 * kMillisecond;
  r.prefill = 500 * kMillisecond;
  r.stalled = Duration(1);
  r.decode = Duration(1'999'999'999);
  r.preemptions = 6;
  return r;
}

/// While it lives, no file may grow beyond `bytes`: a disk that fills up in the middle of writing.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    const rlimit limit{bytes, old_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit old_{};
  void (*handler_)(int);
};

TEST_CASE("a disk that fills up in the middle leaves neither a partial file nor a partial run") {
  const Folder folder;
  write_document(folder.file("old"), "old");
  {
    const SmallDisk disk(100'000);
    CHECK_THROWS_AS(write_document(folder.file("new"), std::string(300'000, 'x')), InputError);
    CHECK_THROWS_AS(write_document(folder.file("old"), std::string(300'000, 'x')), InputError);
    RequestsCsv csv(folder.file("r.csv"));
    CHECK_THROWS_AS(
        [&] {
          for (int i = 0; i < 10'000; ++i) csv.on_finished(finished_request());
        }(),
        InputError);
  }
  {
    const SmallDisk disk(8'192);
    CHECK_THROWS_AS(record_run(folder.file("runs.db"), fixture::summary()), InputError);
  }
  CHECK(folder.entries() == 1);
  CHECK(content_of(folder.file("old")) == "old");
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

/// Seconds or milliseconds with all their decimals, back to nanoseconds.
std::int64_t ns_of(std::string text) {
  text.erase(text.find('.'), 1);
  return std::stoll(text);
}

TEST_CASE("a requests CSV reads back to the nanosecond, with as many fields in each line") {
  const Folder folder;
  RequestsCsv csv(folder.file("r.csv"));
  csv.on_finished(finished_request());
  RejectedRequest rejected;
  rejected.id = RequestId(8);
  rejected.reason = RejectReason::never_fits;
  rejected.arrival = Instant(5);
  rejected.when = Instant(6);
  rejected.prompt = Tokens(9);
  rejected.output = Tokens(10);
  csv.on_rejected(rejected);
  FinishedRequest single = finished_request();
  single.output = Tokens(1);
  csv.on_finished(single);
  CHECK(folder.entries() == 1);
  CHECK_FALSE(fs::exists(folder.file("r.csv")));
  csv.commit();

  std::istringstream in(content_of(folder.file("r.csv")));
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(fields_of(line));
  REQUIRE(lines.size() == 4);
  const std::vector<std::string>& header = lines[0];
  const auto cell = [&](std::size_t line, const char* name) {
    for (std::size_t i = 0; i < header.size(); ++i) {
      if (header[i] == name) return lines[line][i];
    }
    return std::string("no such column");
  };
  for (const auto& fields : lines) CHECK(fields.size() == header.size());
  CHECK(cell(1, "id") == "7");
  CHECK(cell(1, "status") == "finished");
  CHECK(ns_of(cell(1, "arrival_s")) == 1'000'000'001);
  CHECK(ns_of(cell(1, "finish_s")) == 4'000'000'001);
  CHECK(ns_of(cell(1, "ttft_ms")) == 1'000'000'000);
  CHECK(ns_of(cell(1, "tpot_ms")) == 500'000'000);
  CHECK(ns_of(cell(1, "end_to_end_ms")) == 3'000'000'000);
  CHECK(ns_of(cell(1, "queue_ms")) + ns_of(cell(1, "prefill_ms")) + ns_of(cell(1, "preempted_ms")) +
            ns_of(cell(1, "transfer_ms")) + ns_of(cell(1, "decode_ms")) +
            ns_of(cell(1, "stalled_ms")) ==
        3'000'000'000);
  CHECK(cell(1, "preemptions") == "6");
  CHECK(cell(2, "status") == "rejected");
  CHECK(cell(2, "reject_reason") == to_string(RejectReason::never_fits));
  CHECK(cell(2, "prompt_tokens") == "9");
  CHECK(cell(2, "output_tokens") == "10");
  CHECK(ns_of(cell(2, "arrival_s")) == 5);
  CHECK(ns_of(cell(2, "finish_s")) == 6);
  CHECK(cell(2, "ttft_ms").empty());
  CHECK(cell(3, "tpot_ms").empty());
}

/// First column of the first row of a query, as text.
std::string query(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
  const auto* text = sqlite3_column_text(statement, 0);
  std::string result = text == nullptr ? "" : reinterpret_cast<const char*>(text);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return result;
}

TEST_CASE("runs are appended to a database with their metrics and digests") {
  const Folder folder;
  const std::string path = folder.file("runs.db");
  CHECK(record_run(path, fixture::summary()) == 1);
  CHECK(record_run(path, fixture::summary()) == 2);
  CHECK(query(path, "SELECT count(*) FROM runs") == "2");
  CHECK(query(path, "SELECT seed FROM runs WHERE id = 2") == "18446744073709551615");
  CHECK(query(path, "SELECT value FROM metrics WHERE run = 1 AND name = 'latency.ttft.p90'") ==
        "900.0");
  CHECK(query(path, "SELECT value FROM digests WHERE run = 2 AND name = 'decisions'") ==
        "0123456789abcdef");
  CHECK(query(path, "PRAGMA user_version") == std::to_string(kRunDatabaseVersion));
  CHECK(query(path, "PRAGMA integrity_check") == "ok");
  CHECK(folder.entries() == 1);
}

TEST_CASE("what is no run database is refused and left as it was") {
  const Folder folder;
  const std::string text = std::string(4096, 't') + "no database";
  write_document(folder.file("text"), text);
  CHECK_THROWS_AS(record_run(folder.file("text"), fixture::summary()), InputError);
  CHECK(content_of(folder.file("text")) == text);

  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(folder.file("other").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "CREATE TABLE t (x)", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK_THROWS_AS(record_run(folder.file("other"), fixture::summary()), InputError);

  REQUIRE(record_run(folder.file("newer"), fixture::summary()) == 1);
  REQUIRE(sqlite3_open(folder.file("newer").c_str(), &db) == SQLITE_OK);
  REQUIRE(sqlite3_exec(db, "PRAGMA user_version = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  CHECK_THROWS_AS(record_run(folder.file("newer"), fixture::summary()), InputError);

  fs::create_directory(folder.file("dir"));
  CHECK_THROWS_AS(record_run(folder.file("dir"), fixture::summary()), InputError);
  CHECK_THROWS_AS(record_run(folder.file("none/runs.db"), fixture::summary()), InputError);
  CHECK_THROWS_AS(record_run("/dev/full", fixture::summary()), InputError);
  CHECK_THROWS_AS(record_run(":memory:", fixture::summary()), InputError);
  CHECK_THROWS_AS(record_run("", fixture::summary()), InputError);
  CHECK(folder.entries() == 4);  // text, other, newer, dir
}

/// A progress with a clock that a test moves, and its output.
struct Watched {
  double now = 100;
  std::string output;
  Progress progress;
  Watched(Progress::Where where, std::optional<std::uint64_t> requests)
      : progress({where, requests, [this] { return now; },
                  [this](const std::string& text) { output += text; }}) {}
  void finish_requests(int count) {
    for (int i = 0; i < count; ++i) progress.on_finished(finished_request());
  }
};

TEST_CASE("a run of less than a second shows no progress") {
  Watched w(Progress::Where::terminal, 1000);
  w.now += 0.9;
  w.finish_requests(640);
  w.progress.finish();
  CHECK(w.output.empty());
}

TEST_CASE("a terminal gets a line in place with rate and time left, and it is cleared") {
  Watched w(Progress::Where::terminal, 1000);
  w.now += 2;
  w.finish_requests(65);  // looks at the 1st and the 65th
  // At the first look one request was done in 2 s.
  CHECK(w.output.find("1 of 1000 requests") != std::string::npos);
  w.now += 2;
  w.finish_requests(64);  // the 129th: 129 in 4 s is 32.25/s, 871 left take 27 s
  CHECK(w.output.find("simulated 4 s, 129 of 1000 requests (13 %), 32.2 requests/s, 27 s left") !=
        std::string::npos);
  CHECK(w.output.find('\n') == std::string::npos);
  w.progress.finish();
  CHECK(w.output.substr(w.output.size() - 4) == "\r\033[K");
}

TEST_CASE("a log gets one whole line every 30 seconds and no control characters") {
  Watched w(Progress::Where::log, {});
  for (int second = 0; second < 65; ++second) {
    w.now += 1;
    w.finish_requests(64);
  }
  w.progress.finish();
  CHECK(std::count(w.output.begin(), w.output.end(), '\n') == 2);
  CHECK(w.output.find('\033') == std::string::npos);
  CHECK(w.output.find('\r') == std::string::npos);
}

}  // namespace
}  // namespace headroom
