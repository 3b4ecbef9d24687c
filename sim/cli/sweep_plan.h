// What a sweep asks: a scenario, the settings of its swept keys, and seeds; as the caller wrote it
// and as a file that every worker reads.
//
// Law: a cell is a function of the plan and its number; the same call gives the same plan, byte for
// byte, so that a folder can be told to hold this sweep or another.
// Not here: running cells (sim/cli/sweep_run.h), where shards lie (sim/cli/sweep_folder.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/cli/command_line.h"
#include "sim/scenario_reader.h"

namespace headroom {

/// A key and the values it takes.
struct SweepAxis {
  std::string path;  ///< dotted, as with --set
  std::vector<std::string> values;
};

/// "KEY=a,b,c" split at commas outside quotes and brackets. Throws InputError{flag}.
[[nodiscard]] SweepAxis parse_axis(const std::string& text, const std::string& flag);

/// Every combination, the last axis running fastest; one empty point where there are no axes.
[[nodiscard]] std::vector<std::vector<std::string>> grid_points(const std::vector<SweepAxis>& axes);

/// `count` different combinations drawn at random, in the order of the grid; all where there are no
/// more. A function of its arguments.
[[nodiscard]] std::vector<std::vector<std::string>> sampled_points(
    const std::vector<SweepAxis>& axes, std::size_t count, std::uint64_t seed);

constexpr std::size_t kMostCells = 200'000;  ///< more are refused: the plan is read whole

struct SweepPlan {
  ScenarioText base;               ///< with the overrides that hold for all cells
  std::vector<std::string> paths;  ///< swept keys
  std::vector<std::vector<std::string>> points;
  std::vector<std::uint64_t> seeds;
  std::size_t chunk_cells = 16;  ///< cells a shard holds
  std::string tool_version;

  [[nodiscard]] std::size_t cells() const { return points.size() * seeds.size(); }
  [[nodiscard]] std::size_t chunks() const { return (cells() + chunk_cells - 1) / chunk_cells; }
};

/// The plan of a call of `headroom sweep`. Throws InputError: unknown keys, too many cells, a
/// malformed axis or list.
[[nodiscard]] SweepPlan sweep_plan(const Invocation& call);

/// The scenario of one cell. Throws InputError where its settings are none.
[[nodiscard]] LoadedScenario cell_scenario(const SweepPlan& plan, std::size_t cell);

/// As a JSON document, and back. Reading throws InputError{where}.
[[nodiscard]] std::string plan_text(const SweepPlan& plan);
[[nodiscard]] SweepPlan read_plan(const std::string& text, const std::string& where);
/// Fingerprint of `plan_text`, whatever its chunk size.
[[nodiscard]] std::string plan_digest(const SweepPlan& plan);

}  // namespace headroom
