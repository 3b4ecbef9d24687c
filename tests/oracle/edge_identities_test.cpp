// Exact identities of drone fleets: completions and utilities that need no simulation to know.
#include "sim/check.h"
#include "sim/cli/edge_assemble.h"
#include "sim/edge_scenario_reader.h"
#include "tests/catch.h"
#include "tests/scratch.h"

using namespace headroom;

namespace {

/// A run of the scenario `{"edge": {<edge>}}`.
EdgeSummary run(const std::string& edge) {
  const LoadedEdgeScenario loaded = read_edge_scenario({"test", "{\"edge\": {" + edge + "}}", {}});
  const auto assembly = assemble_edges(loaded.scenario);
  return summarise_edges(simulate_edges(assembly->setup),
                         edge_report_context(loaded.scenario, *assembly));
}

}  // namespace

TEST_CASE("cloud-only completes 3/4 of MEDIUM and 5/6 of HEAVY where no call is late") {
  // T-DEM-7, in both forms: the released policy differs only where a call comes too late.
  // BP's calls never pay: one of four, one of six models. Per drone-second the rest is worth
  // 100 + 74 + 60 = 234, with CD and DEO 234 + 23 + 40 = 297. 3 drones x 300 s.
  const EdgeSummary medium =
      run(R"("policy": "cloud-only", "load": "medium", "fleet": {"drones": 3})");
  CHECK(medium.generated == 3 * 300 * 4);
  CHECK(medium.in_time == 3 * 300 * 3);
  CHECK(medium.task_utility == 234.0 * 900);
  const EdgeSummary heavy =
      run(R"("policy": "cloud-only", "load": "heavy", "fleet": {"drones": 4})");
  CHECK(heavy.in_time == 4 * 300 * 5);
  CHECK(heavy.task_utility == 297.0 * 1200);
  CHECK(heavy.outcomes[static_cast<std::size_t>(EdgeOutcome::drop_cost)] == 1200);
  // Both models of LIGHT pay: 100 + 60 a drone-second, 96,000 for two drones.
  const EdgeSummary light =
      run(R"("policy": "cloud-only", "load": "light", "fleet": {"drones": 2})");
  CHECK(light.completion == 1);
  CHECK(light.task_utility == 96'000);
}

TEST_CASE("every task of two drones with LIGHT load ends in time at the edge") {
  // 2 x 316 ms of each second; per drone-second 124 + 74 = 198: 118,800 in 300 s. Windows: 15 of
  // 20 s x 2 types, bonuses 100 and 130: 15 x 230 = 3,450 (one more for a phase beyond 300 s: the
  // drones send from their phase on, so that the last segments may fall into a 16th window).
  for (const char* policy :
       {"edge-edf", "edge-cloud", "dem", "dems", "dems-a", "gems", "d3-kalmia"}) {
    INFO(policy);
    const EdgeSummary s = run(std::string("\"policy\": \"") + policy +
                              R"(", "load": "light", "fleet": {"drones": 2, "phase": "even"})");
    CHECK(s.completion == 1);
    CHECK(s.task_utility == 118'800);
    CHECK(s.window_utility == 15 * 230);
    CHECK(s.calls == 0);
    CHECK(s.edge_busy == Approx(2 * 0.316 * 0.95).epsilon(0.01));
  }
}

TEST_CASE("the edge's demand a segment is 316, 732 and 2,034 ms") {
  const std::vector<std::int64_t> demand{316, 732, 2034};
  const char* loads[] = {"light", "medium", "heavy"};
  for (std::size_t i = 0; i < demand.size(); ++i) {
    const LoadedEdgeScenario loaded =
        read_edge_scenario({"test", std::string(R"({"edge": {"load": ")") + loads[i] + "\"}}", {}});
    Duration sum{0};
    for (const EdgeTaskType& type : loaded.scenario.types) sum += type.edge_time;
    CHECK(sum == kMillisecond * demand[i]);
  }
}

TEST_CASE(
    "calls cost what Lambda charges: each, and each gigabyte-second begun by the millisecond") {
  // One drone, one second: HV's call takes 0.5 x 398 = 199 ms; 1 GiB.
  const EdgeSummary s = run(R"("policy": "cloud-only", "load": "light",
      "fleet": {"drones": 1, "duration": "1 s"},
      "cloud": {"time_factor": 0.5, "memory": "1 GiB"})");
  // MD: 0.5 x 589 = 294.5 ms, billed as 295.
  CHECK(s.calls == 2);
  CHECK(s.billed_s == Approx(0.199 + 0.295));
  CHECK(s.cost_usd == Approx(2 * 0.2e-6 + 0.494 * 0.0000166667));
}

TEST_CASE("an instance starts cold once and stays warm while it is used") {
  // HV alone is called once a second: one instance, one cold start; with keep-alive below the gap
  // every call starts one.
  const std::string tasks = R"("tasks": [{"name": "HV", "benefit": 125, "cloud_price": 25,
      "edge_time": "1 h", "cloud_time": "398 ms", "deadline": "5 s"}], "policy": "cloud-only",
      "fleet": {"drones": 1, "duration": "100 s"},)";
  const EdgeSummary warm = run(tasks + R"("cloud": {"cold_start": "1 s", "time_factor": 1})");
  CHECK(warm.cold_starts ==
        2);  // the second call comes 1 s later, when the first still runs 1.398 s
  const EdgeSummary cold =
      run(tasks + R"("cloud": {"cold_start": "1 s", "keep_alive": "100 ms", "time_factor": 1})");
  CHECK(cold.cold_starts > 40);
}

TEST_CASE("an uplink serves one input after the other") {
  // 1 MB over 8 Mbit/s takes 1 s: calls of one second's two drones wait for each other and miss 1.5
  // s from the second on.
  const std::string tasks = R"("tasks": [{"name": "HV", "benefit": 10, "edge_time": "1 h",
      "cloud_time": "100 ms", "deadline": "1500 ms", "input": "1 MB"}], "policy": "cloud-only",
      "fleet": {"drones": 2, "duration": "1 s", "phase": "together"},)";
  const EdgeSummary s = run(tasks + R"("cloud": {"uplink": "8 Mbit/s", "time_factor": 1})");
  CHECK(s.in_time == 1);  // 1.0 + 0.1 s; the other 2.0 + 0.1 s
  CHECK(s.causes[static_cast<std::size_t>(MissCause::cloud_network)] == 1);
  CHECK(s.uploaded == Bytes(2'000'000));
  // Uploads that take half as long, by their law: 0.5 + 0.1 s and 1.0 + 0.1 s.
  const EdgeSummary half =
      run(tasks + R"("cloud": {"uplink": "8 Mbit/s", "upload_factor": 0.5, "time_factor": 1})");
  CHECK(half.in_time == 2);
  CHECK(half.cloud_time.max == Approx(1100));
}

namespace {

const char* const kSplitTask = R"("tasks": [{"name": "HV", "benefit": 10, "cloud_time": "1 h",
    "deadline": "200 ms", "least_accuracy": 0.9, "splits": [
      {"name": "on the drone", "head": "150 ms", "tail": "1 ns", "accuracy": 0.95},
      {"name": "at the edge", "sent": "500 kB", "tail": "20 ms", "accuracy": 0.95},
      {"name": "bottleneck", "head": "10 ms", "sent": "100 kB", "tail": "15 ms", "accuracy": 0.94},
      {"name": "narrow", "head": "10 ms", "sent": "10 kB", "tail": "15 ms", "accuracy": 0.6}]}],
    "policy": "edge-edf", "device": {"time_factor": 1},)";

}  // namespace

TEST_CASE(
    "a split task arrives when its head and upload are done, its deadline counted from the frame") {
  // 10 Mbit/s carry 100 kB in 80 ms: the bottleneck takes 10 + 80 + 15 = 105 ms, all on the drone
  // 150, the whole frame 400 + 20; the narrow one is not accurate enough. 4 W x 10 ms + 1 W x 80 ms
  // = 120 mJ a frame.
  const EdgeSummary s = run(std::string(kSplitTask) + R"("fleet": {"drones": 2, "duration": "50 s",
      "phase": "even", "link": "10 Mbit/s", "device_watts": 4, "radio_watts": 1})");
  CHECK(s.completion == 1);
  CHECK(s.edge_busy == Approx(2 * 0.015).epsilon(0.02));
  CHECK(s.energy_drones_j == Approx(100 * 0.120));
  // Every way is told, and which was taken.
  CHECK(s.context.notes.at(1).find("at the edge: 400 ms on the drone and in the air") !=
        std::string::npos);
  CHECK(s.context.notes.at(2) ==
        "HV bottleneck: 90 ms on the drone and in the air, 15 ms at the edge, 120 mJ of the drone "
        "a frame, accuracy 0.94, taken");
  CHECK(s.context.notes.at(3).ends_with("accuracy 0.6, not accurate enough"));
  // Twenty times slower: everything stays on the drone.
  const EdgeSummary slow = run(std::string(kSplitTask) + R"("fleet": {"drones": 2,
      "duration": "50 s", "link": "500 kbit/s", "device_watts": 4, "radio_watts": 1})");
  CHECK(slow.context.notes.front().ends_with("taken"));
  CHECK(slow.energy_drones_j == Approx(100 * 0.600));
  // A deadline below head and upload cannot be met.
  const EdgeSummary late = run(std::string(kSplitTask) + R"("fleet": {"drones": 1,
      "duration": "50 s", "link": "6 Mbit/s"})");
  CHECK(late.completion == 1);                           // 10 + 133 + 15 ms
  CHECK(late.context.notes.front().ends_with("taken"));  // 150 < 158
}

TEST_CASE("split tasks without a link, and accuracies that no split has, are one line") {
  const auto fault = [](const std::string& edge) -> std::string {
    try {
      static_cast<void>(run(edge));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(fault(std::string(kSplitTask) + "\"fleet\": {}")
            .starts_with("test: /edge/fleet/link: expected a bandwidth above 0"));
  std::string exact = kSplitTask;
  exact.replace(exact.find("0.9,"), 4, "0.99,");
  CHECK(fault(exact + R"("fleet": {"link": "1 Gbit/s"})")
            .starts_with("test: /edge/tasks/0/least_accuracy: expected at most"));
}

namespace {

const EdgeTypeRow& row_named(const EdgeSummary& s, const std::string& name) {
  for (const EdgeTypeRow& row : s.types) {
    if (row.name == name) return row;
  }
  throw std::runtime_error("no row " + name);
}

}  // namespace

TEST_CASE("where the link changes, each segment is split by the link of its time") {
  // Drones at 0 and 0.5 s, 20 segments each. Until 5 s 2 Gbit/s (the whole frame: 2 + 20 ms),
  // until 12 s 10 Mbit/s (the bottleneck: 10 + 80 + 15 ms), then 500 kbit/s (all on the drone: 150
  // ms).
  const test::ScratchFolder scratch;
  const std::string trace =
      scratch.write("link_trace.csv", "time_s,uplink_mbps\n0,2000\n5,10\n12,0.5\n");
  const std::string fleet = R"("fleet": {"drones": 2, "duration": "20 s", "phase": "even",
      "device_watts": 4, "radio_watts": 1, "link_trace": ")";
  const EdgeSummary s = run(kSplitTask + fleet + trace + "\"}");
  CHECK(s.completion == 1);
  CHECK(s.generated == 40);
  CHECK(row_named(s, "HV/at the edge").generated == 10);
  CHECK(row_named(s, "HV/bottleneck").generated == 14);
  CHECK(row_named(s, "HV/on the drone").generated == 16);
  CHECK(row_named(s, "HV/narrow").generated == 0);
  // 1 W x 2 ms; 4 W x 10 ms + 1 W x 80 ms; 4 W x 150 ms.
  CHECK(s.energy_drones_j == Approx(10 * 0.002 + 14 * 0.120 + 16 * 0.600));
  // A trace that never changes is the constant link.
  const std::string flat = scratch.write("link_flat.csv", "time_s,uplink_mbps\n0,10\n7,10\n");
  const EdgeSummary traced = run(kSplitTask + fleet + flat + "\"}");
  const EdgeSummary constant = run(std::string(kSplitTask) + R"("fleet": {"drones": 2,
      "duration": "20 s", "phase": "even", "device_watts": 4, "radio_watts": 1,
      "link": "10 Mbit/s"})");
  CHECK(traced.in_time == constant.in_time);
  CHECK(traced.energy_drones_j == Approx(constant.energy_drones_j));
  CHECK(traced.edge_busy == constant.edge_busy);
}

TEST_CASE("segments of a drone arrive in their order: a fast link does not overtake a slow one") {
  // The first segment's bottleneck needs 10 + 3,200 ms at 250 kbit/s; the next ones, at 1 Gbit/s,
  // wait for it: its own deadline and those of the three behind it are gone.
  const std::string tasks = R"("tasks": [{"name": "HV", "benefit": 10, "cloud_time": "1 h",
      "deadline": "200 ms", "splits": [{"name": "b", "head": "10 ms", "sent": "100 kB",
      "tail": "15 ms", "accuracy": 0.9}]}], "policy": "edge-edf", "device": {"time_factor": 1},)";
  const test::ScratchFolder scratch;
  const std::string trace = scratch.write("link_jam.csv", "time_s,uplink_mbps\n0,0.25\n0.5,1000\n");
  const EdgeSummary s = run(tasks + R"("fleet": {"drones": 1, "duration": "10 s",
      "phase": "together", "link_trace": ")" +
                            trace + "\"}");
  CHECK(s.generated == 10);
  CHECK(s.in_time == 6);  // those taken at 4 s and later
}

TEST_CASE("a task may name a network whose time on the device somebody measured") {
  const std::string tasks = R"("tasks": [{"name": "HV", "benefit": 10, "cloud_time": "398 ms",
      "deadline": "650 ms", "network": "yolov8m"}], "policy": "edge-edf", )";
  const EdgeSummary s = run(tasks + R"("device": {"name": "jetson-orin-nano", "time_factor": 1},
      "fleet": {"drones": 3, "duration": "100 s", "phase": "even"})");
  CHECK(s.completion == 1);
  CHECK(s.edge_busy == Approx(3 * 0.0665).epsilon(0.01));
  CHECK_THROWS_WITH(run(tasks + R"("device": "jetson-nano")"),
                    "test: /edge/tasks/0/network: expected a network measured on jetson-nano "
                    "(pose-resnet18, pose-densenet121), got \"yolov8m\"; give edge_time instead");
}

TEST_CASE("a link trace without bandwidths is one line") {
  const test::ScratchFolder scratch;
  const std::string latency = scratch.write("link_latency.csv", "time_s,latency_ms\n0,10\n");
  CHECK_THROWS_WITH(run(std::string(kSplitTask) + R"("fleet": {"link_trace": ")" + latency + "\"}"),
                    latency +
                        ": expected a column uplink_mbps of the drones' link, got none; add "
                        "it");
}
