// Edge sites on the command line: runs, tables, files, and the one line of a mistake.
#include <string>

#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

namespace {

const std::string kSmall =
    R"({"edge": {"load": "medium", "fleet": {"drones": 2, "duration": "20 s"}}})";

}  // namespace

TEST_CASE("a scenario of edge sites runs, prints within 80 columns and repeats its bytes") {
  const Folder folder;
  folder.write("s.json", kSmall);
  const Outcome outcome = folder.headroom("run s.json");
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.out.find("Completion: ") != std::string::npos);
  CHECK(outcome.out.find("of 160 tasks in time") != std::string::npos);  // 2 x 20 x 4
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  CHECK(folder.headroom("run s.json").out == outcome.out);
}

TEST_CASE("the bundled fleet runs by name, with JSON on stdout and a line a task") {
  const Folder folder;
  const Outcome json =
      folder.headroom("run drones --set edge.fleet.duration='5 s' --json - --requests-csv t.csv");
  CHECK(json.code == 0);
  CHECK(json.out.find("\"schema\": \"headroom.edge_run\"") != std::string::npos);
  CHECK(json.out.find("\"generated\": 420") != std::string::npos);  // 14 drones x 5 x 6
  const std::string tasks = folder.read("t.csv");
  CHECK(std::count(tasks.begin(), tasks.end(), '\n') == 421);
  // What a run wrote is a trace of tasks.
  folder.write("trace.json", R"({"edge": {"trace": "t.csv"}})");
  const Outcome again = folder.headroom("run trace.json");
  CHECK(again.code == 0);
  CHECK(again.out.find("of 420 tasks in time") != std::string::npos);
}

TEST_CASE("calls of edge sites may be answered by a serving system of the same run") {
  const Folder folder;
  const std::string shorter = "run drones-on-a-cluster --set edge.fleet.duration='20 s'";
  const Outcome enough = folder.headroom(shorter);
  CHECK(enough.code == 0);
  CHECK(enough.out.find("Completion: 100.00 %") != std::string::npos);
  CHECK(enough.out.find("the serving system, ") != std::string::npos);
  // One replica instead of four: the calls' times come from its queue.
  const Outcome short_of = folder.headroom(shorter + " --set serving.deployment.replicas=1");
  CHECK(short_of.code == 0);
  CHECK(short_of.out.find("cloud_slow") != std::string::npos);
  const Outcome bad = folder.headroom(shorter + " --set serving.deployment.engine=vlm");
  CHECK(bad.code == 2);
  CHECK(bad.error_lines() == 1);
}

TEST_CASE("values of an edge scenario can be set, explained and described") {
  const Folder folder;
  folder.write("s.json", kSmall);
  const Outcome explained =
      folder.headroom("run s.json --set edge.policy=gems --seed 7 --explain-config");
  CHECK(explained.code == 0);
  CHECK(explained.out.find("/edge/fleet/drones") != std::string::npos);
  CHECK(explained.out.find("command line (--seed)") != std::string::npos);
  // A short form gains members: "benign" is the cloud's quality, "jetson-nano" the device's name.
  const Outcome set = folder.headroom(
      "run drones --set edge.fleet.duration='5 s' --set edge.cloud.concurrency=2 "
      "--set edge.device.idle_watts=5");
  CHECK(set.code == 0);
  CHECK(set.out.find("benign, 2 calls a site at a time") != std::string::npos);
  CHECK(folder.headroom("schema edge").out.find("\"window_bonus\"") != std::string::npos);
  CHECK(folder.headroom("list edge").out.find("degraded") != std::string::npos);
  CHECK(folder.headroom("list policies").out.find("dems-a") != std::string::npos);
}

TEST_CASE("policies are compared over a grid by one command, the same whatever the jobs") {
  const Folder folder;
  folder.write("s.json", kSmall);
  const std::string command =
      "edge compare s.json --policies dems,edge-edf,dems:faithful --drones 2,3 --loads light,heavy "
      "--clouds benign,degraded --seeds 3";
  const Outcome table = folder.headroom(command + " --jobs 1 --csv c.csv");
  CHECK(table.code == 0);
  CHECK(table.out.find("heavy load, 3 drones a site, degraded cloud") != std::string::npos);
  CHECK(table.out.find("dems > edge-edf, task utility") != std::string::npos);
  CHECK(table.out.find("up to 88 % in time (DEMS)") != std::string::npos);
  const std::string csv = folder.read("c.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 2 * 2 * 2 * 3);
  CHECK(folder.headroom(command + " --jobs 4").out == table.out);
}

TEST_CASE("mistakes about edge sites are one line each and exit 2") {
  const Folder folder;
  folder.write("s.json", kSmall);
  folder.write("llm.json", small_scenario());
  folder.write("bad.csv", "arrival_s,type\n1,HX\n");
  folder.write("trace.json", R"({"edge": {"trace": "bad.csv"}})");
  folder.write("net.csv", "time_s,latency_ms\n0,fast\n");
  for (const char* arguments :
       {"run s.json --set edge.fleet.drones=0", "run s.json --rate '5 /s'",
        "run s.json --markdown r.md", "run s.json --set edge.policy=demz", "run trace.json",
        "run s.json --set edge.cloud.network=net.csv", "run s.json --set edge.trace=none.csv",
        "trace generate s.json --output t.csv", "edge compare llm.json",
        "edge compare s.json --policies dems,,gems", "edge compare s.json --seeds 0",
        "edge compare s.json --clouds bad", "schema cloud"}) {
    INFO(arguments);
    const Outcome outcome = folder.headroom(arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.out.empty());
  }
  CHECK(folder.headroom("run trace.json").err.find("bad.csv:2:3: expected a known type of task") !=
        std::string::npos);
  CHECK(folder.files() ==
        std::set<std::string>{"s.json", "llm.json", "bad.csv", "trace.json", "net.csv"});
}
