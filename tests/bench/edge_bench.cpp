// Speed and memory of edge sites, one core: 10,000 sites x 4 drones x 300 s are 12 million video
// segments, each a task of every model of the load.
//
//   bench_edge         all loads, one row each; fails beyond 60 s of CPU or 2 GiB
//   bench_edge LOAD    one of light, medium, heavy
//
// Figures are CPU seconds of reading, simulating and summing up; the peak memory is the process's,
// which grows from row to row only.
#include <sys/resource.h>

#include <cstdio>
#include <string>

#include "sim/cli/edge_assemble.h"
#include "sim/edge_presets.h"
#include "sim/edge_scenario_reader.h"

using namespace headroom;

namespace {

constexpr double kMostSeconds = 60;
constexpr double kMostMebibytes = 2048;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

/// False where a load takes more than it may.
bool run_load(const std::string& load) {
  const double start = cpu_seconds();
  const LoadedEdgeScenario loaded =
      read_edge_scenario({"bench",
                          "{\"edge\": {\"load\": \"" + load +
                              R"(", "fleet": {"sites": 10000, "drones": 4, "duration": "300 s"}}})",
                          {}});
  const auto assembly = assemble_edges(loaded.scenario);
  const EdgeSummary summary = summarise_edges(simulate_edges(assembly->setup),
                                              edge_report_context(loaded.scenario, *assembly));
  const double seconds = cpu_seconds() - start;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double mebibytes = static_cast<double>(usage.ru_maxrss) / 1024.0;
  std::printf("%-8s %10llu %8.2f %12.0f %10.1f\n", load.c_str(),
              static_cast<unsigned long long>(summary.generated), seconds,
              static_cast<double>(summary.generated) / seconds, mebibytes);
  return seconds <= kMostSeconds && mebibytes <= kMostMebibytes;
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%-8s %10s %8s %12s %10s\n", "load", "tasks", "cpu s", "tasks/s", "peak MiB");
  bool fast = true;
  bool known = false;
  for (const EdgeLoad& load : edge_loads()) {
    if (argc > 1 && load.name != argv[1]) continue;
    known = true;
    fast = run_load(std::string(load.name)) && fast;
  }
  if (!known) std::fprintf(stderr, "usage: bench_edge [light|medium|heavy]\n");
  return !known ? 2 : fast ? 0 : 1;
}
