// Traces of edge sites: tasks, networks, measured latencies. CSV with a header, columns by name.
//
// - tasks: `arrival_s,site,drone,type` and perhaps `deadline_s` (absolute; the type's when left
//   out), `edge_ms`, `cloud_ms` (actual times; drawn when left out). Rows in any order.
// - network: `time_s` and `latency_ms`, `uplink_mbps` or both; each row holds until the next.
// - latencies: `inference_time` in seconds and perhaps `batch_size` (else all are of batch 1), as
//   public logs of Jetson boards have them; a header may recur.
// Law: any bytes give rows or one InputError `file:line:column`.
// Cost: linear; tasks are held in memory, 48 bytes each, at most kMostTraceTasks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/edge_cloud.h"
#include "sim/edge_task.h"
#include "sim/scenario.h"
#include "traces/line_reader.h"

namespace headroom {

constexpr std::uint64_t kMostTraceTasks = 50'000'000;
constexpr std::uint32_t kMostTraceSites = 1'000'000;

/// The tasks of a trace. Throws InputError; `types` outlives the workload.
[[nodiscard]] std::unique_ptr<EdgeWorkload> read_edge_tasks(LineReader reader,
                                                            const std::vector<EdgeTaskType>& types);

/// Throws InputError.
[[nodiscard]] std::vector<NetworkPoint> read_network_trace(LineReader reader);

struct MeasuredLatencies {
  Duration expected{0};    ///< their 95th percentile, for expected times are high percentiles
  DistributionSpec shape;  ///< each over the expected one
};

/// Latencies of batches of so many frames. Leading rows above twice the median belong to the start
/// of the model and are left out. Throws InputError for fewer than 10 rows of that batch.
[[nodiscard]] MeasuredLatencies read_latencies(LineReader reader, std::uint64_t batch);

}  // namespace headroom
