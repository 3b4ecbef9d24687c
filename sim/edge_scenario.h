// A scenario of edge sites as data: what `headroom run` is asked where a file holds "edge". Read
// from JSON by sim/edge_scenario_reader.h.
//
// Plain values with units; no behaviour. Traces are opened later, where they live.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/edge_cloud.h"
#include "sim/edge_task.h"
#include "sim/scenario.h"
#include "sim/units.h"

namespace headroom {

/// When the drones of a site send their segments.
enum class FleetPhase : std::uint8_t {
  random,    ///< each drone somewhere within the first segment
  together,  ///< all at once
  even,      ///< spread evenly over a segment
};

/// Drones that send a video segment at a time, each segment a task of every type.
struct FleetSpec {
  std::uint64_t sites = 1;
  std::uint64_t drones = 3;  ///< a site
  Duration duration{300'000'000'000};
  Duration segment{1'000'000'000};
  std::uint64_t frames = 1;  ///< a segment; expected times are for one
  FleetPhase phase = FleetPhase::random;
  bool shuffle = true;  ///< the tasks of a segment come in random order; else as listed
  Duration stay{0};     ///< then a drone moves to the next site; 0: it stays where it is
  DroneLink link{};     ///< for tasks that are split between drone and edge
  /// Path of a trace of its bandwidth, a split chosen for each segment; empty: it is constant.
  std::string link_trace;
};

struct EdgeScenario {
  std::string name;
  std::string file;  ///< where it was read from
  std::uint64_t seed = 1;
  PolicyChoice policy{"dems", {}, {}};
  std::string load = "heavy";  ///< name in edge_loads(); empty: `types` were written out
  std::vector<EdgeTaskType> types;
  FleetSpec fleet;
  std::string trace;  ///< path of a trace of tasks, instead of the fleet; empty: none
  std::string device = "jetson-nano";
  DistributionSpec edge_factor{};  ///< actual over expected time at the edge
  std::string latency_trace;       ///< measured latencies instead of the law's shape; empty: none
  Watts busy_power{0}, idle_power{0};
  std::string quality = "benign";  ///< name in cloud_qualities()
  EdgeCloudSetup cloud;
  std::string network_trace;            ///< path; empty: none
  Bytes memory{std::int64_t{1} << 30};  ///< of a function in the cloud
  Usd call_price{0};
  Usd gigabyte_second_price{0};
  DistributionSpec loss_spread{DistributionSpec::Kind::constant, 1};
  DistributionSpec loss_prediction{DistributionSpec::Kind::constant, 1};
  Duration window{20'000'000'000};
  /// A serving system that answers the calls in the same run, instead of `quality`; its workload is
  /// not used.
  std::optional<Scenario> serving{};
  std::string digest;  ///< xxh3-64 of the effective scenario, hex
};

}  // namespace headroom
