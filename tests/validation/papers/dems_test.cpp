// What DEMS, DEMS-A and GEMS are reported to gain, on published tasks and assumed clouds.
//
// Raj et al., "Adaptive heuristics for scheduling DNN inferencing on edge and cloud for
// personalized UAV fleets", arXiv 2412.20860: up to 88 % of tasks in time, up to 2.7 times the
// utility of baselines, a further 16 % for DEMS-A where the cloud varies, up to 75 % more QoE
// utility for GEMS, over 80 drones. Neither its traces of clouds and networks nor its tables by
// workload are published, so that "up to" is compared with the best cell of a small grid here, and
// the bands accept a direction of that size, not the amount. `headroom edge compare drones` has the
// whole grid, where the orders also fail.
#include <algorithm>
#include <string>

#include "sim/cli/edge_assemble.h"
#include "sim/edge_scenario_reader.h"
#include "tests/catch.h"
#include "tests/validation/papers.h"

using namespace headroom;

namespace {

constexpr int kSeeds = 5;

struct Setting {
  std::string policy, load, cloud;
  int drones = 0;
  int sites = 7;
};

struct Mean {
  double completion = 0, tasks = 0, windows = 0;
};

Mean mean_of(const Setting& setting) {
  Mean mean;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    const std::string text = "{\"seed\": " + std::to_string(seed) + ", \"edge\": {\"policy\": \"" +
                             setting.policy + "\", \"load\": \"" + setting.load +
                             "\", \"cloud\": \"" + setting.cloud +
                             "\", \"fleet\": {\"sites\": " + std::to_string(setting.sites) +
                             ", \"drones\": " + std::to_string(setting.drones) + "}}}";
    const LoadedEdgeScenario loaded = read_edge_scenario({"papers", text, {}});
    const auto assembly = assemble_edges(loaded.scenario);
    const EdgeSummary summary = summarise_edges(simulate_edges(assembly->setup),
                                                edge_report_context(loaded.scenario, *assembly));
    mean.completion += summary.completion / kSeeds;
    mean.tasks += summary.task_utility / kSeeds;
    mean.windows += summary.window_utility / kSeeds;
  }
  return mean;
}

/// The largest of `figure` over 2, 3 and 4 drones a site.
template <class Figure>
double best(Figure figure) {
  double most = 0;
  for (const int drones : {2, 3, 4}) most = std::max(most, figure(drones));
  return most;
}

double least_baseline() {
  double least = mean_of({"edge-fifo", "heavy", "benign", 3}).tasks;
  for (const char* policy : {"edge-edf", "edge-sjf", "edge-hpf", "edge-huf", "cloud-only"}) {
    least = std::min(least, mean_of({policy, "heavy", "benign", 3}).tasks);
  }
  return least;
}

}  // namespace

TEST_CASE("DEMS, DEMS-A and GEMS gain in the published direction where the paper says they do") {
  const auto dems = [](const char* load, const char* cloud, int drones) {
    return mean_of({"dems", load, cloud, drones});
  };
  papers::published(
      {"DEMS", "tasks in time, up to, %", "HEAVY, 2-4 drones, benign cloud", "88",
       papers::Band::within(88, 5),
       100 * best([&](int drones) { return dems("heavy", "benign", drones).completion; })});
  papers::published({"DEMS",
                     "utility over baselines, up to, x",
                     "HEAVY, 3 drones, benign cloud",
                     "2.7",
                     {2, 4},
                     dems("heavy", "benign", 3).tasks / least_baseline()});
  papers::published({"DEMS",
                     "DEMS-A's utility over DEMS's, %",
                     "MEDIUM, 2-4 drones, degraded",
                     "16",
                     {10, 60},
                     100 * best([&](int drones) {
                       return mean_of({"dems-a", "medium", "degraded", drones}).tasks /
                                  dems("medium", "degraded", drones).tasks -
                              1;
                     })});
  papers::published({"DEMS",
                     "GEMS's QoE utility over DEMS's, up to, %",
                     "MEDIUM, 2-4 drones, degraded",
                     "75",
                     {35, 115},
                     100 * best([&](int drones) {
                       return mean_of({"gems", "medium", "degraded", drones}).windows /
                                  dems("medium", "degraded", drones).windows -
                              1;
                     })});
  papers::published({"DEMS", "tasks in time with 84 drones, %", "HEAVY, 21 sites x 4, benign", "88",
                     papers::Band::within(88, 5),
                     100 * mean_of({"dems", "heavy", "benign", 4, 21}).completion});
}
