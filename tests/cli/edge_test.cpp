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
  CHECK(table.out.find("  over 80 drones                        at most 3 in a run") !=
        std::string::npos);
  CHECK(table.out.find("wherever it can be told: dems above edge-edf in task utility (") !=
        std::string::npos);
  const std::string csv = folder.read("c.csv");
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 2 * 2 * 2 * 3);
  CHECK(folder.headroom(command + " --jobs 4").out == table.out);
}

TEST_CASE("policies are compared in their released form, and with parameters of their own") {
  const Folder folder;
  folder.write("s.json", kSmall);
  const std::string command = "edge compare s.json --drones 3 --clouds benign --seeds 2 --csv ";
  CHECK(folder.headroom(command + "a.csv --policies dems,cloud-only --released").code == 0);
  CHECK(folder.headroom(command + "b.csv --policies dems:faithful,cloud-only").code == 0);
  std::string released = folder.read("a.csv");
  for (std::size_t at = 0; (at = released.find(",dems,", at)) != std::string::npos;) {
    released.replace(at, 6, ",dems:faithful,");
  }
  CHECK(released == folder.read("b.csv"));
  const Outcome routed = folder.headroom(
      "edge compare model-routing --policies tryage,tryage:price_weight=1:order=arrival --drones 2 "
      "--clouds benign --seeds 2 --set edge.fleet.duration='10 s'");
  CHECK(routed.code == 0);
  CHECK(routed.out.find("mean loss") != std::string::npos);
}

TEST_CASE("measured latencies are a device's times") {
  const Folder folder;
  std::string log = "fps,inference_time,batch_size\n";
  for (int i = 0; i < 20; ++i) log += "9,0.2,1\n9,0.7,4\n";
  folder.write("log.csv", log);
  folder.write("s.json", R"({"edge": {"policy": "edge-edf", "tasks": [{"name": "pose", "benefit": 9,
      "latencies": "log.csv", "cloud_time": "1 s", "deadline": "900 ms"}],
      "fleet": {"drones": 1, "duration": "10 s", "phase": "even"}}})");
  // Ten segments of 0.2 s, or of 0.7 s as batches of four frames.
  const Outcome one = folder.headroom("run s.json --json -");
  CHECK(one.out.find("\"completion\": 1.0") != std::string::npos);
  CHECK(one.out.find("\"energy_working_j\": 20.0") != std::string::npos);  // 10 x 0.2 s x 10 W
  const Outcome four = folder.headroom("run s.json --set edge.fleet.frames=4 --json -");
  CHECK(four.out.find("\"energy_working_j\": 70.0") != std::string::npos);
  CHECK(folder.headroom("run s.json --set edge.fleet.frames=3").code == 2);
}

TEST_CASE("mistakes about edge sites are one line each and exit 2") {
  const Folder folder;
  folder.write("s.json", kSmall);
  folder.write("llm.json", small_scenario());
  folder.write("bad.csv", "arrival_s,type\n1,HX\n");
  folder.write("trace.json", R"({"edge": {"trace": "bad.csv"}})");
  folder.write("net.csv", "time_s,latency_ms\n0,fast\n");
  folder.write("late.csv", "arrival_s,type,deadline_s\n2,HV,1\n");
  folder.write("jetson.csv", "fps,inference_time,batch_size\n9,slow,1\n");
  for (const char* arguments :
       {"run s.json --set edge.fleet.drones=0", "run s.json --rate '5 /s'",
        "run s.json --markdown r.md", "run s.json --set edge.policy=demz", "run trace.json",
        "run s.json --set edge.cloud.network=net.csv", "run s.json --set edge.fleet.sites=0",
        "run s.json --set edge.device.latencies=jetson.csv", "run s.json --timeline no/such/t.json",
        "run trace.json --set edge.trace=late.csv",
        "edge compare s.json --policies tryage:price_wight=1",
        "run s.json --set edge.trace=none.csv", "trace generate s.json --output t.csv",
        "edge compare llm.json", "edge compare s.json --policies dems,,gems",
        "edge compare s.json --seeds 0", "edge compare s.json --clouds bad", "schema cloud"}) {
    INFO(arguments);
    const Outcome outcome = folder.headroom(arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.out.empty());
  }
  CHECK(folder.headroom("run trace.json").err.find("bad.csv:2:3: expected a known type of task") !=
        std::string::npos);
  CHECK(folder.files() == std::set<std::string>{"s.json", "llm.json", "bad.csv", "trace.json",
                                                "net.csv", "late.csv", "jetson.csv"});
}
