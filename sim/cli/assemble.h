// From a scenario to a running simulation and its report: the one place that joins all folders.
//
// Law: a scenario that cannot be is an InputError with its place; one whose model does not fit is
// an answer (`RunResult::does_not_fit`). Same scenario, same result, to the byte.
// Cost: compiling costs takes about 0.1 s a group, nothing where a cache has them.
// Not here: files and options (sim/cli/run.cpp), what policies decide.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "models/device.h"
#include "models/engine.h"
#include "models/memory.h"
#include "reports/summary.h"
#include "sim/cli/cost_cache.h"
#include "sim/cli/placement.h"
#include "sim/cost_model.h"
#include "sim/metrics.h"
#include "sim/request_source.h"
#include "sim/scenario.h"
#include "sim/simulation.h"

namespace headroom {

/// The nodes one replica spans.
struct ReplicaPlace {
  std::size_t pool = 0;  ///< index into `Assembly::nodes`
  std::int64_t first_node = 0;
  std::int64_t last_node = 0;
};

/// One replica group, resolved.
struct AssembledGroup {
  ReplicaGroupSpec spec;
  Device device;            ///< with the link bandwidth its tensor-parallel groups really have
  AttentionPool attention;  ///< no devices: attention runs on `device`
  EngineDescription engine;
  MemoryFit fit;
  Blocks kv_blocks{0};
  Blocks host_blocks{0};
  TierBlocks kept_below{};
  Bytes block_bytes{0};  ///< of one KV block, all GPUs of a replica
  Tokens max_model_len{0};
  std::vector<const CostModel*> costs;  ///< one, or one a pipeline stage (linear); of a cache
  std::string cost_sentence;
  std::string cost_digest;
  std::vector<ReplicaPlace> places;  ///< of the KV, by replica
  /// That hold a replica's KV.
  [[nodiscard]] std::int64_t kv_devices() const {
    return attention.there() ? attention.devices : spec.devices();
  }
};

/// A scenario, resolved: everything that the simulation points into.
struct Assembly {
  Architecture model;
  Precision precision;
  std::vector<AssembledGroup> groups;
  std::vector<NodePool> nodes;  ///< as the scenario lists them
  std::int64_t replicas = 0;
  std::int64_t gpus = 0;                   ///< used
  std::int64_t cluster_gpus = 0;           ///< there
  std::string does_not_fit;                ///< empty: everything fits
  std::unique_ptr<CostCache> own_costs{};  ///< where no cache was given
};

/// Resolves names, places devices, computes memory. Throws InputError. Compiles costs only if
/// everything fits; takes them from `costs` where that is given, which must outlive the assembly.
[[nodiscard]] Assembly assemble(const Scenario& scenario, CostCache* costs = nullptr);

/// The requests of a scenario. Throws InputError.
[[nodiscard]] std::unique_ptr<RequestSource> open_workload(const Scenario& scenario);

/// Ready to simulate but for sinks and stop flag. `assembly` and `source` must outlive the run.
/// Throws InputError.
[[nodiscard]] SimulationSetup make_setup(const Scenario& scenario, const Assembly& assembly,
                                         RequestSource& source);

/// Requests other than the scenario's: a source made of its own.
using EditSource =
    std::function<std::unique_ptr<RequestSource>(std::unique_ptr<RequestSource> source)>;

struct RunOptions {
  std::vector<MetricsSink*> sinks{};        ///< look on; outlive the run
  MilestoneSink* milestones = nullptr;      ///< looks on; outlives the run
  const std::atomic<bool>* stop = nullptr;  ///< ends the run early when it turns true
  RunCompression compression = RunCompression::on;
  CostCache* costs = nullptr;  ///< of runs before and after; outlives this one
  EditSource edit_source{};    ///< empty: the requests as they are
  /// Of two pools this group alone is judged: it meets as many replicas of the other as it likes,
  /// and KV moves in no time (sim/cli/pool_alone.h).
  std::optional<std::size_t> group_alone{};
  /// The run's clock goes so many times slower than that of start-up, failures and autoscalers.
  double slower = 1;
};

struct RunResult {
  std::string does_not_fit;  ///< the answer is no: why; then there are no metrics
  Metrics metrics;
  ReportContext context;
};

/// Runs a scenario. Throws InputError.
[[nodiscard]] RunResult run_scenario(const Scenario& scenario, const RunOptions& options = {});

}  // namespace headroom
