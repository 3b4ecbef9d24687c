#include "reports/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "reports/gate.h"
#include "reports/number_text.h"
#include "reports/sparkline.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kSparkColumns = 60;
constexpr double kPrice = 3;
/// Median of |normal|: 0.6745 of its standard deviation.
constexpr double kMedianNormal = 0.6744897501960817;
/// Differences below this share of the figures are rounding of the ninth digit.
constexpr double kRounding = 1e-8;

/// Variance of the noise, from the median absolute difference of neighbours (twice the variance).
double noise_variance(std::span<const double> values) {
  std::vector<double> gaps;
  double size = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    size = std::max(size, std::abs(values[i]));
    if (i > 0) gaps.push_back(std::abs(values[i] - values[i - 1]));
  }
  std::sort(gaps.begin(), gaps.end());
  const double deviation = gaps[(gaps.size() - 1) / 2] / kMedianNormal;
  const double least = kRounding * size;
  return std::max(deviation * deviation / 2, least * least);
}

/// Squared errors of any piece around its mean, in O(1).
class Pieces {
 public:
  explicit Pieces(std::span<const double> values) : sums_(1, 0), squares_(1, 0) {
    // Around the first value, so that squares of large figures lose no digits.
    for (const double value : values) {
      const double from = value - values.front();
      sums_.push_back(sums_.back() + from);
      squares_.push_back(squares_.back() + from * from);
    }
  }
  [[nodiscard]] double error(std::size_t begin, std::size_t end) const {
    const double sum = sums_[end] - sums_[begin];
    const double squares = squares_[end] - squares_[begin];
    return std::max(0.0, squares - sum * sum / static_cast<double>(end - begin));
  }

 private:
  std::vector<double> sums_, squares_;
};

double mean_of(const std::vector<HistoryPoint>& points, std::size_t begin, std::size_t end) {
  double sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += points[i].value;
  return sum / static_cast<double>(end - begin);
}

void find_steps(History& history) {
  std::vector<double> values;
  for (const HistoryPoint& point : history.points) values.push_back(point.value);
  std::vector<std::size_t> starts = change_points(values);
  std::size_t before = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : values.size();
    HistoryStep step{starts[i], mean_of(history.points, before, starts[i]),
                     mean_of(history.points, starts[i], end)};
    if (history.better != Better::neither) {
      const bool rose = step.after > step.before;
      step.way = rose == (history.better == Better::higher) ? HistoryStep::Way::better
                                                            : HistoryStep::Way::worse;
    }
    before = starts[i];
    history.steps.push_back(step);
  }
}

std::string spark_of(const History& history) {
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  for (const HistoryPoint& point : history.points) {
    least = std::min(least, point.value);
    most = std::max(most, point.value);
  }
  std::vector<double> heights;
  // The lowest stays visible; a flat course is a flat line.
  const double room = most > least ? (most - least) / 8 : 1;
  for (const HistoryPoint& point : history.points) heights.push_back(point.value - least + room);
  return fmt::format("  [{}]  {} to {} {}\n",
                     sparkline(heights, most - least + room, kSparkColumns), significant(least),
                     significant(most), history.unit);
}

void add_history(std::string& text, const History& history, std::size_t rows) {
  const std::size_t steps = history.steps.size();
  text +=
      fmt::format("{}, {}: {} points, {} change{}\n", shortened(printable(history.scenario), 30),
                  history.metric, history.points.size(), steps, steps == 1 ? "" : "s");
  text += spark_of(history);
  for (const HistoryStep& step : history.steps) {
    text +=
        fmt::format("  {} {} {} -> {} ({}) {}\n", left_cell("level from", 11),
                    left_cell(name_of(history.points[step.point]), 20), significant(step.before),
                    significant(step.after), change_text(step), to_string(step.way));
  }
  const std::size_t first = history.points.size() - std::min(rows, history.points.size());
  for (std::size_t i = first; i < history.points.size(); ++i) {
    const HistoryPoint& point = history.points[i];
    text += fmt::format("  {} {} {} {}\n", left_cell(name_of(point), 32),
                        right_cell(significant(point.value, 6), 14), left_cell(history.unit, 8),
                        point.runs > 1 ? fmt::format("{} runs", point.runs) : "");
    text.erase(text.find_last_not_of(" \n") + 1);
    text += "\n";
  }
}

}  // namespace

std::string name_of(const HistoryPoint& point) {
  return point.label.empty() ? fmt::format("run {}", point.first_run) : point.label;
}

std::string change_text(const HistoryStep& step) {
  if (step.before == 0) return "from 0";
  const double share = (step.after - step.before) / std::abs(step.before) * 100;
  return fmt::format("{}{} %", share < 0 ? "-" : "+", significant(std::abs(share), 3));
}

const char* to_string(HistoryStep::Way way) {
  return way == HistoryStep::Way::worse ? "WORSE" : way == HistoryStep::Way::better ? "better" : "";
}

std::vector<std::size_t> change_points(std::span<const double> values) {
  if (values.size() < 2) return {};
  const Pieces pieces(values);
  const double price =
      kPrice * static_cast<double>(std::bit_width(values.size())) * noise_variance(values);
  // best[i]: least cost of the first i values; begin[i]: where its last piece starts.
  std::vector<double> best(values.size() + 1, 0);
  std::vector<std::size_t> begin(values.size() + 1, 0);
  for (std::size_t end = 1; end <= values.size(); ++end) {
    best[end] = std::numeric_limits<double>::infinity();
    for (std::size_t start = 0; start < end; ++start) {
      const double cost = best[start] + pieces.error(start, end) + (start > 0 ? price : 0);
      if (cost < best[end]) {
        best[end] = cost;
        begin[end] = start;
      }
    }
  }
  std::vector<std::size_t> starts;
  for (std::size_t end = values.size(); begin[end] > 0; end = begin[end]) {
    starts.push_back(begin[end]);
  }
  std::reverse(starts.begin(), starts.end());
  return starts;
}

std::vector<History> histories(const std::vector<RecordSet>& runs, const std::string& metric,
                               const std::string& scenario) {
  const std::string name = full_metric_name(metric);
  std::vector<History> all;
  std::int64_t number = 0;
  for (const RecordSet& set : runs) {
    ++number;
    const NamedMetric* figure = set.runs.front().find(name);
    if (figure == nullptr || (!scenario.empty() && set.name != scenario)) continue;
    auto it = std::find_if(all.begin(), all.end(),
                           [&](const History& known) { return known.scenario == set.name; });
    if (it == all.end()) {
      it = all.insert(all.end(), History{set.name, name, figure->unit, figure->better, {}, {}});
    }
    std::vector<HistoryPoint>& points = it->points;
    const bool joins = !points.empty() && !set.label.empty() && points.back().label == set.label &&
                       points.back().version == set.tool_version;
    if (!joins) points.push_back({set.label, set.tool_version, number, 0, 0});
    HistoryPoint& point = points.back();
    ++point.runs;
    point.value += (figure->value - point.value) / static_cast<double>(point.runs);
  }
  std::sort(all.begin(), all.end(),
            [](const History& a, const History& b) { return a.scenario < b.scenario; });
  for (History& history : all) {
    if (history.points.size() > kMostHistoryPoints) {
      history.points.erase(history.points.begin(),
                           history.points.end() - static_cast<std::ptrdiff_t>(kMostHistoryPoints));
    }
    find_steps(history);
  }
  return all;
}

std::string history_console(const std::vector<History>& all, std::size_t rows) {
  std::string text;
  for (const History& history : all) {
    if (!text.empty()) text += "\n";
    add_history(text, history, rows);
  }
  return text;
}

}  // namespace headroom
