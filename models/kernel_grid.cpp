#include "models/kernel_grid.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace headroom {
namespace {

/// An axis holds beyond its edge for an octave before an answer counts as extrapolated.
constexpr double kNear = 1.0;

/// Binary logarithm, exact at powers of two and linear between: enough for weights.
double log2_of(double x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);  // in [1/2, 1)
  return exponent + 2 * mantissa - 2;
}

/// Two neighbours of a value on an axis and the weight of the upper one.
struct Bracket {
  std::size_t low = 0, high = 0;
  double weight = 0;
  double beyond = 0;  ///< octaves outside the axis
  bool exact = false;
  bool found = true;
};

template <class Axis, class Value, class Log>
Bracket bracket(const Axis& axis, double x, bool skip_exact, const Value& value,
                const Log& log_at) {
  const auto first = std::lower_bound(
      axis.begin(), axis.end(), x, [&](const auto& item, double at) { return value(item) < at; });
  const auto size = axis.size();
  auto high = static_cast<std::size_t>(first - axis.begin());
  Bracket found;
  const bool hit = high < size && value(axis[high]) == x;
  if (hit && !skip_exact) {
    found.low = found.high = high;
    found.exact = true;
    return found;
  }
  std::size_t low = high;  // one past the lower neighbour
  if (hit) ++high;
  if (low == 0 && high == size) {
    found.found = false;
    return found;
  }
  if (low == 0 || high == size) {
    found.low = found.high = low == 0 ? high : low - 1;
    found.beyond = std::fabs(log2_of(x) - log_at(axis[found.low]));
    return found;
  }
  found.low = low - 1;
  found.high = high;
  const double from = log_at(axis[found.low]), to = log_at(axis[high]);
  found.weight = to > from ? (log2_of(x) - from) / (to - from) : 0;
  return found;
}

GridAnswer blended(const Bracket& found, const GridAnswer& low, const GridAnswer& high,
                   double near) {
  if (!low.found || !high.found) return low.found ? low : high;
  GridAnswer answer;
  answer.found = true;
  answer.ratio = low.ratio + found.weight * (high.ratio - low.ratio);
  answer.exact = found.exact && low.exact;
  answer.inside = low.inside && high.inside && found.beyond <= near;
  return answer;
}

}  // namespace

void KernelGrid::add(const KernelPlace& place, double ratio, int rank) {
  loose_[place.family].push_back({place.group, place.at, rank, ratio});
}

void KernelGrid::insert(Family& family, const Loose& point) {
  if (family.empty() || family.back().key != point.group) family.push_back({point.group, {}});
  std::vector<Plane>& planes = family.back().planes;
  if (planes.empty() || planes.back().at != point.at[0])
    planes.push_back({point.at[0], log2_of(point.at[0]), {}});
  std::vector<Line>& lines = planes.back().lines;
  if (lines.empty() || lines.back().at != point.at[1])
    lines.push_back({point.at[1], log2_of(point.at[1]), {}, {}, {}});
  Line& line = lines.back();
  if (!line.sizes.empty() && line.sizes.back() == point.at[2]) return;
  line.sizes.push_back(point.at[2]);
  line.logs.push_back(log2_of(point.at[2]));
  line.ratios.push_back(point.ratio);
}

void KernelGrid::finish() {
  for (auto& [key, points] : loose_) {
    std::stable_sort(points.begin(), points.end(), [](const Loose& a, const Loose& b) {
      return std::tie(a.group, a.at, a.rank) < std::tie(b.group, b.at, b.rank);
    });
    Family& family = families_[key];
    for (const Loose& point : points) insert(family, point);
  }
  loose_.clear();
}

const KernelGrid::Group& KernelGrid::nearest(const Family& family, const KernelGroup& key,
                                             bool& near) {
  const Group* best = &family.front();
  double least = -1;
  for (const Group& group : family) {
    if (group.key == key) {
      near = true;
      return group;
    }
    double squared = 0;
    for (std::size_t i = 0; i < key.size(); ++i) {
      const double apart =
          log2_of(static_cast<double>(group.key[i] + 1)) - log2_of(static_cast<double>(key[i] + 1));
      squared += apart * apart;
    }
    if (least >= 0 && squared >= least) continue;
    least = squared;
    best = &group;
  }
  near = false;
  return *best;
}

GridAnswer KernelGrid::in_line(const Line& line, double size, LeaveOut out) {
  const auto first = std::lower_bound(line.sizes.begin(), line.sizes.end(), size);
  auto high = static_cast<std::size_t>(first - line.sizes.begin());
  const std::size_t low = high;
  const std::size_t count = line.sizes.size();
  GridAnswer answer;
  answer.found = true;
  const bool hit = high < count && line.sizes[high] == size;
  if (hit && out != LeaveOut::point) {
    answer.ratio = line.ratios[high];
    answer.exact = answer.inside = true;
    return answer;
  }
  if (hit) ++high;
  if (low == 0 && high == count) return {};
  if (low == 0 || high == count) {
    answer.ratio = line.ratios[low == 0 ? high : low - 1];
    return answer;
  }
  const double from = line.logs[low - 1], to = line.logs[high];
  const double weight = (log2_of(size) - from) / (to - from);
  answer.ratio = line.ratios[low - 1] + weight * (line.ratios[high] - line.ratios[low - 1]);
  answer.inside = true;
  return answer;
}

GridAnswer KernelGrid::in_plane(const Plane& plane, const KernelPlace& place, LeaveOut out) {
  const Bracket found = bracket(
      plane.lines, place.at[1], out == LeaveOut::site, [](const Line& l) { return l.at; },
      [](const Line& l) { return l.log; });
  if (!found.found) return {};
  const GridAnswer low = in_line(plane.lines[found.low], place.at[2], out);
  const GridAnswer high =
      found.high == found.low ? low : in_line(plane.lines[found.high], place.at[2], out);
  return blended(found, low, high, kNear);
}

GridAnswer KernelGrid::at(const KernelPlace& place, LeaveOut out) const {
  const auto family = families_.find(place.family);
  if (family == families_.end()) return {};
  bool own = false;
  const Group& group = nearest(family->second, place.group, own);
  const Bracket found = bracket(
      group.planes, place.at[0], false, [](const Plane& p) { return p.at; },
      [](const Plane& p) { return p.log; });
  const GridAnswer low = in_plane(group.planes[found.low], place, out);
  const GridAnswer high =
      found.high == found.low ? low : in_plane(group.planes[found.high], place, out);
  GridAnswer answer = blended(found, low, high, kNear);
  answer.exact = answer.exact && own;
  answer.inside = answer.inside && own;
  return answer;
}

void KernelGrid::each(const std::function<void(const KernelPlace&, double)>& visit) const {
  for (const auto& [key, family] : families_)
    for (const Group& group : family)
      for (const Plane& plane : group.planes)
        for (const Line& line : plane.lines)
          for (std::size_t i = 0; i < line.sizes.size(); ++i)
            visit({key, group.key, {plane.at, line.at, line.sizes[i]}}, line.ratios[i]);
}

}  // namespace headroom
