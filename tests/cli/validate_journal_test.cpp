#include "sim/cli/validate_journal.h"

#include <string>
#include <vector>

#include "sim/cli/validate_open.h"
#include "sim/cli/validate_output.h"
#include "sim/cli/validate_run.h"
#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

ServingPoint point_of(std::int64_t clients) {
  ServingPoint point;
  point.id = std::to_string(clients);
  point.where = "p.csv:2";
  point.model = "llama-3.1-8b";
  point.device = "h100-sxm";
  point.engine = "vllm";
  point.prompt = 256;
  point.output = 32;
  point.concurrency = clients;
  point.ttft_ms = 40;
  point.tpot_ms = 8;
  return point;
}

std::vector<ServingPoint> some_points() {
  std::vector<ServingPoint> points{point_of(1), point_of(3), point_of(8)};
  points.push_back(point_of(2));
  points.back().model = "no\tsuch\nmodel";  // its reason holds what separates fields and lines
  return points;
}

std::string document(const std::vector<ValidatedPoint>& points) {
  return validation_json(validate_points(points, {GroupLabel::model}, 4));
}

std::vector<ValidatedPoint> run_with(PointJournal& journal,
                                     const std::vector<ServingPoint>& points) {
  ValidateOptions options;
  options.journal = &journal;
  return run_points(points, options);
}

}  // namespace

TEST_CASE("recalled points are those that were kept, bit for bit") {
  const Folder folder;
  const std::string path = (folder.path() / "j").string();
  const std::vector<ServingPoint> points = some_points();
  std::string first;
  {
    PointJournal journal(path, "one build");
    first = document(run_with(journal, points));
    CHECK(journal.size() == points.size());  // reasons for no prediction are kept as well
  }
  CHECK(first == document(run_points(points, {})));
  const std::string before = folder.read("j");
  PointJournal journal(path, "one build");
  CHECK(journal.size() == points.size());
  CHECK(document(run_with(journal, points)) == first);
  CHECK(folder.read("j") == before);
}

TEST_CASE("runs of many requests and forward passes are recalled bit for bit, too") {
  const Folder folder;
  const std::string path = (folder.path() / "j").string();
  MeasuredRun run;
  run.id = "run";
  run.where = "r.csv:2";
  run.format = "recorded";
  run.device = "h100-sxm";
  run.model = "llama-3.1-8b";
  run.workload = "chat";
  for (int i = 0; i < 20; ++i) run.requests.push_back({Duration(i * 20'000'000), 200 + i, 20});
  StageFigures whole;
  whole.figures[static_cast<std::size_t>(RunMetric::ttft_mean)] = 20;
  run.measured.push_back(whole);
  std::vector<MeasuredRun> runs{run, run};
  runs[1].requests.back().output = 90;  // all that differs
  std::vector<ForwardPass> passes(3);
  for (std::size_t i = 0; i < passes.size(); ++i)
    passes[i] = {"f.csv:" + std::to_string(i), static_cast<std::int64_t>(100 * i), 0, 1, 0.01};
  const auto all = [&](PointJournal* journal) {
    ValidateOptions options;
    options.journal = journal;
    std::vector<ValidatedPoint> results = run_open_loops(runs, options);
    for (ValidatedPoint& pass : run_passes(passes, point_of(1), options))
      results.push_back(std::move(pass));
    return document(results);
  };
  const std::string plain = all(nullptr);
  {
    PointJournal journal(path, "one build");
    CHECK(all(&journal) == plain);
    CHECK(journal.size() == 5);
  }
  const std::string before = folder.read("j");
  PointJournal journal(path, "one build");
  CHECK(all(&journal) == plain);
  CHECK(folder.read("j") == before);
}

TEST_CASE("a line torn by a kill is cut off, and the points before it stay") {
  const Folder folder;
  const std::string path = (folder.path() / "j").string();
  {
    PointJournal journal(path, "one build");
    static_cast<void>(run_with(journal, {point_of(1), point_of(3)}));
  }
  const std::string whole = folder.read("j");
  for (const std::size_t lost : {std::size_t{1}, std::size_t{40}, whole.size() - 3}) {
    folder.write("j", whole.substr(0, whole.size() - lost));
    PointJournal journal(path, "one build");
    CHECK(journal.size() == (lost < 100 ? 1 : 0));
    CHECK(document(run_with(journal, {point_of(1), point_of(3)})) ==
          document(run_points({point_of(1), point_of(3)}, {})));
  }
}

TEST_CASE("points of another build, another file or a call that still runs are refused") {
  const Folder folder;
  const std::string path = (folder.path() / "j").string();
  {
    const PointJournal journal(path, "one build");
    CHECK_THROWS_WITH(PointJournal(path, "one build"), Catch::Contains("in use"));
  }
  CHECK_THROWS_WITH(PointJournal(path, "another"), Catch::Contains("this build"));
  folder.write("notes", "my notes\n");
  CHECK_THROWS_WITH(PointJournal((folder.path() / "notes").string(), "x"),
                    Catch::Contains("something else"));
  CHECK(folder.read("notes") == "my notes\n");
  BenchmarkHabits habits;
  const std::string usual = validate_identity(habits);
  habits.requests_per_client = 7;
  CHECK(validate_identity(habits) != usual);
}

TEST_CASE("validate --resume goes on after a kill and gives the bytes of one run") {
  const Folder folder;
  std::string csv =
      "id,model,device,engine,prompt_tokens,output_tokens,concurrency,ttft_ms,tpot_ms\n";
  for (int clients = 1; clients <= 24; ++clients)
    csv += std::to_string(clients) + ",llama-3.1-8b,h100-sxm,vllm,512,128," +
           std::to_string(clients) + ",40,8\n";
  folder.write("p.csv", csv);
  const Outcome plain = folder.headroom("validate p.csv");
  REQUIRE(plain.code == 0);
  static_cast<void>(folder.shell("timeout -s KILL 0.2 \"$HEADROOM\" validate p.csv --resume j"));
  const Outcome resumed = folder.headroom("validate p.csv --resume j");
  CHECK(resumed.code == 0);
  CHECK(resumed.out == plain.out);
  const Outcome again = folder.headroom("validate p.csv --resume j");
  CHECK(again.out == plain.out);
  CHECK(again.err.find("24 points are in j already") != std::string::npos);
  CHECK(folder.headroom("validate p.csv --resume j --against roofline").code == 2);
  CHECK(folder.headroom("validate p.csv --resume j --requests-per-client 3").code == 2);
}
