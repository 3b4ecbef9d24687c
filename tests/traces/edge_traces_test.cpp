// Drone fleets and traces of edge sites: what comes out, and the line that a bad trace gets.
#include "traces/edge_traces.h"

#include <filesystem>
#include <map>
#include <set>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/drone_fleet.h"

using namespace headroom;

namespace {

std::vector<EdgeTaskType> two_types() {
  std::vector<EdgeTaskType> types(2);
  types[0].name = "HV";
  types[0].deadline = kMillisecond * 650;
  types[1].name = "MD";
  types[1].deadline = kMillisecond * 750;
  return types;
}

LineReader lines(const std::string& text) { return {memory_bytes(text, "t.csv"), "t.csv"}; }

template <class Read>
std::string fault(const std::string& text, Read read) {
  try {
    static_cast<void>(read(lines(text)));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::string task_fault(const std::string& text) {
  const std::vector<EdgeTaskType> types = two_types();
  return fault(text, [&](LineReader reader) { return read_edge_tasks(std::move(reader), types); });
}

struct Seen {
  std::uint32_t site;
  EdgeArrival task;
};

std::vector<Seen> all_of(const EdgeWorkload& workload) {
  std::vector<Seen> seen;
  for (std::uint32_t site = 0; site < workload.sites(); ++site) {
    const auto source = workload.open_site(site);
    Instant last;
    while (source->next_arrival() < Instant::never()) {
      const Instant announced = source->next_arrival();
      const EdgeArrival task = source->take();
      CHECK(task.time == announced);
      CHECK(task.time >= last);
      last = task.time;
      seen.push_back({site, task});
    }
  }
  return seen;
}

}  // namespace

TEST_CASE("a fleet sends each drone's segments once, every type in each") {
  const std::vector<EdgeTaskType> types = two_types();
  FleetSpec spec;
  spec.sites = 3;
  spec.drones = 2;
  spec.duration = kSecond * 10;
  for (const Duration stay : {Duration(0), kMillisecond * 2300}) {
    spec.stay = stay;
    const DroneFleet fleet(spec, types, 7);
    std::map<std::uint32_t, std::map<std::int64_t, int>> tasks;  // drone, time
    std::map<std::uint32_t, std::set<std::uint32_t>> sites;
    for (const Seen& seen : all_of(fleet)) {
      ++tasks[seen.task.drone][seen.task.time.ns()];
      sites[seen.task.drone].insert(seen.site);
    }
    REQUIRE(tasks.size() == 6);
    for (const auto& [drone, times] : tasks) {
      CHECK(times.size() == 10);  // floor(10 s / 1 s)
      for (const auto& entry : times) CHECK(entry.second == 2);
      CHECK(times.rbegin()->first - times.begin()->first == 9'000'000'000);
      // 9 s of flight in legs of 2.3 s go round all three sites.
      CHECK(sites[drone].size() == (stay > Duration(0) ? 3U : 1U));
    }
  }
}

TEST_CASE("a drone's segments do not depend on mobility") {
  const std::vector<EdgeTaskType> types = two_types();
  FleetSpec spec;
  spec.sites = 4;
  spec.duration = kSecond * 20;
  const auto times = [&](Duration stay) {
    spec.stay = stay;
    std::multiset<std::pair<std::uint32_t, std::int64_t>> all;
    for (const Seen& seen : all_of(DroneFleet(spec, types, 1))) {
      all.insert({seen.task.drone, seen.task.time.ns()});
    }
    return all;
  };
  CHECK(times(Duration(0)) == times(kSecond * 3));
}

TEST_CASE("phases are together, even or random, and unshuffled tasks come as listed") {
  const std::vector<EdgeTaskType> types = two_types();
  FleetSpec spec;
  spec.drones = 4;
  spec.duration = kSecond;
  spec.shuffle = false;
  spec.phase = FleetPhase::even;
  const std::vector<Seen> even = all_of(DroneFleet(spec, types, 1));
  REQUIRE(even.size() == 8);
  for (std::size_t i = 0; i < even.size(); ++i) {
    CHECK(even[i].task.time == Instant() + kMillisecond * 250 * static_cast<std::int64_t>(i / 2));
    CHECK(even[i].task.type == i % 2);
  }
  spec.phase = FleetPhase::together;
  for (const Seen& seen : all_of(DroneFleet(spec, types, 1))) CHECK(seen.task.time == Instant());
}

TEST_CASE("a trace of tasks is read by site, with deadlines and actual times where it has them") {
  const std::vector<EdgeTaskType> types = two_types();
  const auto workload = read_edge_tasks(lines("type,arrival_s,site,deadline_s,edge_ms\n"
                                              "HV,1.5,1,1.9,170.5\n"
                                              "MD,0.25,1,,\n"),
                                        types);
  REQUIRE(workload->sites() == 2);
  const auto source = workload->open_site(1);
  const EdgeArrival md = source->take();
  CHECK(md.time == Instant() + kMillisecond * 250);
  CHECK(md.deadline == kMillisecond * 750);
  CHECK(!md.edge_actual);
  const EdgeArrival hv = source->take();
  CHECK(hv.deadline == kMillisecond * 400);
  CHECK(*hv.edge_actual == kMicrosecond * 170'500);
  CHECK(source->next_arrival() == Instant::never());
}

TEST_CASE("a bad trace of tasks is one line with its place") {
  CHECK(task_fault("arrival_s,type\n1,HX\n") ==
        "t.csv:2:3: expected a known type of task (HV, MD), got \"HX\"; did you mean 'HV'?");
  CHECK(task_fault("arrival_s,type,deadline_s\n2,HV,1.5\n") ==
        "t.csv:2:6: expected a deadline after the arrival at 2 s, got 1.5 s; correct one of them");
  CHECK(task_fault("arrival_s\n1\n").starts_with("t.csv:1:1: expected a column \"type\""));
  CHECK(task_fault("arrival_s,type\n-1,HV\n").starts_with("t.csv:2:1: expected arrival_s"));
  CHECK(task_fault("arrival_s,type\n1\n").starts_with("t.csv:2:1: expected 2 fields"));
  CHECK(task_fault("arrival_s,type,site\n1,HV,1e9\n").starts_with("t.csv:2:6: expected site"));
  CHECK(task_fault("arrival_s,type\n").find("expected tasks") != std::string::npos);
  CHECK(task_fault("").find("empty file") != std::string::npos);
}

TEST_CASE("a network trace holds each row until the next, and a bad one is one line") {
  const std::vector<NetworkPoint> points =
      read_network_trace(lines("time_s,latency_ms,uplink_mbps\n0,20,8\n60,150.5,0.8\n"));
  REQUIRE(points.size() == 2);
  CHECK(points[1].at == Instant() + kSecond * 60);
  CHECK(points[1].latency == kMicrosecond * 150'500);
  CHECK(points[0].uplink.value() == Approx(1e6));
  CHECK(fault("time_s,latency_ms\n0,x\n", read_network_trace)
            .starts_with("t.csv:2:3: expected latency_ms as a number from 0 up, got \"x\""));
  CHECK(fault("time_s,latency_ms\n5,1\n5,2\n", read_network_trace).starts_with("t.csv:3:1: "));
  CHECK(fault("time_s,uplink_mbps\n0,0\n", read_network_trace).find("above 0 Mbit/s") !=
        std::string::npos);
  CHECK(fault("time_s\n0\n", read_network_trace).find("\"latency_ms\"") != std::string::npos);
}

TEST_CASE("measured latencies become a law over their 95th percentile, without the model's start") {
  std::string text = "fps,inference_time,batch_size\nfps,inference_time,batch_size\n0.2,5.0,1\n";
  for (int i = 1; i <= 100; ++i) text += "1,0." + std::to_string(100 + i) + ",1\n";
  text += "1,9,8\n";  // another batch size
  const MeasuredLatencies measured = read_latencies(lines(text), 1);
  const DistributionSpec& law = measured.shape;
  CHECK(measured.expected == kMillisecond * 195);
  REQUIRE(law.values.size() == 100);
  CHECK(law.values.front() == Approx(0.101 / 0.195));  // 95th of 101..200 ms
  const auto latency_fault = [](const std::string& bad) {
    return fault(bad, [](LineReader reader) { return read_latencies(std::move(reader), 1); });
  };
  CHECK(latency_fault("inference_time\n0.1\n") ==
        "t.csv: expected at least 10 latencies above 0 of batch 1, got 1; measure more");
  CHECK(latency_fault("inference_time\nfast\n")
            .starts_with("t.csv:2:1: expected inference_time as a number from 0 up, got \"fast\""));
  CHECK(latency_fault("inference_time\n-0.1\n").starts_with("t.csv:2:1: "));
  CHECK(latency_fault("inference_time,batch_size\n0.1\n")
            .starts_with("t.csv:2:1: expected 2 fields as in the header, got 1"));
  CHECK(latency_fault("fps,batch_size\n1,1\n")
            .starts_with("t.csv:1:1: expected a column \"inference_time\" in the header"));
  CHECK(latency_fault("").find("empty file") != std::string::npos);
}

TEST_CASE("measured Jetson latencies are read, each batch size apart, the model's start aside") {
  const std::filesystem::path path =
      std::filesystem::path(HEADROOM_SOURCE_DIR) / "../shared/traces/edge-video-jetson/";
  if (!std::filesystem::exists(path)) {
    WARN("skipped: no measured latencies beside the project");
    return;
  }
  const auto measured = [&](const char* name, std::uint64_t batch) {
    const std::string file = (path / name).string();
    return read_latencies({open_bytes(file), file}, batch);
  };
  for (const char* name : {"resnet18_inference_log.csv", "densenet_inference_log.csv"}) {
    Duration before{0};
    // 200 rows of each; the first of a log holds seconds of the model's start.
    for (const std::uint64_t batch : {1U, 2U, 3U, 4U, 5U, 8U, 16U, 32U}) {
      INFO(name << ", batch " << batch);
      const MeasuredLatencies latencies = measured(name, batch);
      CHECK(latencies.shape.values.size() >= 190);
      CHECK(latencies.shape.values.size() <= 200);
      for (const double value : latencies.shape.values) CHECK(value > 0.3);
      // A larger batch takes longer, all in all.
      if (batch == 1 || batch == 8 || batch == 32) {
        CHECK(latencies.expected > before);
        before = latencies.expected;
      }
    }
  }
  const MeasuredLatencies pose = measured("bodypose_final.csv", 1);
  CHECK(pose.shape.values.size() == 17);
  CHECK(pose.expected > kMillisecond * 60);
  CHECK(pose.expected < kMillisecond * 120);
}
