// The results of many runs of one scenario under different settings and seeds.
//
// `SweepResults` is what every output of a sweep is made from: a point is one setting of the swept
// keys, a cell one point under one seed. Points of one sweep share their seeds, so that differences
// between points are paired (common random numbers).
// Law: cells stand in order of point, then seed, whatever order they ran in; every point and seed
// has exactly one.
// Not here: running them (sim/cli/sweep_run.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/metric_list.h"
#include "reports/summary.h"

namespace headroom {

enum class CellStatus : std::uint8_t {
  ran,
  does_not_fit,  ///< the answer is no: `SweepCell::why`
  invalid,       ///< these settings are no scenario: `SweepCell::why`
};
[[nodiscard]] const char* to_string(CellStatus status);
/// The one called `word`; invalid where none is.
[[nodiscard]] CellStatus status_from(std::string_view word);

struct SweepMetric {
  std::string name;
  std::string unit;
  Better better = Better::neither;
  [[nodiscard]] bool operator==(const SweepMetric&) const = default;
};

struct SweepCell {
  std::size_t point = 0;
  std::uint64_t seed = 0;
  /// Of what was asked: effective scenario and version; equal ids must have equal results.
  std::string id;
  CellStatus status = CellStatus::ran;
  std::string verdict;  ///< of the service level, where it ran
  std::string why;      ///< one line, where it did not
  std::string scenario_digest, cost_digest, decision_digest;
  std::string workload_digest{};  ///< as `Summary::workload_digest`
  std::vector<double> values;     ///< by index in `SweepResults::metrics`; NaN: no such figure
};

struct SweepResults {
  std::string scenario;  ///< as the caller named it
  std::string tool_version;
  std::string digest;                            ///< of what was asked
  std::vector<RecordedInput> inputs{};           ///< effective values of the first point
  std::vector<std::string> gates{};              ///< of the scenario, for `headroom compare`
  std::vector<std::string> paths;                ///< swept keys
  std::vector<std::vector<std::string>> points;  ///< a value for each path
  std::vector<std::uint64_t> seeds;
  std::vector<SweepMetric> metrics;
  std::vector<SweepCell> cells;  ///< point * seeds + index of the seed
};

/// Index of the metric called `name`; the number of metrics where there is none.
[[nodiscard]] std::size_t metric_index(const SweepResults& results, const std::string& name);

/// The values of one metric at one point, a value a seed; NaN where a cell has none.
[[nodiscard]] std::vector<double> values_at(const SweepResults& results, std::size_t point,
                                            std::size_t metric);

/// "replicas" for "deployment.replicas", where no other of the swept `paths` ends so.
[[nodiscard]] std::string short_path(const std::vector<std::string>& paths,
                                     const std::string& path);

/// The command that repeats one cell.
[[nodiscard]] std::string cell_command(const SweepResults& results, const SweepCell& cell);

struct SweepTableOptions {
  std::vector<std::string> metrics{};  ///< columns; empty: the usual ones
  std::size_t most_rows = 40;
};
/// At most 80 columns unless keys are many: a line a point, in the order of the points.
[[nodiscard]] std::string sweep_table(const SweepResults& results,
                                      const SweepTableOptions& options);

/// A line a cell: swept keys, seed, status, then every metric.
[[nodiscard]] std::string sweep_csv(const SweepResults& results);

/// "HDSW", by which a file is told from other SQLite files.
constexpr std::int64_t kSweepDatabaseId = 0x48445357;
constexpr std::int64_t kSweepDatabaseVersion = 2;

/// Writes all of it as a SQLite database, complete under its name or not at all. The same results
/// give the same bytes. Throws InputError.
void write_sweep_database(const std::string& path, const SweepResults& results);

}  // namespace headroom
