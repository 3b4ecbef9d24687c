// Running the chunks of a sweep: one by one, or on the threads of this process.
//
// Law: a failing cell is a row with its reason. A chunk's results do not depend on who runs it or
// what ran before; compiled costs are shared, which changes nothing but time.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "sim/cli/cost_cache.h"
#include "sim/cli/sweep_folder.h"

namespace headroom {

/// Runs one cell; its values are appended to `shard`. False when `stop` ended it early.
[[nodiscard]] bool run_cell(const SweepPlan& plan, std::size_t cell, CostCache& costs,
                            const std::atomic<bool>* stop, SweepShard& shard);

/// Runs a chunk and adds its shard to the folder. False when `stop` ended it early: nothing added.
[[nodiscard]] bool run_chunk(const SweepFolder& folder, std::size_t chunk, CostCache& costs,
                             const std::atomic<bool>* stop,
                             const std::function<void()>& after_cell = {});

struct SweepRunOptions {
  int jobs = 1;
  const std::atomic<bool>* stop = nullptr;
  /// Called about once a second with the cells done and to do.
  std::function<void(std::size_t done, std::size_t all)> progress{};
};
/// Runs these chunks on threads. Throws the first InputError of any of them (a full disk).
void run_chunks(const SweepFolder& folder, const std::vector<std::size_t>& chunks,
                const SweepRunOptions& options);

}  // namespace headroom
