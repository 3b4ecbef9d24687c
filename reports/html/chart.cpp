#include "reports/html/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/html/markup.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

const char* name_of(AxisScale scale) {
  constexpr const char* kNames[] = {"linear", "log", "category"};
  return kNames[static_cast<std::size_t>(scale)];
}
const char* name_of(SeriesStyle style) {
  constexpr const char* kNames[] = {"line", "step", "area", "points", "bar"};
  return kNames[static_cast<std::size_t>(style)];
}
const char* name_of(SeriesColour colour) {
  constexpr const char* kNames[] = {"", "good", "bad", "quiet"};
  return kNames[static_cast<std::size_t>(colour)];
}

std::string axis_json(const ChartAxis& axis) {
  std::string out =
      fmt::format("{{\"name\":{},\"scale\":\"{}\",\"percent\":{},\"whole\":{}",
                  json_text(axis.name), name_of(axis.scale), axis.percent, axis.whole);
  if (axis.least) out += ",\"least\":" + json_number(*axis.least);
  if (axis.most) out += ",\"most\":" + json_number(*axis.most);
  if (!axis.categories.empty()) {
    out += ",\"categories\":[";
    for (std::size_t i = 0; i < axis.categories.size(); ++i) {
      out += (i == 0 ? "" : ",") + json_text(axis.categories[i]);
    }
    out += ']';
  }
  return out + '}';
}

std::string points_json(const std::vector<ChartPoint>& points) {
  std::string out = "[";
  for (std::size_t i = 0; i < points.size(); ++i) {
    const ChartPoint& p = points[i];
    out += fmt::format("{}[{},{}{}]", i == 0 ? "" : ",", json_number(p.x), json_number(p.y),
                       p.label.empty() ? "" : "," + json_text(p.label));
  }
  return out + "]";
}

std::string range_text(const ChartAxis& axis, double least, double most) {
  const auto text = [&](double value) {
    return axis.percent ? percent(value) : significant(value);
  };
  return text(least) + " to " + text(most);
}

}  // namespace

const char* name_of(ChartWidth width) {
  constexpr const char* kNames[] = {"third", "half", "full"};
  return kNames[static_cast<std::size_t>(width)];
}

std::string description_of(const Chart& chart) {
  std::string out = chart.title + ".";
  if (!chart.caption.empty()) out += " " + chart.caption;
  const ChartAxis& values = chart.rows() ? chart.x : chart.y;
  for (const ChartSeries& series : chart.series) {
    double least = INFINITY, most = -INFINITY;
    for (const ChartPoint& point : series.points) {
      const double value = chart.rows() ? point.x : point.y;
      if (!std::isfinite(value)) continue;
      least = std::min(least, value);
      most = std::max(most, value);
    }
    out += " " + series.name + ": ";
    out += least <= most ? range_text(values, least, most) + "." : "no values.";
  }
  for (const ChartMark& mark : chart.marks) out += " " + mark.label + ".";
  return out;
}

std::string chart_json(const Chart& chart) {
  std::string out = fmt::format("{{\"title\":{},\"bars\":{},\"width\":\"{}\"",
                                json_text(chart.title), chart.bars(), name_of(chart.width));
  if (!chart.group.empty()) out += ",\"group\":" + json_text(chart.group);
  out += ",\"x\":" + axis_json(chart.x) + ",\"y\":" + axis_json(chart.y) + ",\"series\":[";
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& s = chart.series[i];
    out += fmt::format("{}{{\"name\":{},\"style\":\"{}\",\"colour\":\"{}\",\"points\":",
                       i == 0 ? "" : ",", json_text(s.name), name_of(s.style), name_of(s.colour));
    out += points_json(s.points) + '}';
  }
  out += "],\"bands\":[";
  for (std::size_t i = 0; i < chart.bands.size(); ++i) {
    const ChartBand& band = chart.bands[i];
    out += fmt::format("{}{{\"name\":{},\"from\":{},\"to\":{}}}", i == 0 ? "" : ",",
                       json_text(band.name), points_json(band.from), points_json(band.to));
  }
  out += "],\"marks\":[";
  for (std::size_t i = 0; i < chart.marks.size(); ++i) {
    const ChartMark& mark = chart.marks[i];
    out += fmt::format("{}{{\"axis\":\"{}\",\"at\":{},\"label\":{},\"colour\":\"{}\"}}",
                       i == 0 ? "" : ",", mark.axis == ChartMark::Across::x ? "x" : "y",
                       json_number(mark.at), json_text(mark.label), name_of(mark.colour));
  }
  return out + "]}";
}

}  // namespace headroom
