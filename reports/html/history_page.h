// A figure over the runs of a database as one HTML page: a chart a scenario, with the levels and
// where they changed, then the changes and the runs.
//
// Law: every figure is History's. Size does not grow beyond kMostHistoryPagePoints points over all
// scenarios, the newest of each, and the page says so where there are more.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reports/history.h"
#include "reports/html/chart.h"

namespace headroom {

constexpr std::size_t kMostHistoryPagePoints = 1500;

/// `source` is what was read, as the caller named it; `all` holds at least one course.
[[nodiscard]] std::string history_page(const std::vector<History>& all, const std::string& source);

/// "latency.ttft.p99 of chat: got worse at abc123, from 612.0 to 701.0 ms (+14.5 %); ...".
[[nodiscard]] std::string history_answer(const std::vector<History>& all);

/// The newest `points` of a course, its levels, and the first point of each new one.
[[nodiscard]] Chart history_chart(const History& history, std::size_t points);

}  // namespace headroom
