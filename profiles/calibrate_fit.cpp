#include "profiles/calibrate_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "profiles/measure_plan.h"
#include "profiles/measure_stats.h"

namespace headroom {
namespace {

constexpr int kResamples = 400;
constexpr double kHuber = 1.345;
constexpr double kNormalMad = 1.4826;

using Row = std::vector<double>;

/// Gaussian elimination with row pivots; `system` has a last column of right-hand sides. Nothing
/// when it is (nearly) singular. Requires columns scaled to about 1.
std::optional<Row> solved(std::vector<Row> system) {
  const std::size_t n = system.size();
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i + 1; r < n; ++r)
      if (std::abs(system[r][i]) > std::abs(system[pivot][i])) pivot = r;
    if (!(std::abs(system[pivot][i]) > 1e-10)) return std::nullopt;
    std::swap(system[i], system[pivot]);
    for (std::size_t r = i + 1; r < n; ++r) {
      const double factor = system[r][i] / system[i][i];
      for (std::size_t c = i; c <= n; ++c) system[r][c] -= factor * system[i][c];
    }
  }
  Row result(n, 0);
  for (std::size_t i = n; i-- > 0;) {
    double sum = system[i][n];
    for (std::size_t c = i + 1; c < n; ++c) sum -= system[i][c] * result[c];
    result[i] = sum / system[i][i];
  }
  return result;
}

/// Points each divided by a unit of its own, columns by their mean size: what is left is to
/// approximate numbers of about 1.
class Problem {
 public:
  Problem(const std::vector<FitPoint>& points, const Row& units, double least_deviation)
      : scale_(points.front().x.size(), 0.0), least_deviation_(std::max(least_deviation, 1e-12)) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      Row row;
      for (const double x : points[i].x) row.push_back(x / units[i]);
      rows_.push_back(std::move(row));
      targets_.push_back(points[i].y / units[i]);
    }
    for (std::size_t c = 0; c < scale_.size(); ++c) {
      for (const Row& row : rows_) scale_[c] += std::abs(row[c]);
      scale_[c] /= static_cast<double>(rows_.size());
      for (Row& row : rows_) row[c] = scale_[c] > 0 ? row[c] / scale_[c] : 0;
    }
  }

  [[nodiscard]] const Row& targets() const { return targets_; }
  /// Coefficients in scaled units, all non-negative.
  [[nodiscard]] std::optional<Row> fit(const Row& targets) const {
    std::vector<bool> used(scale_.size(), true);
    while (true) {
      std::optional<Row> found = reweighted(targets, used);
      if (!found) return std::nullopt;
      const auto least = std::min_element(found->begin(), found->end());
      if (least == found->end() || *least >= 0) return found;
      used[static_cast<std::size_t>(least - found->begin())] = false;
    }
  }
  [[nodiscard]] Row predictions(const Row& coefficients) const {
    Row result;
    for (const Row& row : rows_) {
      double sum = 0;
      for (std::size_t c = 0; c < row.size(); ++c) sum += row[c] * coefficients[c];
      result.push_back(sum);
    }
    return result;
  }
  [[nodiscard]] double unscaled(const Row& coefficients, std::size_t c) const {
    return scale_[c] > 0 ? coefficients[c] / scale_[c] : 0;
  }

 private:
  [[nodiscard]] std::optional<Row> least_squares(const Row& targets, const Row& weights,
                                                 const std::vector<bool>& used) const {
    std::vector<std::size_t> columns;
    for (std::size_t c = 0; c < used.size(); ++c)
      if (used[c]) columns.push_back(c);
    std::vector<Row> system(columns.size(), Row(columns.size() + 1, 0.0));
    for (std::size_t r = 0; r < rows_.size(); ++r)
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const double left = weights[r] * rows_[r][columns[i]];
        for (std::size_t j = 0; j < columns.size(); ++j)
          system[i][j] += left * rows_[r][columns[j]];
        system[i].back() += left * targets[r];
      }
    for (Row& row : system)
      for (double& value : row) value /= static_cast<double>(rows_.size());
    const std::optional<Row> some = solved(std::move(system));
    if (!some) return std::nullopt;
    Row all(scale_.size(), 0.0);
    for (std::size_t i = 0; i < columns.size(); ++i) all[columns[i]] = (*some)[i];
    return all;
  }

  static bool same(const Row& before, const Row& after) {
    constexpr double kSettled = 1e-7;  // of coefficients of about 1
    for (std::size_t c = 0; c < before.size(); ++c)
      if (!(std::abs(before[c] - after[c]) <= kSettled)) return false;
    return true;
  }

  [[nodiscard]] std::optional<Row> reweighted(const Row& targets,
                                              const std::vector<bool>& used) const {
    constexpr int kRounds = 30;
    Row weights(rows_.size(), 1.0);
    std::optional<Row> found = least_squares(targets, weights, used);
    for (int round = 0; found && round < kRounds; ++round) {
      const Row before = *found;
      const Row fitted = predictions(before);
      Row sizes;
      for (std::size_t r = 0; r < rows_.size(); ++r)
        sizes.push_back(std::abs(targets[r] - fitted[r]));
      const double deviation = std::max(kNormalMad * quantile(sizes, 0.5), least_deviation_);
      for (std::size_t r = 0; r < rows_.size(); ++r)
        weights[r] = std::min(1.0, kHuber * deviation / std::max(sizes[r], 1e-300));
      found = least_squares(targets, weights, used);
      if (found && same(before, *found)) break;
    }
    return found;
  }

  std::vector<Row> rows_{};
  Row targets_{};
  Row scale_;
  double least_deviation_;
};

/// What the points are divided by: themselves, by which those that a disturbance made long weigh
/// little; where they differ by nature, what is fitted to them, or the fit would lie below their
/// mean.
std::optional<Row> units_of(const std::vector<FitPoint>& points, double least_deviation) {
  Row units;
  for (const FitPoint& point : points) units.push_back(point.y);
  const int rounds = least_deviation > 0 ? 3 : 0;
  for (int round = 0; round < rounds; ++round) {
    const Problem problem(points, units, least_deviation);
    const std::optional<Row> found = problem.fit(problem.targets());
    if (!found) return std::nullopt;
    const Row fitted = problem.predictions(*found);
    for (std::size_t i = 0; i < units.size(); ++i)
      if (fitted[i] > 0) units[i] *= fitted[i];
  }
  return units;
}

}  // namespace

std::optional<Fit> robust_fit(const std::vector<FitPoint>& points, std::uint64_t seed,
                              double least_deviation) {
  if (points.empty() || points.size() < points.front().x.size()) return std::nullopt;
  const std::optional<Row> units = units_of(points, least_deviation);
  if (!units) return std::nullopt;
  const Problem problem(points, *units, least_deviation);
  const std::optional<Row> best = problem.fit(problem.targets());
  if (!best) return std::nullopt;
  const Row fitted = problem.predictions(*best);
  Row residuals, sizes;
  for (std::size_t i = 0; i < fitted.size(); ++i) {
    residuals.push_back(problem.targets()[i] - fitted[i]);
    sizes.push_back(std::abs(residuals.back()));
  }
  Fit fit;
  fit.spread = kNormalMad * quantile(sizes, 0.5);
  // Residuals of a fit are smaller than the noise by the share of points that it used up.
  const auto n = static_cast<double>(points.size());
  const auto freedom = std::max(1.0, n - static_cast<double>(best->size()));
  const double inflate = std::sqrt(n / freedom);
  std::vector<Row> drawn(best->size());
  SplitMix random(seed);
  for (int i = 0; i < kResamples; ++i) {
    Row targets;
    for (const double value : fitted)
      targets.push_back(value + inflate * residuals[random.next() % residuals.size()]);
    if (const std::optional<Row> again = problem.fit(targets))
      for (std::size_t c = 0; c < again->size(); ++c)
        drawn[c].push_back(problem.unscaled(*again, c));
  }
  for (std::size_t c = 0; c < best->size(); ++c) {
    const double value = problem.unscaled(*best, c);
    fit.coefficients.push_back({value, std::min(value, quantile(drawn[c], 0.025)),
                                std::max(value, quantile(drawn[c], 0.975))});
  }
  return fit;
}

namespace {

double total_distance(const std::vector<IntervalAt>& intervals, double a, double b) {
  double sum = 0;
  for (const IntervalAt& at : intervals) {
    const double value = a + b * at.x;
    sum += std::max({0.0, at.low - value, value - at.high});
  }
  return sum;
}

/// Middle of the constants that minimise the distance for a given slope: between the two middle
/// ends of the intervals.
double best_constant(const std::vector<IntervalAt>& intervals, double slope) {
  std::vector<double> ends;
  for (const IntervalAt& at : intervals) {
    ends.push_back(at.low - slope * at.x);
    ends.push_back(at.high - slope * at.x);
  }
  std::sort(ends.begin(), ends.end());
  return (ends[intervals.size() - 1] + ends[intervals.size()]) / 2;
}

}  // namespace

std::optional<std::pair<double, double>> line_through(const std::vector<IntervalAt>& intervals) {
  if (intervals.empty()) return std::nullopt;
  // The optimum over slopes is reached on a line through two ends; where several reach it, their
  // middle is taken.
  std::vector<double> slopes{0};
  for (const IntervalAt& p : intervals)
    for (const IntervalAt& q : intervals) {
      if (!(p.x < q.x)) continue;
      for (const double from : {p.low, p.high})
        for (const double to : {q.low, q.high})
          slopes.push_back(std::max(0.0, (to - from) / (q.x - p.x)));
    }
  double least = std::numeric_limits<double>::infinity(), size = 0;
  for (const IntervalAt& at : intervals) size = std::max(size, at.high - at.low);
  std::vector<std::pair<double, double>> cost_of;
  for (const double slope : slopes) {
    const double distance = total_distance(intervals, best_constant(intervals, slope), slope);
    cost_of.emplace_back(distance, slope);
    least = std::min(least, distance);
  }
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (const auto& [distance, slope] : cost_of)
    if (distance <= least + 1e-9 * size) {
      low = std::min(low, slope);
      high = std::max(high, slope);
    }
  const double slope = (low + high) / 2;
  return std::pair{best_constant(intervals, slope), slope};
}

double middle_mean(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t cut = values.size() / 4;
  double sum = 0;
  for (std::size_t i = cut; i < values.size() - cut; ++i) sum += values[i];
  return sum / static_cast<double>(values.size() - 2 * cut);
}

}  // namespace headroom
