// Policies of edge sites compared over a grid of loads, fleets and clouds, over the same seeds.
//
// Law: intervals are Student's t over the seeds, 95 %, two-sided; differences are paired, for every
// policy meets the same arrivals and the same actual times. A published claim holds in a cell where
// the interval of its difference lies above zero, fails where it lies below, else it is open.
// Cost: linear in cells.
// Not here: running them (sim/cli/edge_compare.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom {

/// Load of cells whose tasks are the scenario's own.
constexpr const char* kOwnLoad = "own";

/// One policy in one cell of the grid; a value a seed.
struct ComparedPolicy {
  std::string policy;
  std::vector<double> completion;      ///< shares
  std::vector<double> task_utility;    ///< points
  std::vector<double> window_utility;  ///< points
  std::vector<double> cost_usd;
  std::vector<double> loss{};  ///< mean of answers in time; all 0 where answers have no quality
};

struct ComparedCell {
  std::string load, cloud;
  std::uint64_t drones = 0;  ///< a site; 0: a trace
  std::uint64_t sites = 1;
  std::vector<ComparedPolicy> policies;
};

struct EdgeComparison {
  std::string title;
  std::uint64_t seeds = 0, first_seed = 1;
  std::string reference;  ///< policy that differences are taken to; empty: none of it is there
  std::vector<ComparedCell> cells;
};

/// One table, then what it says about the published ordering, in counts and in sentences, and the
/// published headlines beside the same figures. At most 80 columns.
[[nodiscard]] std::string edge_comparison_text(const EdgeComparison& comparison);
/// One CSV line a cell and policy, with means and half widths.
[[nodiscard]] std::string edge_comparison_csv(const EdgeComparison& comparison);

}  // namespace headroom
