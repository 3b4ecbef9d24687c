#include "reports/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "reports/number_text.h"
#include "reports/shell_word.h"
#include "reports/student_interval.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

/// What a planner compares first.
const std::vector<std::string> kUsualColumns = {"slo.joint", "latency.ttft.p99", "latency.tpot.p99",
                                                "throughput.output_tokens", "cost.usd_per_hour"};

struct Column {
  std::string head, unit;
  std::size_t metric;
};

std::vector<Column> columns_of(const SweepResults& results, const SweepTableOptions& options) {
  std::vector<Column> columns;
  for (const std::string& name : options.metrics.empty() ? kUsualColumns : options.metrics) {
    const std::size_t metric = metric_index(results, name);
    if (metric == results.metrics.size()) continue;
    columns.push_back({short_head(name), results.metrics[metric].unit, metric});
  }
  return columns;
}

/// "123.4" or "123.4 ±1.2".
std::string interval_text(const StudentInterval& interval) {
  if (interval.count == 0) return "-";
  if (interval.count == 1 || !(interval.half_width > 0)) return significant(interval.mean, 4);
  return significant(interval.mean, 4) + " ±" + significant(interval.half_width, 2);
}

const SweepCell& first_cell(const SweepResults& results, std::size_t point) {
  return results.cells[point * results.seeds.size()];
}

/// "met", "MISSED 2/5", "does not fit", ... over the seeds of a point.
std::string verdict_of(const SweepResults& results, std::size_t point) {
  std::size_t ran = 0, missed = 0;
  for (std::size_t s = 0; s < results.seeds.size(); ++s) {
    const SweepCell& cell = results.cells[point * results.seeds.size() + s];
    if (cell.status != CellStatus::ran) return to_string(cell.status);
    ++ran;
    if (cell.verdict == "MISSED" || cell.verdict == "missed") ++missed;
  }
  if (missed == 0) return first_cell(results, point).verdict;
  return ran == 1 ? "MISSED" : fmt::format("MISSED {}/{}", missed, ran);
}

struct TextTable {
  std::vector<std::vector<std::string>> rows;
  std::size_t left = 0;  ///< so many leading columns are aligned to the left

  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
      widths.resize(std::max(widths.size(), row.size()), 0);
      for (std::size_t i = 0; i < row.size(); ++i) {
        widths[i] = std::max(widths[i], display_width(row[i]));
      }
    }
    std::string out;
    for (const auto& row : rows) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) line += "  ";
        line += i < left ? left_cell(row[i], widths[i]) : right_cell(row[i], widths[i]);
      }
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    }
    return out;
  }
};

constexpr std::size_t kWidestCell = 24;

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c == '\n' || c == '\r' ? ' ' : c;
  }
  return quoted + "\"";
}

}  // namespace

const char* to_string(CellStatus status) {
  switch (status) {
    case CellStatus::ran:
      return "ran";
    case CellStatus::does_not_fit:
      return "does not fit";
    case CellStatus::invalid:
      return "invalid";
  }
  return "invalid";
}

CellStatus status_from(std::string_view word) {
  for (const CellStatus status : {CellStatus::ran, CellStatus::does_not_fit}) {
    if (word == to_string(status)) return status;
  }
  return CellStatus::invalid;
}

std::string short_path(const std::vector<std::string>& paths, const std::string& path) {
  const auto last = [](const std::string& text) { return text.substr(text.rfind('.') + 1); };
  const auto same = std::count_if(paths.begin(), paths.end(), [&](const std::string& other) {
    return last(other) == last(path);
  });
  return same == 1 ? last(path) : path;
}

std::size_t metric_index(const SweepResults& results, const std::string& name) {
  const auto it = std::find_if(results.metrics.begin(), results.metrics.end(),
                               [&](const SweepMetric& metric) { return metric.name == name; });
  return static_cast<std::size_t>(it - results.metrics.begin());
}

std::vector<double> values_at(const SweepResults& results, std::size_t point, std::size_t metric) {
  std::vector<double> values;
  for (std::size_t s = 0; s < results.seeds.size(); ++s) {
    const SweepCell& cell = results.cells[point * results.seeds.size() + s];
    values.push_back(metric < cell.values.size() ? cell.values[metric]
                                                 : std::numeric_limits<double>::quiet_NaN());
  }
  return values;
}

std::string cell_command(const SweepResults& results, const SweepCell& cell) {
  std::string command = "headroom run " + shell_word(results.scenario);
  for (std::size_t i = 0; i < results.paths.size(); ++i) {
    command += " --set " + shell_word(results.paths[i] + "=" + results.points[cell.point][i]);
  }
  return command + fmt::format(" --seed {}", cell.seed);
}

std::string sweep_table(const SweepResults& results, const SweepTableOptions& options) {
  const std::vector<Column> columns = columns_of(results, options);
  TextTable table;
  table.left = results.paths.size() + 1;
  std::vector<std::string> heads, units(table.left);
  for (const std::string& path : results.paths) {
    heads.push_back(shortened(short_path(results.paths, path), kWidestCell));
  }
  heads.emplace_back("verdict");
  for (const Column& column : columns) {
    heads.push_back(column.head);
    units.push_back(column.unit == "1" ? "" : column.unit);
  }
  table.rows = {heads, units};
  const std::size_t shown = std::min(options.most_rows, results.points.size());
  for (std::size_t p = 0; p < shown; ++p) {
    std::vector<std::string> row;
    for (const std::string& value : results.points[p]) row.push_back(shortened(value, kWidestCell));
    row.push_back(verdict_of(results, p));
    for (const Column& column : columns) {
      row.push_back(interval_text(student_interval(values_at(results, p, column.metric))));
    }
    table.rows.push_back(std::move(row));
  }
  std::string text = table.text();
  if (shown < results.points.size()) {
    text += fmt::format("... and {} points more: --rows, --csv, --json or --db have them\n",
                        results.points.size() - shown);
  }
  return text;
}

std::string sweep_csv(const SweepResults& results) {
  std::string text = "point,seed";
  for (const std::string& path : results.paths) text += "," + csv_field(path);
  text += ",status,verdict,why,id";
  for (const SweepMetric& metric : results.metrics) text += "," + csv_field(metric.name);
  text += "\n";
  for (const SweepCell& cell : results.cells) {
    text += fmt::format("{},{}", cell.point, cell.seed);
    for (const std::string& value : results.points[cell.point]) text += "," + csv_field(value);
    text += fmt::format(",{},{},{},{}", to_string(cell.status), csv_field(cell.verdict),
                        csv_field(cell.why), cell.id);
    for (std::size_t m = 0; m < results.metrics.size(); ++m) {
      const bool there = m < cell.values.size() && std::isfinite(cell.values[m]);
      text += there ? fmt::format(",{}", nine_digits(cell.values[m])) : ",";
    }
    text += "\n";
  }
  return text;
}

}  // namespace headroom
