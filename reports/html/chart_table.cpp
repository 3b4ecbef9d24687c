// The twin of a chart: its values as a table.
#include <cmath>

#include "reports/html/page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::size_t kMostRows = 25;
constexpr std::size_t kMostPoints = 250;

std::string value_text(const ChartAxis& axis, double value) {
  if (!std::isfinite(value)) return "-";
  if (axis.scale == AxisScale::category) {
    const auto index = static_cast<std::size_t>(value);
    return index < axis.categories.size() ? axis.categories[index] : "-";
  }
  return axis.percent ? percent(value) : significant(value);
}

bool share_x(const Chart& chart) {
  const std::vector<ChartPoint>& first = chart.series.front().points;
  for (const ChartSeries& series : chart.series) {
    if (series.points.size() != first.size()) return false;
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (series.points[i].x != first[i].x || !series.points[i].label.empty()) return false;
    }
  }
  return true;
}

std::vector<std::string> names_after(const std::string& first, const Chart& chart) {
  std::vector<std::string> names{first};
  for (const ChartSeries& series : chart.series) names.push_back(series.name);
  return names;
}

/// A row a shared x, or a category; every so many where there are too many.
void fill_shared(const Chart& chart, PageTable& table) {
  const bool bars = chart.bars();
  const std::vector<ChartPoint>& first = chart.series.front().points;
  const std::size_t every = (first.size() + kMostRows - 1) / kMostRows;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (every > 1 && i % every != 0 && i + 1 != first.size()) continue;
    std::vector<std::string> row{bars ? value_text(chart.y, first[i].y)
                                      : value_text(chart.x, first[i].x)};
    for (const ChartSeries& series : chart.series) {
      const ChartPoint& p = series.points[i];
      row.push_back(bars ? value_text(chart.x, p.x) : value_text(chart.y, p.y));
    }
    table.rows.push_back(std::move(row));
  }
}

void fill_points(const Chart& chart, PageTable& table) {
  for (const ChartSeries& series : chart.series) {
    std::size_t left = kMostPoints;
    const std::size_t every = series.style == SeriesStyle::points
                                  ? 1
                                  : (series.points.size() + kMostRows - 1) / kMostRows;
    for (std::size_t i = 0; i < series.points.size() && left > 0; ++i) {
      if (every > 1 && i % every != 0 && i + 1 != series.points.size()) continue;
      const ChartPoint& p = series.points[i];
      table.rows.push_back({p.label.empty() ? series.name : p.label, value_text(chart.x, p.x),
                            value_text(chart.y, p.y)});
      --left;
    }
  }
}

}  // namespace

PageTable table_of(const Chart& chart) {
  PageTable table{chart.title, {}, {}, {}};
  if (chart.series.empty()) return table;
  if (chart.bars() || share_x(chart)) {
    table.columns = names_after(chart.x.name, chart);
    fill_shared(chart, table);
  } else {
    table.columns = {"", chart.x.name, chart.y.name};
    fill_points(chart, table);
  }
  return table;
}

}  // namespace headroom
