// Where an axis begins, ends and is labelled.
//
// Law: ticks ascend, lie within the range and are few enough to read; every finite value of the
// data lies within the range (of a logarithmic axis: every positive one).
#pragma once

#include <string>
#include <vector>

#include "reports/html/chart.h"

namespace headroom {

struct AxisTick {
  double at = 0;
  std::string label;
};

/// A resolved axis: data to the unit interval.
class PlotAxis {
 public:
  /// Of `axis` for data from `least` to `most`; `room` is how many labels fit, at least 2.
  PlotAxis(const ChartAxis& axis, double least, double most, int room);
  /// 0 at the start of the axis, 1 at its end; not finite for what has no place on it.
  [[nodiscard]] double place(double value) const;
  [[nodiscard]] const std::vector<AxisTick>& ticks() const { return ticks_; }

 private:
  void linear(const ChartAxis& axis, double least, double most, int room);
  void logarithmic(const ChartAxis& axis, double least, double most, int room);
  void categories(const ChartAxis& axis, int room);

  AxisScale scale_;
  double least_ = 0, most_ = 1;  ///< of a logarithmic axis: logarithms
  std::vector<AxisTick> ticks_;
};

}  // namespace headroom
