#include <sqlite3.h>

#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "sim/check.h"
#include "sim/cli/sweep_plan.h"
#include "sim/cli/sweep_shard.h"
#include "sim/cli/sweep_slurm.h"
#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// One number of a database.
std::int64_t count_in(const fs::path& path, const std::string& sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.string().c_str(), &db) == SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  REQUIRE(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_step(statement) == SQLITE_ROW);
  const std::int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

}  // namespace

TEST_CASE("an axis is split at commas outside quotes and brackets") {
  const SweepAxis axis = parse_axis("a.b=1,\"x,y\",[2,3],{\"k\": [4,5]}", "--set");
  CHECK(axis.path == "a.b");
  CHECK(axis.values == std::vector<std::string>{"1", "\"x,y\"", "[2,3]", "{\"k\": [4,5]}"});
  CHECK_THROWS_WITH(parse_axis("a.b", "--set"), Catch::Matchers::Contains("KEY=VALUE,VALUE"));
  CHECK_THROWS_WITH(parse_axis("a.b=1,,2", "--set"), Catch::Matchers::Contains("between commas"));
  CHECK_THROWS_WITH(parse_axis("a.b=1,1", "--set"), Catch::Matchers::Contains("each value once"));
}

TEST_CASE("a grid holds every combination once, a sample some of them, always the same") {
  const std::vector<SweepAxis> axes{{"a", {"1", "2", "3"}}, {"b", {"x", "y"}}};
  const auto grid = grid_points(axes);
  REQUIRE(grid.size() == 6);
  CHECK(grid[0] == std::vector<std::string>{"1", "x"});
  CHECK(grid[1] == std::vector<std::string>{"1", "y"});
  CHECK(grid[5] == std::vector<std::string>{"3", "y"});
  const auto sample = sampled_points(axes, 4, 7);
  REQUIRE(sample.size() == 4);
  CHECK(sample == sampled_points(axes, 4, 7));
  for (const auto& point : sample) {
    CHECK(std::count(grid.begin(), grid.end(), point) == 1);
    CHECK(std::count(sample.begin(), sample.end(), point) == 1);
  }
  CHECK(sampled_points(axes, 100, 7).size() == 6);
}

TEST_CASE("numbers of array tasks are written as Slurm reads them") {
  CHECK(array_list({3, 7, 8, 9, 12}) == "3,7-9,12");
  CHECK(array_list({0}) == "0");
  CHECK(array_list({}).empty());
}

TEST_CASE("a shard is read as it was written, and any change of a byte is noticed") {
  SweepShard shard;
  shard.sweep = "abc";
  shard.chunk = 2;
  shard.metrics = {{"m", "ms", Better::lower}};
  SweepCell cell;
  cell.point = 4;
  cell.seed = 9;
  cell.why = "quotes \" and\\ slashes";
  cell.values = {1.5};
  shard.cells = {cell, cell};
  const std::string text = shard_text(shard);
  const SweepShard again = read_shard(text, "s");
  CHECK(shard_text(again) == text);
  CHECK(again.cells[1].why == cell.why);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string broken = text;
    broken[i] = static_cast<char>(broken[i] ^ 1);
    CHECK_THROWS_AS(read_shard(broken, "s"), InputError);
    CHECK_THROWS_AS(read_shard(text.substr(0, i), "s"), InputError);
  }
}

TEST_CASE("a sweep answers with a line a point, in order, intervals over its seeds") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome table =
      folder.headroom("sweep s.json --set deployment.replicas=1,2,99 --seeds 3 --quiet");
  CHECK(table.code == 0);
  const std::vector<std::string> lines = lines_of(table.out);
  REQUIRE(lines.size() == 7);
  CHECK(lines[2].rfind("1 ", 0) == 0);
  CHECK(lines[3].rfind("2 ", 0) == 0);
  CHECK(lines[4].rfind("99 ", 0) == 0);
  CHECK(lines[2].find("±") != std::string::npos);
  // A failing point is a row with its reason, not the end of the sweep.
  CHECK(lines[4].find("invalid") != std::string::npos);
  CHECK(lines[5].find("add nodes or lower replicas") != std::string::npos);
  CHECK(folder.files() == std::set<std::string>{"s.json"});
}

TEST_CASE("a cell of a sweep is the run that its command names") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const Outcome sweep = folder.headroom(
      "sweep s.json --set deployment.replicas=1,2 --seeds 2 --db r.db --json - --quiet");
  REQUIRE(sweep.code == 0);
  const std::string command = "headroom run s.json --set deployment.replicas=2 --seed 2";
  CHECK(sweep.out.find("\"" + command + "\"") != std::string::npos);
  const Outcome run = folder.headroom(command.substr(9) + " --json - --quiet");
  REQUIRE(run.code == 0);
  // The decision digest of the run stands in the sweep.
  const std::size_t at = run.out.find("\"decisions\": \"");
  REQUIRE(at != std::string::npos);
  CHECK(sweep.out.find(run.out.substr(at + 14, 16)) != std::string::npos);
  CHECK(count_in(folder.path() / "r.db", "SELECT count(*) FROM cells") == 4);
  CHECK(count_in(folder.path() / "r.db", "SELECT count(DISTINCT id) FROM cells") == 4);
}

TEST_CASE("a sweep that is killed again and again gives the bytes of an undisturbed one") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const std::string sweep =
      "sweep s.json --set deployment.replicas=1,2,3,4 --set workload.rate='\"4 /s\",\"9 /s\"' "
      "--seeds 25 --chunk-cells 5 --quiet --csv ";
  REQUIRE(folder.headroom(sweep + "a.csv --db a.db").code == 0);
  std::minstd_rand random(7);  // of the moments; the result must not depend on them
  int kills = 0;
  for (; kills < 3; ++kills) {
    const double seconds = 0.05 + 0.15 * static_cast<double>(random() % 100) / 100;
    const Outcome killed = folder.shell("timeout -s KILL " + std::to_string(seconds) +
                                        " \"$HEADROOM\" " + sweep + "b.csv --out parts");
    if (killed.code == 0) break;
  }
  const Outcome status = folder.headroom("sweep status parts");
  CHECK((status.code == 3 || status.code == 0));
  REQUIRE(folder.headroom("sweep resume parts --quiet --csv b.csv --db b.db").code == 0);
  CHECK(folder.headroom("sweep status parts").code == 0);
  CHECK(folder.read("a.csv") == folder.read("b.csv"));
  CHECK(folder.read("a.db") == folder.read("b.db"));
  // Again from its folder alone, nothing run.
  REQUIRE(folder.headroom("sweep merge parts --db c.db --csv c.csv").code == 0);
  CHECK(folder.read("a.db") == folder.read("c.db"));
}

TEST_CASE("workers of any launcher fill a folder, whatever their order") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  const std::string sweep =
      "sweep s.json --set deployment.replicas=1,2,3 --seeds 4 --chunk-cells 4 --quiet --out ";
  REQUIRE(folder.headroom(sweep + "whole --csv a.csv").code == 0);
  REQUIRE(folder.headroom(sweep + "parts --csv ignored.csv").code == 0);
  static_cast<void>(folder.shell("rm parts/shards/*"));
  CHECK(folder.headroom("sweep merge parts").code == 3);
  CHECK(folder.headroom("sweep worker parts --chunk 2").code == 0);
  CHECK(folder.shell("JOB_COMPLETION_INDEX=0 \"$HEADROOM\" sweep worker parts").code == 0);
  CHECK(folder.shell("SLURM_ARRAY_TASK_ID=1 \"$HEADROOM\" sweep worker parts --chunk auto").code ==
        0);
  CHECK(folder.headroom("sweep worker parts --chunk 2").code == 0);  // the same bytes again
  REQUIRE(folder.headroom("sweep merge parts --csv b.csv").code == 0);
  CHECK(folder.read("a.csv") == folder.read("b.csv"));
  // A shard that others wrote differently is named, beside the other.
  static_cast<void>(folder.shell(
      "sed -i 's/vllm/vllx/; s/\"seed\":1,/\"seed\":3,/' parts/shards/chunk-000001.jsonl"));
  const Outcome torn = folder.headroom("sweep merge parts");
  CHECK(torn.code == 2);
  CHECK(torn.err.find("chunk-000001.jsonl: expected a whole shard") != std::string::npos);
  const Outcome other = folder.headroom("sweep worker parts --chunk 1");
  CHECK(other.code == 2);
  CHECK(other.err.find("chunk-000001.jsonl.other") != std::string::npos);
}

TEST_CASE("points may come from a list") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  folder.write("points.csv", "deployment.replicas,workload.rate\n1,4 /s\n2,\"9 /s\"\n");
  const Outcome sweep = folder.headroom("sweep s.json --list points.csv --csv - --quiet");
  REQUIRE(sweep.code == 0);
  CHECK(lines_of(sweep.out).size() == 3);
  folder.write("bad.csv", "deployment.replicas,workload.rate\n1\n");
  const Outcome bad = folder.headroom("sweep s.json --list bad.csv");
  CHECK(bad.code == 2);
  CHECK(bad.err.find("bad.csv:2: expected 2 values") == 0);
}

TEST_CASE("what is no sweep is one clear line, and nothing is left behind") {
  const Folder folder;
  folder.write("s.json", small_scenario());
  check_bad_calls(
      folder,
      {
          {"sweep s.json --set deployment.replicaz=1,2", "did you mean \"replicas\"?"},
          {"sweep s.json --set nothing.here=1,2", "expected a known key"},
          {"sweep s.json --set deployment.7.replicas=1,2", "--set deployment.7.replicas: expected"},
          {"sweep s.json --set deployment.replicas", "--set: expected KEY=VALUE,VALUE"},
          {"sweep s.json --set deployment.replicas=1,,2", "expected a value between commas"},
          {"sweep s.json --set deployment.replicas=0,-1", "expected an integer from 1"},
          {"sweep s.json --set seed=1,2 --seeds 3", "--seeds: expected seeds once"},
          {"sweep s.json --set seed=1,x", "--set seed: expected"},
          {"sweep s.json --seeds 0", "--seeds: expected"},
          {"sweep s.json --on moon", "--on: expected local or slurm"},
          {"sweep s.json --db .", ".: expected a file to write, got a directory"},
          {"sweep s.json --db /nowhere/r.db", "/nowhere/r.db: "},
          {"sweep s.json --db -", "--db: expected the path of a file"},
          {"sweep nothing.json --set a=1,2", "nothing.json: expected a scenario file"},
          {"sweep status nowhere", "nowhere: expected a folder that headroom sweep started"},
          {"sweep worker nowhere --chunk 0",
           "nowhere: expected a folder that headroom sweep started"},
      });
  CHECK(folder.files() == std::set<std::string>{"s.json"});
  static_cast<void>(folder.shell("mkdir used && touch used/file"));
  CHECK(folder.headroom("sweep s.json --out used").err.find("used: expected an empty folder") == 0);
  REQUIRE(folder.headroom("sweep s.json --seeds 2 --out own").code == 0);
  CHECK(folder.headroom("sweep s.json --seeds 3 --out own")
            .err.find("own: expected a folder of "
                      "this sweep") == 0);
  // What has run is kept for the call that is meant.
  const Outcome metric = folder.headroom("sweep s.json --metrics latency.ttft.p9 --out kept");
  CHECK(metric.code == 2);
  CHECK(metric.err.find("did you mean 'latency.ttft.p90'?") != std::string::npos);
  CHECK(folder.headroom("sweep merge kept --metrics latency.ttft.p90").code == 0);
  const Outcome no_slurm = folder.shell("PATH=/nowhere \"$HEADROOM\" sweep s.json --on slurm");
  CHECK(no_slurm.code == 2);
  CHECK(no_slurm.err.find("--on slurm: expected Slurm's sbatch on the path") == 0);
}
