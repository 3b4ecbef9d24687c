#include "reports/run_record.h"

#include <sqlite3.h>

#include <random>

#include "reports/json_report.h"
#include "reports/number_text.h"
#include "reports/run_database.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"
#include "tests/scratch.h"

using namespace headroom;

namespace {

Summary asked() {
  Metrics metrics = fixture::ten_requests();
  metrics.sample_interval = kSecond;
  for (std::size_t i = 0; i < metrics.samples.size(); ++i) {
    metrics.samples[i].decision_digest = i * i;
  }
  ReportContext context = fixture::context();
  context.inputs = {{"/deployment/0/replicas", "2"}, {"/workload/rate", "8 /s"}};
  context.document = R"({"model": "llama-3.1-8b"})";
  context.gates = {"ttft.p99 > +5%", "cost > 0"};
  return summarise(metrics, context);
}

void check_record(const RecordSet& set, const Summary& summary) {
  CHECK(set.name == "ten requests");
  CHECK(set.tool_version == "0.1.0");
  CHECK(set.inputs == summary.context.inputs);
  CHECK(set.gates == summary.context.gates);
  REQUIRE(set.runs.size() == 1);
  const RunRecord& run = set.runs.front();
  CHECK(run.seed == 18446744073709551615ULL);
  CHECK(run.verdict == to_string(summary.slo.verdict));
  CHECK(run.scenario_digest == "00000000000000aa");
  CHECK(run.cost_digest == "00000000000000bb");
  CHECK(run.decision_digest == summary.decision_digest);
  const std::vector<NamedMetric> figures = metric_list(summary);
  REQUIRE(run.metrics.size() == figures.size());
  for (const NamedMetric& figure : figures) {
    INFO(figure.name);
    const NamedMetric* found = run.find(figure.name);
    REQUIRE(found != nullptr);
    CHECK(found->value == nine_digits(figure.value));
    CHECK(found->unit == figure.unit);
    CHECK(found->better == figure.better);
  }
}

struct DatabaseFile {
  test::ScratchFolder folder;
  std::string path = folder.file("runs.db");
  void execute(const char* sql) const {
    sqlite3* db = nullptr;
    REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
    CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(db);
  }
};

}  // namespace

TEST_CASE("a report reads back as it was written") {
  const Summary summary = asked();
  const std::vector<RecordSet> sets = json_records(json_report(summary), "r.json");
  REQUIRE(sets.size() == 1);
  check_record(sets.front(), summary);
  CHECK(sets.front().document == R"({"model":"llama-3.1-8b"})");
  // Twelve samples, a second apart, from 0 on.
  const DecisionCheckpoints& points = sets.front().runs.front().checkpoints;
  CHECK(points.spacing_ns == 1'000'000'000);
  REQUIRE(points.digests.size() == 12);
  CHECK(points.digests[3] == "0000000000000009");
}

TEST_CASE("checkpoints are thinned by doubling their spaces, the first kept") {
  Metrics metrics = fixture::ten_requests();
  metrics.sample_interval = kSecond;
  metrics.samples.assign(1000, metrics.samples.front());
  for (std::size_t i = 0; i < 1000; ++i) metrics.samples[i].decision_digest = i;
  const DecisionCheckpoints points = summarise(metrics, fixture::context()).checkpoints;
  CHECK(points.spacing_ns == 4'000'000'000);
  CHECK(points.digests.size() == 250);
  CHECK(points.digests[1] == hex64(4));
}

TEST_CASE("the requests' digest does not depend on the order in which they finish") {
  Metrics a = fixture::ten_requests();
  a.rejected = {};
  a.arrived = 10;
  Metrics b = fixture::ten_requests();
  b.rejected = {};
  b.arrived = 10;
  b.rows = RequestRows();
  for (std::size_t i = 10; i > 0; --i) b.rows.push(a.rows[i - 1]);
  const std::string digest = summarise(a, fixture::context()).workload_digest;
  CHECK(digest.size() == 16);
  CHECK(summarise(b, fixture::context()).workload_digest == digest);
  RequestRow other = a.rows[9];
  other.output += 1;
  Metrics c = fixture::ten_requests();
  c.rejected = {};
  c.arrived = 10;
  c.rows = RequestRows();
  for (std::size_t i = 0; i < 9; ++i) c.rows.push(a.rows[i]);
  c.rows.push(other);
  CHECK(summarise(c, fixture::context()).workload_digest != digest);
  // Where some were rejected, nothing is said.
  CHECK(summarise(fixture::ten_requests(), fixture::context()).workload_digest.empty());
}

TEST_CASE("any change of a report gives a record or one InputError") {
  const std::string text = json_report(asked());
  std::minstd_rand random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string broken = text;
    for (int k = 0; k < 3; ++k) broken[random() % broken.size()] = static_cast<char>(random());
    if (i % 4 == 0) broken.resize(random() % broken.size());
    try {
      static_cast<void>(json_records(broken, "r.json"));
    } catch (const InputError& error) {
      CHECK(std::string(error.what()).rfind("r.json: expected ", 0) == 0);
    }
  }
  CHECK_THROWS_AS(json_records("5", "r"), InputError);
  CHECK_THROWS_AS(json_records("{\"schema\": 5}", "r"), InputError);
  CHECK_THROWS_AS(json_records("{\"points\": 1, \"cells\": 2}", "r"), InputError);
}

TEST_CASE("a database of runs reads back as it was written, with labels") {
  const DatabaseFile file{};
  const Summary summary = asked();
  record_run(file.path, summary, "2026-11-27");
  record_run(file.path, summary);
  const std::vector<RecordSet> runs = database_runs(file.path, 1, 100);
  REQUIRE(runs.size() == 2);
  check_record(runs[0], summary);
  CHECK(runs[0].label == "2026-11-27");
  CHECK(runs[0].document == summary.context.document);
  CHECK(runs[1].label.empty());
  CHECK(database_runs(file.path, 2, 2).size() == 1);
}

TEST_CASE("a database of version 1 is read, and brought up by the next run") {
  const DatabaseFile file{};
  const Summary summary = asked();
  record_run(file.path, summary);
  file.execute(
      "DROP TABLE inputs; DROP TABLE documents; DROP TABLE gates; DROP TABLE labels; "
      "PRAGMA user_version = 1");
  const std::vector<RecordSet> old = database_runs(file.path, 1, 100);
  REQUIRE(old.size() == 1);
  CHECK(old[0].inputs.empty());
  CHECK(old[0].runs.front().metrics.size() == metric_list(summary).size());
  CHECK(record_run(file.path, summary, "new") == 2);
  const std::vector<RecordSet> runs = database_runs(file.path, 1, 100);
  CHECK(runs[0].label.empty());
  CHECK(runs[1].label == "new");
  file.execute("PRAGMA user_version = 99");
  CHECK_THROWS_AS(database_runs(file.path, 1, 100), InputError);
}
