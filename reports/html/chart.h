// A chart as data: what the SVG of the page's first layer and the script of its third both draw.
//
// Law: one description, two drawings; neither computes a figure.
// Not here: drawing (svg_chart.h, reports/assets/charts.js), text around it (page.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headroom {

enum class AxisScale : std::uint8_t { linear, logarithmic, category };

struct ChartAxis {
  std::string name;  ///< with its unit: "TTFT, ms"
  AxisScale scale = AxisScale::linear;
  std::optional<double> least{}, most{};  ///< by the data where left out
  std::vector<std::string> categories{};  ///< values are indices into these
  bool percent = false;                   ///< values are shares
  bool whole = false;                     ///< values are counts
};

enum class SeriesStyle : std::uint8_t {
  line,
  step,    ///< a value holds until the next
  area,    ///< stacked on the areas before
  points,  ///< not joined
  bar,     ///< of the chart's horizontal bars, stacked on the bars before
};

struct ChartPoint {
  double x = 0, y = 0;  ///< not finite: a gap
  std::string label{};  ///< of this point, where it has a name
};

/// Colours by meaning where there is one, else by order.
enum class SeriesColour : std::uint8_t { by_order, good, bad, quiet };

struct ChartSeries {
  std::string name;
  SeriesStyle style = SeriesStyle::line;
  std::vector<ChartPoint> points;
  SeriesColour colour = SeriesColour::by_order;
};

/// The area between two lines.
struct ChartBand {
  std::string name;
  std::vector<ChartPoint> from, to;
};

/// A straight line across, such as a limit.
struct ChartMark {
  enum class Across : std::uint8_t { x, y } axis = Across::x;  ///< which value is fixed
  double at = 0;
  std::string label;
  SeriesColour colour = SeriesColour::bad;
};

enum class ChartWidth : std::uint8_t { third, half, full };
/// As style sheet and script know it.
[[nodiscard]] const char* name_of(ChartWidth width);

struct Chart {
  std::string title;
  std::string caption{};  ///< how to read it, one sentence
  ChartAxis x, y;         ///< of horizontal bars: x the values, y the categories
  std::vector<ChartSeries> series{};
  std::vector<ChartBand> bands{};
  std::vector<ChartMark> marks{};
  ChartWidth width = ChartWidth::half;
  std::string group{};  ///< charts of one group zoom together

  [[nodiscard]] bool bars() const {
    return !series.empty() && series.front().style == SeriesStyle::bar;
  }
  /// A category a row, listed from the top.
  [[nodiscard]] bool rows() const { return y.scale == AxisScale::category; }
};

/// What the chart shows, in words, for those who do not see it.
[[nodiscard]] std::string description_of(const Chart& chart);

/// The chart as JSON for the page's script.
[[nodiscard]] std::string chart_json(const Chart& chart);

}  // namespace headroom
