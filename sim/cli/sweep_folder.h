// The folder in which a sweep grows: its plan, and a shard a finished chunk.
//
// Law: the folder is the truth about what is done; whoever runs chunks (threads, processes, a
// cluster) only adds shards under their final names, each whole. Killing any of them at any time
// loses the chunk in hand and nothing else.
// Not here: running cells (sim/cli/sweep_run.h).
#pragma once

#include <string>
#include <vector>

#include "reports/sweep.h"
#include "sim/cli/sweep_plan.h"
#include "sim/cli/sweep_shard.h"

namespace headroom {

class SweepFolder {
 public:
  /// Opens `path` for `plan`, creating it where it is not there. One that holds this very sweep
  /// keeps its own chunk size. Throws InputError where it holds another or cannot be written.
  SweepFolder(std::string path, SweepPlan plan);
  /// Opens a folder that a sweep started. Throws InputError where there is none.
  explicit SweepFolder(std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const SweepPlan& plan() const { return plan_; }
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] std::string shard_path(std::size_t chunk) const;

  /// Chunks without a shard, in order.
  [[nodiscard]] std::vector<std::size_t> missing() const;
  /// Makes a chunk's shard durable. One that is there must be the same bytes: InputError naming it.
  void add(const SweepShard& shard) const;
  /// All results. Throws InputError where a chunk is missing, torn, of another sweep, or where
  /// cells of one id disagree, naming the files.
  [[nodiscard]] SweepResults merge() const;
  /// Deletes the folder, if it holds nothing but what a sweep writes.
  void remove() const;

 private:
  [[nodiscard]] SweepShard load(std::size_t chunk) const;

  std::string path_;
  SweepPlan plan_;
  std::string digest_;
};

}  // namespace headroom
