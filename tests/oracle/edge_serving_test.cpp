// Edge sites whose cloud is a serving cluster of the same run, against a cloud of known times.
#include "sim/edge_serving.h"

#include <algorithm>
#include <vector>

#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/edge_assemble.h"
#include "sim/edge_scenario_reader.h"
#include "sim/simulation.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

LoadedEdgeScenario read(const std::string& edge, const std::string& beside = "") {
  return read_edge_scenario({"test", "{\"edge\": {" + edge + "}" + beside + "}", {}});
}

/// Answers every request after `service`, any number at a time: the smallest cluster.
EdgeMetrics serve_in(const EdgeSetup& setup, Duration service) {
  EdgeServing source(setup);
  struct Answer {
    Instant when;
    RequestSpec request;
  };
  std::vector<Answer> running;
  for (;;) {
    const auto first =
        std::min_element(running.begin(), running.end(),
                         [](const Answer& a, const Answer& b) { return a.when < b.when; });
    const Instant arrival = source.next_arrival();
    if (first != running.end() && first->when <= arrival) {
      const Answer done = *first;
      running.erase(first);
      source.on_left(done.request, done.when);
    } else if (arrival == Instant::never()) {
      return source.finish();
    } else if (source.brings_request()) {
      const RequestSpec request = source.take();
      CHECK(request.arrival == arrival);
      running.push_back({arrival + service, request});
    } else {
      source.step();
    }
  }
}

const std::string kTasks = R"("tasks": [
  {"name": "A", "benefit": 100, "edge_price": 1, "cloud_price": 20, "edge_time": "170 ms",
   "cloud_time": "400 ms", "deadline": "650 ms", "prompt": 600, "output": 8},
  {"name": "B", "benefit": 200, "edge_price": 4, "cloud_price": 90, "edge_time": "560 ms",
   "cloud_time": "400 ms", "deadline": "1 s", "prompt": 900, "output": 8}])";

const std::string kServing = R"(, "serving": {"model": "qwen2.5-1.5b",
  "cluster": {"nodes": [{"device": "l40s"}]},
  "deployment": [{"max_model_len": 4096}]})";

struct Joint {
  EdgeSummary edges;
  Metrics cluster;
};

Joint run_joint(const std::string& edge) {
  const LoadedEdgeScenario loaded = read(edge, kServing);
  const auto assembly = assemble_edges(loaded.scenario);
  const Assembly cluster = assemble(*loaded.scenario.serving);
  EdgeServing source(assembly->setup);
  SimulationSetup setup = make_setup(*loaded.scenario.serving, cluster, source);
  setup.sinks.push_back(&source);
  Joint joint;
  joint.cluster = simulate(std::move(setup));
  joint.edges = summarise_edges(source.finish(), edge_report_context(loaded.scenario, *assembly));
  return joint;
}

}  // namespace

TEST_CASE("a cluster that answers in a fixed time is the cloud of that fixed time") {
  // Every call takes 0.8 x 400 = 320 ms either way. Calls that end in one instant may be booked in
  // another order, so that counts are compared, not digests.
  for (const char* policy : {"dems", "dems-a", "gems", "dem", "dedas", "d3-kalmia", "cloud-only"}) {
    INFO(policy);
    const std::string edge = std::string("\"policy\": \"") + policy + "\", " + kTasks +
                             R"(, "fleet": {"drones": 4, "duration": "60 s"})";
    const LoadedEdgeScenario drawn = read(edge + R"(, "cloud": {"time_factor": 0.8})");
    const auto assembly = assemble_edges(drawn.scenario);
    const EdgeMetrics alone = simulate_edges(assembly->setup);
    const EdgeMetrics served = serve_in(assembly->setup, kMillisecond * 320);
    CHECK(served.calls == alone.calls);
    for (std::size_t t = 0; t < alone.types.size(); ++t) {
      CHECK(served.types[t].outcomes == alone.types[t].outcomes);
    }
    CHECK(served.sites[0].busy == alone.sites[0].busy);
    CHECK(served.cloud_time.quantile(0.5) == alone.cloud_time.quantile(0.5));
    CHECK(served.calls > 0);
    CHECK(served.in_time() == alone.in_time());
  }
}

TEST_CASE("sites side by side end as they do one after the other") {
  const LoadedEdgeScenario loaded =
      read(kTasks + R"(, "fleet": {"sites": 5, "drones": 3, "duration": "30 s", "stay": "4 s"},
                         "cloud": {"time_factor": 0.8})");
  const auto assembly = assemble_edges(loaded.scenario);
  const EdgeMetrics alone = simulate_edges(assembly->setup);
  const EdgeMetrics served = serve_in(assembly->setup, kMillisecond * 320);
  REQUIRE(served.sites.size() == alone.sites.size());
  for (std::size_t i = 0; i < alone.sites.size(); ++i) {
    CHECK(served.sites[i].generated == alone.sites[i].generated);
    CHECK(served.sites[i].in_time == alone.sites[i].in_time);
    CHECK(served.sites[i].busy == alone.sites[i].busy);
  }
}

TEST_CASE("every call is one request of the cluster, and its load is the calls' latency") {
  const auto at = [](int sites) {
    return run_joint(kTasks +
                     R"(, "policy": "cloud-only", "fleet": {"drones": 4, "duration": "20 s",
                       "sites": )" +
                     std::to_string(sites) + "}");
  };
  const Joint light = at(1);
  CHECK(light.cluster.arrived == light.edges.calls);
  CHECK(light.cluster.finished == light.edges.calls);
  CHECK(light.edges.completion == 1);
  // A hundred times the calls: the same requests wait in the cluster's queue.
  const Joint heavy = at(100);
  CHECK(heavy.cluster.arrived == heavy.edges.calls);
  CHECK(heavy.edges.cloud_time.p50 > 2 * light.edges.cloud_time.p50);
  CHECK(heavy.edges.completion < 1);
}

TEST_CASE("values that a serving system replaces are refused") {
  try {
    static_cast<void>(read(R"("cloud": {"quality": "benign"})", kServing));
    FAIL("a drawn cloud beside serving was accepted");
  } catch (const InputError& error) {
    CHECK(
        std::string(error.what()).starts_with("test: /edge/cloud/quality: expected nothing here"));
  }
}
