// Comparisons as one HTML page: what changed, by how much, and whether it got worse.
//
// Law: every figure and word is Comparison's; the verdict in one sentence stands first, the worst
// figures before others, inputs and digests last. One page for one base and any number of
// candidates.
#pragma once

#include <string>
#include <vector>

#include "reports/comparison.h"
#include "reports/html/chart.h"

namespace headroom {

/// `comparisons` share their base; at least one.
[[nodiscard]] std::string comparison_page(const std::vector<Comparison>& comparisons);

/// "Worse than base.json: latency.ttft.p99 was 612 ms, is 701 ms (+14.5 %)...; 1 worse, ...".
[[nodiscard]] std::string comparison_answer(const std::vector<Comparison>& comparisons);

/// Changes relative to the base with their intervals, a row a figure, worst first.
[[nodiscard]] Chart change_chart(const SetComparison& set);

/// The parts of the mean latency on both sides, a bar each; without series where none is known.
[[nodiscard]] Chart part_chart(const SetComparison& set);

}  // namespace headroom
