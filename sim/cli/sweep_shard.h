// One chunk's results as a file: lines of JSON, the last one a digest of those before.
//
// Law: a file of a final name is whole, or reading it is an InputError; a chunk's bytes are a
// function of the plan and the chunk's number, so whoever writes it twice writes the same.
// Not here: which chunks there are (sim/cli/sweep_folder.h).
#pragma once

#include <string>
#include <vector>

#include "reports/sweep.h"

namespace headroom {

struct SweepShard {
  std::string sweep;  ///< digest of the plan
  std::size_t chunk = 0;
  std::vector<SweepMetric> metrics;  ///< that its cells index
  std::vector<SweepCell> cells;
};

[[nodiscard]] std::string shard_text(const SweepShard& shard);
/// Throws InputError{where} unless `text` is whole and of this version.
[[nodiscard]] SweepShard read_shard(const std::string& text, const std::string& where);

}  // namespace headroom
