#include "models/kernel_grid.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "sim/math.h"

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
};

/// `axis` (planes or lines) is not empty.
template <class Axis>
Bracket bracket(const Axis& axis, double x) {
  const auto first = std::lower_bound(axis.begin(), axis.end(), x,
                                      [](const auto& item, double at) { return item.at < at; });
  const auto high = static_cast<std::size_t>(first - axis.begin());
  Bracket found;
  found.low = found.high = high;
  if (high < axis.size() && axis[high].at == x) {
    found.exact = true;
    return found;
  }
  if (high == 0 || high == axis.size()) {
    found.low = found.high = high == 0 ? 0 : high - 1;
    found.beyond = std::fabs(log2_of(x) - axis[found.low].log);
    return found;
  }
  found.low = high - 1;
  found.weight = (log2_of(x) - axis[found.low].log) / (axis[high].log - axis[found.low].log);
  return found;
}

/// Rows of a GEMM that fill whole vectors of four.
bool is_aligned(double size) { return std::fmod(size, 4) == 0; }

/// Tangent of a monotone cubic (Fritsch and Butland 1984) between two steps.
double tangent(double width_before, double slope_before, double width_after, double slope_after) {
  if (slope_before * slope_after <= 0) return 0;
  const double first = 2 * width_after + width_before, second = width_after + 2 * width_before;
  return (first + second) / (first / slope_before + second / slope_after);
}

/// A cubic over [0, width] that keeps to values and slopes at its ends.
double cubic(double width, double share, const std::array<double, 2>& value,
             const std::array<double, 2>& slope) {
  const double s2 = share * share, s3 = s2 * share;
  return (2 * s3 - 3 * s2 + 1) * value[0] + (s3 - 2 * s2 + share) * width * slope[0] +
         (3 * s2 - 2 * s3) * value[1] + (s3 - s2) * width * slope[1];
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void KernelGrid::add(const KernelPlace& place, double ratio, int rank) {
  loose_[place.family].push_back({place.group, place.at, rank, ratio});
}

void KernelGrid::insert(std::vector<Group>& groups, const Loose& point) {
  if (groups.empty() || groups.back().key != point.group) groups.push_back({point.group, {}});
  std::vector<Plane>& planes = groups.back().planes;
  if (planes.empty() || planes.back().at != point.at[0])
    planes.push_back({point.at[0], log2_of(point.at[0]), {}});
  std::vector<Line>& lines = planes.back().lines;
  if (lines.empty() || lines.back().at != point.at[1])
    lines.push_back({point.at[1], log2_of(point.at[1]), {}, {}, {}, {}});
  Line& line = lines.back();
  if (!line.sizes.empty() && line.sizes.back() == point.at[2]) return;
  line.sizes.push_back(point.at[2]);
  line.logs.push_back(log2_of(point.at[2]));
  line.ratios.push_back(point.ratio);
  line.levels.push_back(portable_log(point.ratio));
}

void KernelGrid::finish() {
  for (auto& [key, points] : loose_) {
    const bool fastest = key.op == "moe";
    std::stable_sort(points.begin(), points.end(), [fastest](const Loose& a, const Loose& b) {
      const double time_a = fastest ? a.ratio : 0, time_b = fastest ? b.ratio : 0;
      return std::tie(a.group, a.at, a.rank, time_a) < std::tie(b.group, b.at, b.rank, time_b);
    });
    Family& family = families_[key];
    for (const Loose& point : points) insert(family.groups, point);
    choose(key, family);
  }
  loose_.clear();
}

const KernelGrid::Group& KernelGrid::nearest(const Family& family, const KernelGroup& key,
                                             bool& near) {
  const Group* best = &family.groups.front();
  double least = -1;
  for (const Group& group : family.groups) {
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

KernelGrid::Estimate KernelGrid::blended(double weight, const Estimate& low, const Estimate& high) {
  if (!low.found || !high.found) return low.found ? low : high;
  Estimate answer;
  answer.found = true;
  answer.level = low.level + weight * (high.level - low.level);
  answer.inside = low.inside && high.inside;
  return answer;
}

KernelGrid::Estimate KernelGrid::in_line(const Line& line, double size, LeaveOut out, Rule rule) {
  const auto first = std::lower_bound(line.sizes.begin(), line.sizes.end(), size);
  const auto at = static_cast<std::size_t>(first - line.sizes.begin());
  const std::size_t count = line.sizes.size();
  Estimate answer;
  answer.found = true;
  const bool hit = at < count && line.sizes[at] == size;
  if (hit && out == LeaveOut::nothing) {
    answer.level = line.levels[at];
    answer.inside = true;
    return answer;
  }
  std::size_t low = at, high = hit ? at + 1 : at;  // low: one past the lower neighbour
  if (low == 0 && high == count) return {};
  if (low == 0 || high == count) {
    answer.level = line.levels[low == 0 ? high : low - 1];
    return answer;
  }
  answer.inside = true;
  --low;
  if (rule == Rule::aligned) {
    const bool wanted = is_aligned(size);
    std::size_t below = low + 1, above = high;
    while (below > 0 && is_aligned(line.sizes[below - 1]) != wanted) --below;
    while (above < count && is_aligned(line.sizes[above]) != wanted) ++above;
    if (below > 0 && above < count) {
      low = below - 1;
      high = above;
    }
  }
  const double width = line.logs[high] - line.logs[low];
  const double share = (log2_of(size) - line.logs[low]) / width;
  const std::array<double, 2> value{line.levels[low], line.levels[high]};
  if (rule != Rule::smooth) {
    answer.level = value[0] + share * (value[1] - value[0]);
    return answer;
  }
  const double slope = (value[1] - value[0]) / width;
  std::array<double, 2> slopes{slope, slope};
  if (low > 0) {
    const double before = line.logs[low] - line.logs[low - 1];
    slopes[0] = tangent(before, (value[0] - line.levels[low - 1]) / before, width, slope);
  }
  if (high + 1 < count) {
    const double after = line.logs[high + 1] - line.logs[high];
    slopes[1] = tangent(width, slope, after, (line.levels[high + 1] - value[1]) / after);
  }
  answer.level = cubic(width, share, value, slopes);
  return answer;
}

KernelGrid::Estimate KernelGrid::in_plane(const Plane& plane, const KernelPlace& place, Rule rule) {
  const Bracket found = bracket(plane.lines, place.at[1]);
  const auto of = [&](std::size_t line) {
    return in_line(plane.lines[line], place.at[2], LeaveOut::nothing, rule);
  };
  Estimate answer = of(found.low);
  if (found.high != found.low) {
    answer = blended(found.weight, answer, of(found.high));
  }
  answer.inside = answer.inside && found.beyond <= kNear;
  return answer;
}

/// A missing point answered along one axis. Inside: by neighbours on both sides.
KernelGrid::Estimate KernelGrid::across(const Family& family, const Site& site,
                                        const KernelPlace& place, std::size_t axis, LeaveOut out) {
  const std::vector<Plane>& planes = site.group->planes;
  const std::vector<Line>& lines = planes[site.plane].lines;
  const bool skip = out == LeaveOut::site || !site.has_line;
  if (axis == 2)
    return skip ? Estimate{} : in_line(lines[site.line], place.at[2], out, family.rule);
  if (axis == 1 && !site.has_line) return in_plane(planes[site.plane], place, family.rule);
  const std::size_t count = axis == 0 ? planes.size() : lines.size();
  const std::size_t own = axis == 0 ? site.plane : site.line;
  const auto of = [&](std::size_t i) {
    if (axis == 1) return in_line(lines[i], place.at[2], LeaveOut::nothing, family.rule);
    Estimate answer = in_plane(planes[i], place, family.rule);
    // Only like is compared with like.
    answer.inside = answer.inside && bracket(planes[i].lines, place.at[1]).exact;
    return answer;
  };
  const auto log_at = [&](std::size_t i) { return axis == 0 ? planes[i].log : lines[i].log; };
  if (count == 1) return {};
  Estimate answer;
  if (own == 0 || own + 1 == count) {
    answer = of(own == 0 ? 1 : own - 1);
    answer.inside = false;
  } else {
    const double low = log_at(own - 1);
    const double weight = (log_at(own) - low) / (log_at(own + 1) - low);
    answer = blended(weight, of(own - 1), of(own + 1));
  }
  return answer;
}

/// A point that a site lacks or that is left out, answered along each axis.
KernelGrid::Estimates KernelGrid::in_hole(const Family& family, const Site& site,
                                          const KernelPlace& place, LeaveOut out) {
  Estimates answers;
  for (std::size_t axis = 0; axis < kGridAxes; ++axis)
    answers[axis] = across(family, site, place, axis, out);
  return answers;
}

KernelGrid::Estimate KernelGrid::weighed(const Estimates& estimates, const Weights& weights) {
  Estimate sum, fallback;
  double total = 0, moment = 0;
  for (std::size_t axis = kGridAxes; axis-- > 0;) {
    const Estimate& one = estimates[axis];
    if (!one.found) continue;
    if (!fallback.found || (one.inside && !fallback.inside)) fallback = one;
    if (!one.inside || weights[axis] <= 0) continue;
    total += weights[axis];
    moment += weights[axis] * one.level;
  }
  if (total <= 0) return fallback;
  sum.level = moment / total;
  sum.found = sum.inside = true;
  return sum;
}

KernelGrid::Estimate KernelGrid::between_sites(const Family& family, const Group& group,
                                               const KernelPlace& place) {
  const Bracket found = bracket(group.planes, place.at[0]);
  Estimate answer = in_plane(group.planes[found.low], place, family.rule);
  if (found.high != found.low)
    answer = blended(found.weight, answer, in_plane(group.planes[found.high], place, family.rule));
  answer.inside = answer.inside && found.beyond <= kNear;
  return answer;
}

GridAnswer KernelGrid::at(const KernelPlace& place, LeaveOut out) const {
  const auto found = families_.find(place.family);
  if (found == families_.end()) return {};
  const Family& family = found->second;
  bool own = false;
  const Group& group = nearest(family, place.group, own);
  const Bracket plane = bracket(group.planes, place.at[0]);
  const Bracket line = bracket(group.planes[plane.low].lines, place.at[1]);
  const bool has_line = plane.exact && line.exact;
  if (has_line && out == LeaveOut::nothing) {
    const Line& own_line = group.planes[plane.low].lines[line.low];
    const auto size = std::lower_bound(own_line.sizes.begin(), own_line.sizes.end(), place.at[2]);
    if (size != own_line.sizes.end() && *size == place.at[2])
      return {own_line.ratios[static_cast<std::size_t>(size - own_line.sizes.begin())], true, own,
              own};
  }
  Estimate answer;
  if (plane.exact) {
    const Site site{&group, plane.low, line.low, has_line};
    const bool whole = !has_line || out == LeaveOut::site;
    answer = weighed(in_hole(family, site, place, out), whole ? family.site : family.point);
  } else {
    answer = between_sites(family, group, place);
  }
  if (!answer.found) return {};
  return {portable_exp(answer.level), true, false, answer.inside && own};
}

/// Tries rules and axes on some of the family's own points.
void KernelGrid::choose(const KernelFamily& key, Family& family) {
  constexpr std::size_t kTried = 3000;
  struct Tried {
    Site site;
    KernelPlace place{};
    double level = 0;
  };
  std::size_t points = 0;
  const auto all = [&](const auto& visit) {
    for (const Group& group : family.groups)
      for (std::size_t p = 0; p < group.planes.size(); ++p)
        for (std::size_t l = 0; l < group.planes[p].lines.size(); ++l)
          visit(Site{&group, p, l}, group.planes[p], group.planes[p].lines[l]);
  };
  all([&](const Site&, const Plane&, const Line& line) { points += line.sizes.size(); });
  // Multiples of the golden ratio fall evenly into any part of the unit interval (Weyl 1916), so no
  // size or site is preferred.
  constexpr double kGolden = 0.6180339887498949;
  const double share = static_cast<double>(kTried) / static_cast<double>(points);
  std::vector<Tried> tried;
  std::size_t number = 0;
  all([&](const Site& site, const Plane& plane, const Line& line) {
    for (std::size_t i = 0; i < line.sizes.size(); ++i)
      if (std::fmod(static_cast<double>(number++) * kGolden, 1) < share)
        tried.push_back(
            {site, {key, site.group->key, {plane.at, line.at, line.sizes[i]}}, line.levels[i]});
  });
  const auto error = [&] {
    std::vector<double> errors;
    for (const Tried& one : tried) {
      const Estimate answer = across(family, one.site, one.place, 2, LeaveOut::point);
      if (answer.found && answer.inside) errors.push_back(std::fabs(answer.level - one.level));
    }
    return errors.empty() ? 1.0 : median(errors);
  };
  Rule best = Rule::straight;
  double least = error();
  for (const Rule rule : {Rule::aligned, Rule::smooth}) {
    family.rule = rule;
    const double own = error();
    if (own < least) {
      least = own;
      best = rule;
    }
  }
  family.rule = best;
  for (const LeaveOut out : {LeaveOut::point, LeaveOut::site}) {
    std::vector<std::pair<Estimates, double>> answers;
    for (const Tried& one : tried)
      answers.push_back({in_hole(family, one.site, one.place, out), one.level});
    (out == LeaveOut::point ? family.point : family.site) = best_weights(answers);
  }
}

KernelGrid::Weights KernelGrid::best_weights(
    const std::vector<std::pair<Estimates, double>>& tried) {
  // One axis alone, two alike or one before the other, all three.
  static constexpr std::array<Weights, 13> kWeights{{{0, 0, 1},
                                                     {0, 1, 0},
                                                     {1, 0, 0},
                                                     {0, 1, 1},
                                                     {1, 0, 1},
                                                     {1, 1, 0},
                                                     {0, 1, 3},
                                                     {1, 0, 3},
                                                     {1, 3, 0},
                                                     {3, 1, 0},
                                                     {1, 1, 1},
                                                     {1, 1, 2},
                                                     {1, 1, 4}}};
  Weights best = kWeights[0];
  double least = -1;
  for (const Weights& weights : kWeights) {
    std::vector<double> errors;
    for (const auto& [estimates, level] : tried) {
      const Estimate answer = weighed(estimates, weights);
      if (answer.found) errors.push_back(std::fabs(answer.level - level));
    }
    if (errors.empty()) continue;
    const double own = median(errors);
    if (least >= 0 && own >= least) continue;
    least = own;
    best = weights;
  }
  return best;
}

void KernelGrid::each(const std::function<void(const KernelPlace&, double)>& visit) const {
  for (const auto& [key, family] : families_)
    for (const Group& group : family.groups)
      for (const Plane& plane : group.planes)
        for (const Line& line : plane.lines)
          for (std::size_t i = 0; i < line.sizes.size(); ++i)
            visit({key, group.key, {plane.at, line.at, line.sizes[i]}}, line.ratios[i]);
}

}  // namespace headroom
