#include "reports/sparkline.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace headroom {

std::string sparkline(std::span<const double> values, double top, std::size_t columns) {
  constexpr std::string_view kLevels = ".,:;-=+*#@";
  const std::size_t width = std::min(columns, values.size());
  std::string line;
  for (std::size_t column = 0; column < width; ++column) {
    // Proportional bounds: each column takes its share of the points, at least one.
    const std::size_t from = column * values.size() / width;
    const std::size_t to = (column + 1) * values.size() / width;
    double sum = 0;
    for (std::size_t i = from; i < to; ++i) sum += values[i];
    const double value = sum / static_cast<double>(to - from);
    if (!(value > 0) || !(top > 0)) {
      line += ' ';
      continue;
    }
    const double level = std::ceil(value / top * static_cast<double>(kLevels.size()));
    const double clamped = std::clamp(level, 1.0, static_cast<double>(kLevels.size()));
    line += kLevels[static_cast<std::size_t>(clamped) - 1];
  }
  return line;
}

}  // namespace headroom
