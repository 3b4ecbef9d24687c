#include "reports/batch_means.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "reports/student_interval.h"

namespace headroom {
namespace {

constexpr std::size_t kBlock = 5;  // the 5 of MSER-5
constexpr std::size_t kManyBatches = 40;
constexpr std::size_t kFewBatches = 20;
// Lag-1 correlation of k independent values is below 1.645/sqrt(k) in 95 % of cases (one-sided
// normal limit).
constexpr double kNormal95 = 1.645;

struct Batches {
  double mean = 0;
  double variance = 0;     ///< of the batch means, k - 1 in the denominator
  double correlation = 0;  ///< lag 1
  std::size_t used = 0;
};

/// Splits the end of `values` into `count` equal batches; up to count - 1 values at the front are
/// left over.
Batches split(std::span<const std::int64_t> values, std::size_t count) {
  const std::size_t size = values.size() / count;
  const std::size_t offset = values.size() - size * count;
  std::vector<double> means(count);
  Batches result;
  result.used = size * count;
  for (std::size_t b = 0; b < count; ++b) {
    double sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
      sum += static_cast<double>(values[offset + b * size + i]);
    }
    means[b] = sum / static_cast<double>(size);
    result.mean += means[b];
  }
  result.mean /= static_cast<double>(count);
  double squares = 0;
  double products = 0;
  for (std::size_t b = 0; b < count; ++b) {
    const double difference = means[b] - result.mean;
    squares += difference * difference;
    if (b > 0) products += difference * (means[b - 1] - result.mean);
  }
  result.variance = squares / static_cast<double>(count - 1);
  result.correlation = squares > 0 ? products / squares : 0;
  return result;
}

/// Factor on the variance of the mean of batch means that follow a first-order autoregression, as
/// ASAP3 fits one (Steiger, Lada, Wilson et al., "ASAP3: a batch means procedure for steady-state
/// simulation analysis", ACM TOMACS 2005). Capped where an estimate from 20 values says nothing any
/// more.
double autoregression_factor(double correlation) {
  constexpr double kLargestUsable = 0.9;
  const double r = std::min(correlation, kLargestUsable);
  return (1 + r) / (1 - r);
}

bool correlated(const Batches& batches, std::size_t count) {
  return batches.correlation > kNormal95 / std::sqrt(static_cast<double>(count));
}

}  // namespace

const char* to_string(IntervalQuality quality) {
  switch (quality) {
    case IntervalQuality::sound:
      return "sound";
    case IntervalQuality::correlated:
      return "correlated";
    case IntervalQuality::no_steady_state:
      return "no_steady_state";
    case IntervalQuality::too_few:
      return "too_few";
  }
  return "unknown";
}

std::int64_t mser5_cut(std::span<const std::int64_t> values) {
  const std::size_t blocks = values.size() / kBlock;
  if (blocks < 2) return 0;
  // Computed twice rather than kept: memory takes longer.
  const auto mean_of = [&](std::size_t block) {
    double sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<double>(values[block * kBlock + i]);
    return sum / static_cast<double>(kBlock);
  };
  double overall = 0;
  for (std::size_t b = 0; b < blocks; ++b) overall += mean_of(b);
  overall /= static_cast<double>(blocks);
  // Sums from the back, of differences to the overall mean so that squares do not cancel. The
  // statistic is the squared standard error of the mean of what is left; the smallest wins, the
  // shorter cut on a tie.
  double sum = 0;
  double squares = 0;
  double best = 0;
  std::size_t best_cut = 0;
  bool first = true;
  for (std::size_t b = blocks; b-- > 0;) {
    const double difference = mean_of(b) - overall;
    sum += difference;
    squares += difference * difference;
    if (b > blocks / 2) continue;
    const auto left = static_cast<double>(blocks - b);
    const double statistic = (squares - sum * sum / left) / (left * left);
    if (first || statistic <= best) {
      best = statistic;
      best_cut = b;
      first = false;
    }
  }
  return static_cast<std::int64_t>(best_cut * kBlock);
}

MeanInterval batch_means_interval(std::span<const std::int64_t> values) {
  MeanInterval result;
  if (static_cast<std::int64_t>(values.size()) < kLeastValues) return result;
  result.cut = mser5_cut(values);
  const std::span<const std::int64_t> rest = values.subspan(static_cast<std::size_t>(result.cut));

  std::size_t count = kManyBatches;
  Batches batches = split(rest, count);
  if (correlated(batches, count)) {
    count = kFewBatches;
    batches = split(rest, count);
  }
  result.quality =
      correlated(batches, count) ? IntervalQuality::correlated : IntervalQuality::sound;
  // A cut at the very limit means that the best was not yet reached there.
  const auto limit = static_cast<std::int64_t>(values.size() / kBlock / 2 * kBlock);
  if (result.cut == limit) result.quality = IntervalQuality::no_steady_state;

  result.batches = static_cast<std::int64_t>(count);
  result.used = static_cast<std::int64_t>(batches.used);
  result.mean = batches.mean;
  double variance = batches.variance / static_cast<double>(count);
  if (correlated(batches, count)) variance *= autoregression_factor(batches.correlation);
  result.half_width = student_quantile95(count - 1) * std::sqrt(variance);
  return result;
}

}  // namespace headroom
