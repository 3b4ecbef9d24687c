// What reports, run databases and sweeps keep of runs, read back for comparisons and histories.
//
// A `RecordSet` is one scenario under one setting: runs that differ in their seed alone.
// Law: a file is read whole or is one InputError naming it and the way out. What an older file does
// not say is empty, never guessed.
// Not here: writing (reports/json_report.h, run_database.h, sweep.h), comparing
// (reports/comparison.h).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/metric_list.h"
#include "reports/summary.h"
#include "reports/sweep.h"

namespace headroom {

struct RunRecord {
  std::uint64_t seed = 0;
  CellStatus status = CellStatus::ran;
  std::string verdict;  ///< of the service level: met, missed, not set, no requests
  std::string scenario_digest, cost_digest, decision_digest;
  std::string workload_digest;  ///< of the requests that came; empty: not all of them were served
  std::vector<NamedMetric> metrics;
  DecisionCheckpoints checkpoints;  ///< of reports alone

  /// nullptr where there is no such figure.
  [[nodiscard]] const NamedMetric* find(std::string_view metric) const;
};

struct RecordSet {
  std::string name;  ///< of the scenario, and of its point where a sweep has several
  std::string tool_version;
  std::string label;                  ///< what `--label` said: a commit, a date
  std::vector<RecordedInput> inputs;  ///< effective values but for the seed; empty: not known
  std::string document;               ///< the scenario to run again; empty: not known
  std::vector<std::string> gates;     ///< of the scenario
  std::vector<RunRecord> runs;        ///< by seed, each seed once
};

struct RecordFile {
  std::string name;  ///< as the caller named it
  std::vector<RecordSet> sets;
};

/// Reads what `source` names: a JSON report, a sweep as JSON, a database of runs (the newest runs
/// of each scenario; FILE#3 or FILE#3-7 for runs by number) or of a sweep, a folder of JSON files,
/// or "-" for standard input. Throws InputError.
[[nodiscard]] RecordFile read_records(const std::string& source);

// Parts of it, by kind of file. Each throws InputError{shown}.
// -----------------------------------------------------------------------------------------------
[[nodiscard]] std::vector<RecordSet> json_records(const std::string& text,
                                                  const std::string& shown);
/// Runs of a database of runs, oldest first, one set each; all of them, or `first` to `last`.
[[nodiscard]] std::vector<RecordSet> database_runs(
    const std::string& path, std::int64_t first = 1,
    std::int64_t last = std::numeric_limits<std::int64_t>::max());
[[nodiscard]] std::vector<RecordSet> sweep_database_records(const std::string& path);
[[nodiscard]] std::vector<RecordSet> sweep_records(const SweepResults& results);

}  // namespace headroom
