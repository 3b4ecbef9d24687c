// One figure over the runs of a database: its course, and where its level changed.
//
// A point is one run, or all neighbouring runs of one label (`headroom run --label`), their mean.
// Levels: the partition of the course into pieces of equal mean that is best under squared error
// plus a price for each piece (optimal partitioning, Jackson et al. 2005, with a price of
// 3 log2(n) variances, above that of the BIC). The variance is the median absolute difference of
// neighbours, which steps do not move. A simulator repeats itself exactly, so a course without
// noise has none, and every step of it is one.
// Law: the same database gives the same bytes.
// Cost: quadratic in points, of which there are at most kMostHistoryPoints, the newest.
// Not here: reading (reports/run_record.h), HTML (reports/html/history_page.h).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "reports/run_record.h"

namespace headroom {

constexpr std::size_t kMostHistoryPoints = 4096;

struct HistoryPoint {
  std::string label;           ///< empty: runs had none
  std::string version;         ///< of headroom
  std::int64_t first_run = 0;  ///< its number in the database
  std::size_t runs = 0;
  double value = 0;  ///< mean over its runs
};

/// A level begins at `point`.
struct HistoryStep {
  std::size_t point = 0;
  double before = 0, after = 0;  ///< means of the levels
  enum class Way : std::uint8_t { better, worse, other } way = Way::other;
};

struct History {
  std::string scenario, metric, unit;
  Better better = Better::neither;
  std::vector<HistoryPoint> points;
  std::vector<HistoryStep> steps;
};

/// First points of all levels but the first.
[[nodiscard]] std::vector<std::size_t> change_points(std::span<const double> values);

/// The course of `metric` (a name or a short one of reports/gate.h) in each scenario that has it,
/// by name; `scenario` empty: of all. `runs` are in order of time, as database_runs gives them.
[[nodiscard]] std::vector<History> histories(const std::vector<RecordSet>& runs,
                                             const std::string& metric,
                                             const std::string& scenario);

/// Its label, or "run 7".
[[nodiscard]] std::string name_of(const HistoryPoint& point);
/// "+14.5 %"; "from 0" where the level before was none.
[[nodiscard]] std::string change_text(const HistoryStep& step);
/// "WORSE", "better", or nothing.
[[nodiscard]] const char* to_string(HistoryStep::Way way);

/// A line of characters for each course, its levels, and its newest points; at most 80 columns.
[[nodiscard]] std::string history_console(const std::vector<History>& all, std::size_t rows);
[[nodiscard]] std::string history_json(const std::vector<History>& all);

}  // namespace headroom
