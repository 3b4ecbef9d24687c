// Small multiples of a sweep.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "reports/html/sweep_page.h"
#include "reports/student_interval.h"

namespace headroom {
namespace {

constexpr std::size_t kMostLines = 8;

struct Shown {
  const char* metric;
  const char* title;
  const char* unit;
  AxisScale scale;
};
constexpr Shown kShown[] = {
    {"slo.joint", "Joint attainment", "", AxisScale::linear},
    {"latency.ttft.p99", "TTFT p99", "ms", AxisScale::logarithmic},
    {"latency.tpot.p99", "TPOT p99", "ms", AxisScale::logarithmic},
    {"throughput.goodput", "Goodput", "requests a second", AxisScale::linear},
    {"cost.usd_per_million_output_tokens", "Cost a million output tokens", "USD",
     AxisScale::linear},
    {"engine.busy", "Busy", "", AxisScale::linear},
};

/// Distinct values of one key, in the order in which they appear.
std::vector<std::string> values_of(const SweepResults& results, std::size_t key) {
  std::vector<std::string> values;
  for (const std::vector<std::string>& point : results.points) {
    if (std::find(values.begin(), values.end(), point[key]) == values.end()) {
      values.push_back(point[key]);
    }
  }
  return values;
}

struct NumberWithUnit {
  double number = 0;
  std::string unit;
};

std::optional<NumberWithUnit> number_of(const std::string& text) {
  NumberWithUnit value;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value.number);
  if (error != std::errc() || !std::isfinite(value.number)) return {};
  value.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// The swept key along the x axis: numbers of one unit, else categories.
class Along {
 public:
  Along(const std::string& path, const std::vector<std::string>& values)
      : path_(path), values_(values) {
    std::optional<std::string> unit;
    for (const std::string& text : values) {
      const auto value = number_of(text);
      if (!value || (unit && *unit != value->unit)) return;
      unit = value->unit;
    }
    numeric_ = true;
    unit_ = unit.value_or("");
  }
  [[nodiscard]] double place(const std::string& text) const {
    if (numeric_) return number_of(text)->number;
    return static_cast<double>(std::find(values_.begin(), values_.end(), text) - values_.begin());
  }
  [[nodiscard]] ChartAxis axis() const {
    ChartAxis axis{numeric_ && !unit_.empty() ? path_ + "," + unit_ : path_};
    if (numeric_) return axis;
    axis.scale = AxisScale::category;
    axis.categories = values_;
    return axis;
  }

 private:
  std::string path_;
  const std::vector<std::string>& values_;
  bool numeric_ = false;
  std::string unit_;
};

/// Which key goes where.
struct Layout {
  std::size_t along = 0;
  std::optional<std::size_t> lines{};
  std::vector<std::size_t> held{};
};

Layout layout_of(const std::vector<std::vector<std::string>>& values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return values[a].size() > values[b].size();
  });
  Layout layout{order[0]};
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (!layout.lines && values[order[i]].size() > 1) {
      layout.lines = order[i];
    } else if (values[order[i]].size() > 1) {
      layout.held.push_back(order[i]);
    }
  }
  return layout;
}

/// At most kMostLines of them, evenly spread, first and last among them.
std::vector<std::string> thinned(const std::vector<std::string>& values) {
  if (values.size() <= kMostLines) return values;
  std::vector<std::string> some;
  for (std::size_t i = 0; i < kMostLines; ++i) {
    some.push_back(values[i * (values.size() - 1) / (kMostLines - 1)]);
  }
  return some;
}

bool held_there(const SweepResults& results, const Layout& layout, std::size_t point,
                std::size_t best) {
  return std::all_of(layout.held.begin(), layout.held.end(), [&](std::size_t key) {
    return results.points[point][key] == results.points[best][key];
  });
}

}  // namespace

SmallMultiples small_multiples(const SweepResults& results, std::size_t best_point) {
  SmallMultiples out;
  if (results.paths.empty()) return out;
  std::vector<std::vector<std::string>> values;
  for (std::size_t k = 0; k < results.paths.size(); ++k) values.push_back(values_of(results, k));
  const Layout layout = layout_of(values);
  if (values[layout.along].size() < 2) return out;
  for (const std::size_t key : layout.held) {
    out.held += fmt::format("{}{} = {}", out.held.empty() ? "" : ", ", results.paths[key],
                            results.points[best_point][key]);
  }
  const Along along(results.paths[layout.along], values[layout.along]);
  const std::vector<std::string> lines =
      layout.lines ? thinned(values[*layout.lines]) : std::vector<std::string>{""};
  for (const Shown& shown : kShown) {
    const std::size_t metric = metric_index(results, shown.metric);
    if (metric == results.metrics.size()) continue;
    const bool share = results.metrics[metric].unit == "share";
    Chart chart{shown.title, {}, along.axis(), {shown.unit, shown.scale}};
    chart.y.percent = share;
    if (share) chart.y.most = 1;
    if (share || shown.scale == AxisScale::linear) chart.y.least = 0;
    chart.width = ChartWidth::third;
    chart.group = "sweep";
    for (const std::string& line : lines) {
      ChartSeries series{layout.lines ? line : shown.title, SeriesStyle::line, {}};
      for (std::size_t p = 0; p < results.points.size(); ++p) {
        if (layout.lines && results.points[p][*layout.lines] != line) continue;
        if (!held_there(results, layout, p, best_point)) continue;
        const StudentInterval mean = student_interval(values_at(results, p, metric));
        series.points.push_back(
            {along.place(results.points[p][layout.along]), mean.count > 0 ? mean.mean : NAN});
      }
      std::stable_sort(series.points.begin(), series.points.end(),
                       [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
      chart.series.push_back(std::move(series));
    }
    if (layout.lines) chart.caption = "A line a value of " + results.paths[*layout.lines] + ".";
    out.charts.push_back(std::move(chart));
  }
  return out;
}

}  // namespace headroom
