// Running a sweep's chunks as Slurm job arrays.
//
// Law: the shards in the folder are the truth, Slurm only lends processors: whatever it says, a
// chunk is done when its shard is there. Chunks that failed, were killed or went silent past their
// deadline are submitted again, each at most `attempts` times.
// Not here: what a task runs (headroom sweep worker).
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "sim/cli/sweep_folder.h"

namespace headroom {

struct SlurmOptions {
  const std::atomic<bool>* stop = nullptr;  ///< cancels the tasks and returns
  int most_tasks = 0;                       ///< of an array at a time; 0: as Slurm allows
  int attempts = 4;
  double poll_seconds = 1;
  double silence_seconds = 600;  ///< no new shard for so long: cancel and submit again
  std::function<void(const std::string&)> say{};
};

/// Throws InputError unless sbatch, squeue and scancel are here and a controller answers.
void check_slurm();

/// Cells a task should hold, by timing the first: 20 s of work, at most 1,000 tasks.
[[nodiscard]] std::size_t slurm_chunk_cells(const SweepPlan& plan);

/// Submits, watches and resubmits until every chunk is there or out of attempts.
void run_slurm(const SweepFolder& folder, const SlurmOptions& options);

/// "3,7-9,12" of sorted numbers, as --array takes them.
[[nodiscard]] std::string array_list(const std::vector<std::size_t>& numbers);

}  // namespace headroom
