#include "reports/html/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/math.h"

namespace headroom {
namespace {

constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();

double log10_of(double value) { return portable_log(value) / portable_log(10.0); }
double power_of_ten(int exponent) {
  double value = 1;
  for (int i = 0; i < std::abs(exponent); ++i) value *= 10;
  return exponent < 0 ? 1 / value : value;
}

/// 1, 2 or 5 times a power of ten, at least `rough`.
double nice_step(double rough) {
  const double unit = power_of_ten(static_cast<int>(std::floor(log10_of(rough))));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * unit >= rough * (1 - 1e-9)) return factor * unit;
  }
  return 10 * unit;
}

/// Short and exact for a tick that is a multiple of `step`.
std::string tick_text(double value, double step, bool percent) {
  const double scale = percent ? 100 : 1;
  const double shown = std::fabs(value) < step / 1e6 ? 0 : value * scale;
  const std::string unit = percent ? " %" : "";
  const double size = std::max(std::fabs(shown), step * scale);
  for (const auto& [divisor, suffix] : {std::pair{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "k"}}) {
    if (size < divisor || percent) continue;
    const double by = divisor == 1e4 ? 1e3 : divisor;
    return fmt::format("{:.6g}{}", shown / by, shown == 0 ? "" : suffix);
  }
  if (size < 1e-4) return fmt::format("{:.3g}{}", shown, unit);
  return fmt::format("{:.6g}{}", shown, unit);
}

}  // namespace

PlotAxis::PlotAxis(const ChartAxis& axis, double least, double most, int room)
    : scale_(axis.scale) {
  if (!std::isfinite(least) || !std::isfinite(most) || least > most) {
    least = axis.scale == AxisScale::logarithmic ? 1 : 0;
    most = axis.scale == AxisScale::logarithmic ? 10 : 1;
  }
  if (axis.scale == AxisScale::linear) linear(axis, least, most, room);
  if (axis.scale == AxisScale::logarithmic) logarithmic(axis, least, most, room);
  if (axis.scale == AxisScale::category) categories(axis, room);
}

void PlotAxis::linear(const ChartAxis& axis, double least, double most, int room) {
  if (axis.least) least = *axis.least;
  if (axis.most) most = *axis.most;
  if (!(most > least)) {
    const double pad = least == 0 ? 1 : std::fabs(least) * 0.1;
    most = least + pad;
    if (!axis.least) least -= pad;
  }
  double step = nice_step((most - least) / std::max(1, room));
  if (axis.whole) step = std::max(step, 1.0);
  const double first = std::ceil(least / step - 1e-9), last = std::floor(most / step + 1e-9);
  // An end that nobody fixed moves out to the next tick.
  least_ = axis.least ? least : std::floor(least / step + 1e-9) * step;
  most_ = axis.most ? most : std::ceil(most / step - 1e-9) * step;
  const double from = axis.least ? first : least_ / step, to = axis.most ? last : most_ / step;
  for (double k = std::floor(from + 0.5); k <= to + 0.5 && ticks_.size() < 100; k += 1) {
    if (k * step < least_ - step * 1e-6 || k * step > most_ + step * 1e-6) continue;
    ticks_.push_back({k * step, tick_text(k * step, step, axis.percent)});
  }
}

void PlotAxis::logarithmic(const ChartAxis& axis, double least, double most, int room) {
  if (axis.least) least = *axis.least;
  if (axis.most) most = *axis.most;
  most = std::clamp(most, 1e-300, 1e300);
  least = std::clamp(least, std::max(1e-300, most / 1e12), most);
  if (most < least * 1.5) {
    least /= 1.3;
    most *= 1.3;
  }
  least_ = log10_of(least);
  most_ = log10_of(most);
  const int from = static_cast<int>(std::floor(least_)), to = static_cast<int>(std::ceil(most_));
  const int decades = to - from;
  const bool between = 3 * decades <= 2 * room;  // 2 and 5 are labelled too
  const int every = std::max(1, (decades + room - 1) / room);
  for (int d = from; d <= to; ++d) {
    for (const int factor : {1, 2, 5}) {
      const double at = factor * power_of_ten(d), log = log10_of(at);
      if (log < least_ - 1e-9 || log > most_ + 1e-9) continue;
      const bool labelled = factor == 1 ? (d - from) % every == 0 : between;
      if (!labelled) continue;
      ticks_.push_back({at, tick_text(at, at, axis.percent)});
    }
  }
}

void PlotAxis::categories(const ChartAxis& axis, int room) {
  const std::size_t count = std::max<std::size_t>(1, axis.categories.size());
  least_ = -0.5;
  most_ = static_cast<double>(count) - 0.5;
  const auto fit = static_cast<std::size_t>(std::max(1, room));
  const std::size_t every = (count + fit - 1) / fit;
  for (std::size_t i = 0; i < axis.categories.size(); i += every) {
    ticks_.push_back({static_cast<double>(i), axis.categories[i]});
  }
}

double PlotAxis::place(double value) const {
  if (!std::isfinite(value)) return kNowhere;
  if (scale_ == AxisScale::logarithmic) {
    if (!(value > 0)) return kNowhere;
    value = log10_of(value);
  }
  return (value - least_) / (most_ - least_);
}

}  // namespace headroom
