#include "reports/validation.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "sim/math.h"

namespace headroom {
namespace {

const std::array<ServingMetric, kServingMetrics> kMetrics = [] {
  std::array<ServingMetric, kServingMetrics> all{};
  for (int i = 0; i < kServingMetrics; ++i)
    all[static_cast<std::size_t>(i)] = static_cast<ServingMetric>(i);
  return all;
}();

std::string label_value(const ValidatedPoint& point, GroupLabel label) {
  switch (label) {
    case GroupLabel::device:
      return point.device;
    case GroupLabel::model:
      return point.model;
    case GroupLabel::engine:
      return point.engine;
    case GroupLabel::mode:
      return point.mode;
  }
  return {};
}

/// Errors of one group, by metric and split.
class Gathered {
 public:
  void add(const ValidatedPoint& point) {
    if (!point.unpredicted.empty()) {
      ++unpredicted_;
      return;
    }
    ++points_;
    for (const ServingMetric metric : kMetrics) {
      const std::optional<double> error = point.error(metric);
      if (error) errors_[index(metric)][static_cast<std::size_t>(point.split)].push_back(*error);
    }
  }
  [[nodiscard]] GroupScore score(std::vector<std::string> key) const {
    GroupScore group;
    group.key = std::move(key);
    group.points = points_;
    group.unpredicted = unpredicted_;
    for (const ServingMetric metric : kMetrics) {
      const auto& sides = errors_[index(metric)];
      std::vector<double> both = sides[0];
      both.insert(both.end(), sides[1].begin(), sides[1].end());
      group.all[index(metric)] = score_of(std::move(both));
      group.fit[index(metric)] = score_of(sides[0]);
      group.held_out[index(metric)] = score_of(sides[1]);
    }
    return group;
  }

 private:
  static std::size_t index(ServingMetric metric) { return static_cast<std::size_t>(metric); }
  std::size_t points_ = 0, unpredicted_ = 0;
  std::array<std::array<std::vector<double>, 2>, kServingMetrics> errors_{};
};

void count_reasons(Validation& result) {
  std::map<std::string, std::size_t> counts;
  for (const ValidatedPoint& point : result.points)
    if (!point.unpredicted.empty()) ++counts[point.unpredicted];
  result.reasons.assign(counts.begin(), counts.end());
  std::stable_sort(result.reasons.begin(), result.reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
}

void find_worst(Validation& result, std::size_t most) {
  const auto badness = [&](std::size_t i) {
    return std::abs(result.points[i].error(ServingMetric::end_to_end).value_or(0));
  };
  for (std::size_t i = 0; i < result.points.size(); ++i) {
    const ValidatedPoint& point = result.points[i];
    if (point.doubt.empty() && point.unpredicted.empty() && point.error(ServingMetric::end_to_end))
      result.worst.push_back(i);
  }
  std::stable_sort(result.worst.begin(), result.worst.end(),
                   [&](std::size_t a, std::size_t b) { return badness(a) > badness(b); });
  if (result.worst.size() > most) result.worst.resize(most);
}

}  // namespace

const char* to_string(Split split) { return split == Split::fit ? "fit" : "held-out"; }

Split split_of(std::string_view configuration) {
  return XXH3_64bits(configuration.data(), configuration.size()) % 2 == 0 ? Split::fit
                                                                          : Split::held_out;
}

const char* to_string(ServingMetric metric) {
  constexpr std::array<const char*, kServingMetrics> kNames{
      "TPOT",     "TTFT",     "end-to-end", "throughput",     "TPOT p90",
      "TPOT p99", "TTFT p90", "TTFT p99",   "end-to-end p90", "end-to-end p99"};
  return kNames[static_cast<std::size_t>(metric)];
}

const char* to_string(GroupLabel label) {
  constexpr std::array<const char*, 4> kNames{"device", "model", "engine", "mode"};
  return kNames[static_cast<std::size_t>(label)];
}

ServingFigures figures_of(double ttft_ms, double tpot_ms, double output_tokens,
                          double concurrency) {
  ServingFigures figures;
  const double end_to_end = ttft_ms + tpot_ms * (output_tokens - 1);
  figures[static_cast<std::size_t>(ServingMetric::tpot)] = tpot_ms;
  figures[static_cast<std::size_t>(ServingMetric::ttft)] = ttft_ms;
  figures[static_cast<std::size_t>(ServingMetric::end_to_end)] = end_to_end;
  if (end_to_end > 0) {
    figures[static_cast<std::size_t>(ServingMetric::throughput)] =
        concurrency * output_tokens / end_to_end * 1000;
  }
  return figures;
}

std::optional<double> ValidatedPoint::error(ServingMetric metric) const {
  const auto i = static_cast<std::size_t>(metric);
  if (!measured[i] || !predicted[i] || !(*measured[i] > 0)) return std::nullopt;
  return *predicted[i] / *measured[i] - 1;
}

ErrorScore score_of(std::vector<double> errors) {
  ErrorScore score;
  score.points = errors.size();
  if (errors.empty()) return score;
  std::sort(errors.begin(), errors.end());
  score.median_signed = nearest_rank(errors, 0.5);
  for (double& error : errors) error = std::abs(error);
  std::sort(errors.begin(), errors.end());
  for (const double error : errors) score.mape += error;
  score.mape /= static_cast<double>(errors.size());
  score.median_ape = nearest_rank(errors, 0.5);
  score.p90_ape = nearest_rank(errors, 0.9);
  return score;
}

Validation validate_points(std::vector<ValidatedPoint> points, std::vector<GroupLabel> labels,
                           std::size_t most_worst) {
  Validation result;
  result.labels = std::move(labels);
  result.points = std::move(points);
  Gathered total, doubtful;
  std::map<std::vector<std::string>, Gathered> groups;
  for (const ValidatedPoint& point : result.points) {
    if (!point.doubt.empty()) {
      doubtful.add(point);
      continue;
    }
    total.add(point);
    std::vector<std::string> key;
    for (const GroupLabel label : result.labels) key.push_back(label_value(point, label));
    groups[std::move(key)].add(point);
  }
  result.total = total.score({});
  result.doubtful = doubtful.score({});
  for (const auto& [key, gathered] : groups) result.groups.push_back(gathered.score(key));
  result.headlines = headline_figures(result.points);
  count_reasons(result);
  find_worst(result, most_worst);
  return result;
}

}  // namespace headroom
