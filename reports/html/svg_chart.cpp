#include "reports/html/svg_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reports/html/axis.h"
#include "reports/html/markup.h"
#include "reports/number_text.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

// After Okabe and Ito (2008), darkened where needed to stand out on white; told apart by most
// colour-blind readers.
constexpr std::array kColours{"#0072b2", "#d55e00", "#009e73", "#b8508f",
                              "#b07d00", "#3a9ccc", "#6b6b6b", "#8c6d31"};
constexpr const char* kInk = "#1a1d21";
constexpr const char* kSoft = "#5b6470";
constexpr const char* kLine = "#d9dee4";
constexpr double kLetter = 6.9;  // px, mean width of a letter of 12 px
constexpr double kLegendRow = 18;
constexpr std::size_t kLongestName = 40;

struct Colour {
  std::string name;  ///< class
  const char* value;
};

Colour colour_of(SeriesColour colour, std::size_t index) {
  switch (colour) {
    case SeriesColour::good:
      return {"good", "#00704d"};
    case SeriesColour::bad:
      return {"bad", "#b3261e"};
    case SeriesColour::quiet:
      return {"quiet", "#8a939e"};
    case SeriesColour::by_order:
      break;
  }
  const std::size_t i = index % kColours.size();
  return {fmt::format("c{}", i), kColours[i]};
}

double text_width(std::string_view text) {
  return kLetter * static_cast<double>(display_width(text));
}

struct Range {
  double least = INFINITY, most = -INFINITY;
  void add(double value, bool positive_only) {
    if (!std::isfinite(value) || (positive_only && !(value > 0))) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

/// Tops of stacked series: base and top of each point.
using Stack = std::vector<std::array<double, 2>>;

class Drawing {
 public:
  Drawing(const Chart& chart, const std::string& id) : chart_(chart), id_(id) {
    width_ = chart.width == ChartWidth::full ? 900 : chart.width == ChartWidth::half ? 520 : 360;
    find_stacks();
    lay_out_legend();
    height_ = natural_height() + legend_height_;
    lay_out_axes();
  }

  std::string draw() {
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
        "width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\" aria-label=\"{2}\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"12\">\n",
        width_, height_, html_text(description_of(chart_)));
    out_ += fmt::format(
        "<defs><clipPath id=\"{}-clip\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"/></clipPath></defs>\n",
        id_, left_, top_ - 2, right_ - left_ + 2, bottom_ - top_ + 4);
    draw_grid();
    out_ += fmt::format("<g clip-path=\"url(#{}-clip)\">\n", id_);
    for (const ChartBand& band : chart_.bands) draw_band(band);
    for (std::size_t i = 0; i < chart_.series.size(); ++i) draw_series(i);
    out_ += "</g>\n";
    for (const ChartMark& mark : chart_.marks) draw_mark(mark);
    draw_legend();
    return out_ + "</svg>\n";
  }

 private:
  [[nodiscard]] double natural_height() const {
    if (chart_.rows()) return 62 + 30 * static_cast<double>(chart_.y.categories.size());
    return chart_.width == ChartWidth::third ? 220 : 270;
  }

  /// Base and top of every point, in data units; lines stand on nothing.
  void find_stacks() {
    std::vector<double> tops;
    for (const ChartSeries& series : chart_.series) {
      Stack stack;
      const bool stacked = series.style == SeriesStyle::area || series.style == SeriesStyle::bar;
      if (tops.size() < series.points.size()) tops.resize(series.points.size(), 0);
      for (std::size_t i = 0; i < series.points.size(); ++i) {
        const ChartPoint& p = series.points[i];
        const double value = chart_.bars() ? p.x : p.y;
        if (!stacked) {
          stack.push_back({value, value});
          continue;
        }
        // A bar names its category by y; bars of one series come in the order of categories.
        const double base = tops[i];
        if (std::isfinite(value)) tops[i] += value;
        stack.push_back({base, tops[i]});
      }
      stacks_.push_back(std::move(stack));
    }
  }

  void lay_out_legend() {
    if (!has_legend()) return;
    double x = 0, rows = 1;
    for (const std::string& name : legend_names()) {
      const double wide = 32 + text_width(shortened(name, kLongestName));
      if (x > 0 && x + wide > width_ - 24) {
        x = 0;
        ++rows;
      }
      legend_.push_back({x, (rows - 1) * kLegendRow});
      x += wide;
    }
    legend_height_ = rows * kLegendRow + 6;
  }
  [[nodiscard]] bool has_legend() const { return chart_.series.size() + chart_.bands.size() > 1; }
  [[nodiscard]] std::vector<std::string> legend_names() const {
    std::vector<std::string> names;
    for (const ChartSeries& series : chart_.series) names.push_back(series.name);
    for (const ChartBand& band : chart_.bands) names.push_back(band.name);
    return names;
  }

  void lay_out_axes() {
    const bool x_log = chart_.x.scale == AxisScale::logarithmic;
    const bool y_log = chart_.y.scale == AxisScale::logarithmic;
    Range x, y;
    for (std::size_t s = 0; s < chart_.series.size(); ++s) {
      const ChartSeries& series = chart_.series[s];
      for (std::size_t i = 0; i < series.points.size(); ++i) {
        Range& stacked = chart_.bars() ? x : y;
        const bool log = chart_.bars() ? x_log : y_log;
        stacked.add(stacks_[s][i][1], log);
        if (series.style == SeriesStyle::area || series.style == SeriesStyle::bar) {
          stacked.add(0, log);
        }
        if (!chart_.bars()) x.add(series.points[i].x, x_log);
      }
    }
    for (const ChartMark& mark : chart_.marks) {
      mark.axis == ChartMark::Across::x ? x.add(mark.at, x_log) : y.add(mark.at, y_log);
    }
    top_ = legend_height_ + (chart_.rows() || chart_.y.name.empty() ? 8 : 24);
    for (const ChartMark& mark : chart_.marks) {
      if (mark.axis != ChartMark::Across::x) continue;
      top_ += 16;
      break;
    }
    bottom_ = height_ - (chart_.x.name.empty() ? 22 : 42);
    right_ = width_ - 18;
    const int rows = std::max(2, static_cast<int>((bottom_ - top_) / 36));
    y_axis_.emplace(chart_.y, y.least, y.most, chart_.rows() ? 1000 : rows);
    double widest = 0;
    for (const AxisTick& tick : y_axis_->ticks()) {
      widest = std::max(widest, text_width(shortened(tick.label, kLongestName)));
    }
    left_ = std::min(widest + 14, width_ * 0.4);
    x_axis_.emplace(chart_.x, x.least, x.most,
                    std::max(2, static_cast<int>((right_ - left_) / 70)));
  }

  [[nodiscard]] double at_x(double value) const {
    return left_ + x_axis_->place(value) * (right_ - left_);
  }
  /// Categories of bars are listed from the top.
  [[nodiscard]] double at_y(double value) const {
    const double place = y_axis_->place(value);
    return chart_.rows() ? top_ + place * (bottom_ - top_) : bottom_ - place * (bottom_ - top_);
  }

  /// What stands on zero stands on the axis where that has no zero.
  [[nodiscard]] double base_y(double value) const {
    const double y = at_y(value);
    return std::isfinite(y) ? y : bottom_;
  }

  void line(double x1, double y1, double x2, double y2, std::string_view how) {
    out_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1,
                        y1, x2, y2, how);
  }
  void text(double x, double y, const char* anchor, const char* colour, const char* css,
            const std::string& content) {
    out_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" fill=\"{}\" class=\"{}\">{}</text>\n",
        x, y, anchor, colour, css, html_text(content));
  }

  void draw_grid() {
    const std::string grid = fmt::format("stroke=\"{}\" class=\"grid\"", kLine);
    for (const AxisTick& tick : y_axis_->ticks()) {
      const double y = at_y(tick.at);
      if (!chart_.rows()) line(left_, y, right_, y, grid);
      text(left_ - 8, y + 4, "end", kSoft, "soft", shortened(tick.label, kLongestName));
    }
    double free_from = -1e9;
    for (const AxisTick& tick : x_axis_->ticks()) {
      const double x = at_x(tick.at), half = text_width(tick.label) / 2;
      line(x, top_, x, bottom_, grid);
      if (x - half < free_from) continue;
      const bool ends = x + half > width_ - 2;
      text(ends ? width_ - 2 : x, bottom_ + 16, ends ? "end" : "middle", kSoft, "soft",
           shortened(tick.label, 16));
      free_from = x + half + 6;
    }
    const std::string axis = fmt::format("stroke=\"{}\" class=\"axis\"", kSoft);
    line(left_, bottom_, right_, bottom_, axis);
    if (!chart_.x.name.empty()) {
      text(right_, height_ - 8, "end", kInk, "ink", chart_.x.name);
    }
    if (!chart_.rows() && !chart_.y.name.empty()) {
      text(0, legend_height_ + 12, "start", kInk, "ink", chart_.y.name);
    }
  }

  void draw_band(const ChartBand& band) {
    std::string path;
    const auto go = [&](const ChartPoint& p) {
      const double x = at_x(p.x), y = at_y(p.y);
      if (!std::isfinite(x) || !std::isfinite(y)) return;
      path += fmt::format("{}{:.1f},{:.1f}", path.empty() ? "M" : "L", x, y);
    };
    for (const ChartPoint& p : band.from) go(p);
    for (std::size_t i = band.to.size(); i-- > 0;) go(band.to[i]);
    if (path.empty()) return;
    out_ += fmt::format("<path d=\"{}Z\" fill=\"{}\" fill-opacity=\"0.18\" class=\"band\"/>\n",
                        path, kColours[0]);
  }

  void draw_series(std::size_t index) {
    const ChartSeries& series = chart_.series[index];
    const Colour colour = colour_of(series.colour, index);
    out_ += fmt::format("<g class=\"series {}\">\n", colour.name);
    switch (series.style) {
      case SeriesStyle::line:
      case SeriesStyle::step:
        draw_line(series, colour);
        break;
      case SeriesStyle::area:
        draw_area(series, stacks_[index], colour);
        break;
      case SeriesStyle::points:
        draw_points(series, colour);
        break;
      case SeriesStyle::bar:
        draw_bars(series, stacks_[index], colour);
        break;
    }
    out_ += "</g>\n";
  }

  void draw_line(const ChartSeries& series, const Colour& colour) {
    std::string path;
    bool pen_down = false;
    double last_y = 0;
    for (const ChartPoint& p : series.points) {
      const double x = at_x(p.x), y = at_y(p.y);
      if (!std::isfinite(x) || !std::isfinite(y)) {
        pen_down = false;
        continue;
      }
      if (pen_down && series.style == SeriesStyle::step)
        path += fmt::format("L{:.1f},{:.1f}", x, last_y);
      path += fmt::format("{}{:.1f},{:.1f}", pen_down ? "L" : "M", x, y);
      pen_down = true;
      last_y = y;
    }
    if (path.empty()) return;
    out_ += fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" stroke-linejoin=\"round\" "
        "class=\"stroke\"/>\n",
        path, colour.value);
  }

  void draw_area(const ChartSeries& series, const Stack& stack, const Colour& colour) {
    std::string upper, lower;
    const auto drawn = [&](std::size_t i) {
      return std::isfinite(at_x(series.points[i].x)) && std::isfinite(at_y(stack[i][1]));
    };
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      if (!drawn(i)) continue;
      upper += fmt::format("{}{:.1f},{:.1f}", upper.empty() ? "M" : "L", at_x(series.points[i].x),
                           at_y(stack[i][1]));
    }
    for (std::size_t i = series.points.size(); i-- > 0;) {
      if (!drawn(i)) continue;
      lower += fmt::format("L{:.1f},{:.1f}", at_x(series.points[i].x), base_y(stack[i][0]));
    }
    if (upper.empty()) return;
    out_ += fmt::format("<path d=\"{}{}Z\" fill=\"{}\" fill-opacity=\"0.85\" class=\"fill\"/>\n",
                        upper, lower, colour.value);
  }

  void draw_points(const ChartSeries& series, const Colour& colour) {
    for (const ChartPoint& p : series.points) {
      const double x = at_x(p.x), y = at_y(p.y);
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      out_ += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" fill-opacity=\"0.8\" "
          "class=\"fill\"><title>{}</title></circle>\n",
          x, y, colour.value, html_text(p.label.empty() ? series.name : p.label));
    }
  }

  void draw_bars(const ChartSeries& series, const Stack& stack, const Colour& colour) {
    for (std::size_t i = 0; i < series.points.size(); ++i) {
      const double from = at_x(stack[i][0]), to = at_x(stack[i][1]), y = at_y(series.points[i].y);
      if (!std::isfinite(from) || !std::isfinite(to) || !std::isfinite(y) || !(to > from)) continue;
      const double value = series.points[i].x;
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"20\" fill=\"{}\" "
          "class=\"fill\"><title>{}: {}</title></rect>\n",
          from, y - 10, std::max(0.5, to - from - 1), colour.value, html_text(series.name),
          chart_.x.percent ? percent(value) : significant(value));
    }
  }

  void draw_mark(const ChartMark& mark) {
    const Colour colour = colour_of(mark.colour, 0);
    out_ += fmt::format("<g class=\"series {}\">\n", colour.name);
    mark.axis == ChartMark::Across::x ? draw_mark_x(mark, colour) : draw_mark_y(mark, colour);
    out_ += "</g>\n";
  }

  void mark_line(double x1, double y1, double x2, double y2, const Colour& colour) {
    line(x1, y1, x2, y2,
         fmt::format("stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"5 3\" "
                     "class=\"stroke\"",
                     colour.value));
  }
  /// Grey lines may be pale, words not.
  void mark_text(double x, double y, const char* anchor, const ChartMark& mark) {
    const bool quiet = mark.colour == SeriesColour::quiet;
    text(x, y, anchor, quiet ? kSoft : colour_of(mark.colour, 0).value, quiet ? "soft" : "fill",
         mark.label);
  }

  void draw_mark_x(const ChartMark& mark, const Colour& colour) {
    const double x = at_x(mark.at);
    if (!std::isfinite(x)) return;
    mark_line(x, top_ - 2, x, bottom_, colour);
    const bool late = x > (left_ + right_) / 2;
    mark_text(late ? x + 2 : x - 2, top_ - 6, late ? "end" : "start", mark);
  }

  void draw_mark_y(const ChartMark& mark, const Colour& colour) {
    const double y = at_y(mark.at);
    if (!std::isfinite(y)) return;
    mark_line(left_, y, right_, y, colour);
    // Shares that matter are high and late on an axis: there is room below them at its start.
    if (chart_.y.percent) return mark_text(left_ + 6, y + 14, "start", mark);
    mark_text(right_ - 2, y < top_ + 16 ? y + 14 : y - 5, "end", mark);
  }

  void draw_legend() {
    if (!has_legend()) return;
    const std::vector<std::string> names = legend_names();
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto [x, y] = legend_[i];
      const bool band = i >= chart_.series.size();
      const Colour colour =
          band ? Colour{"band", kColours[0]} : colour_of(chart_.series[i].colour, i);
      out_ += fmt::format(
          "<g class=\"series {}\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" "
          "rx=\"2\" fill=\"{}\"{} class=\"fill\"/></g>\n",
          colour.name, x, y + 1, colour.value, band ? " fill-opacity=\"0.18\"" : "");
      text(x + 17, y + 11, "start", kInk, "ink", shortened(names[i], kLongestName));
    }
  }

  const Chart& chart_;
  const std::string& id_;
  std::string out_;
  double width_ = 0, height_ = 0, legend_height_ = 0;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  std::vector<std::array<double, 2>> legend_;
  std::vector<Stack> stacks_;
  std::optional<PlotAxis> x_axis_, y_axis_;
};

}  // namespace

std::string svg_chart(const Chart& chart, const std::string& id) {
  return Drawing(chart, id).draw();
}

}  // namespace headroom
