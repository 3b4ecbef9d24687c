#include "profiles/measure_stats.h"

#include <algorithm>
#include <cmath>

namespace headroom {
namespace {

double at_rank(const std::vector<double>& sorted, double rank) {
  const double last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(std::clamp(rank, 0.0, last))];
}

/// Of sorted values; the mean of the middle two when they are even.
double middle(const std::vector<double>& sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return middle(values);
}

}  // namespace

double quantile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  std::sort(samples.begin(), samples.end());
  return at_rank(samples, std::ceil(share * static_cast<double>(samples.size())) - 1);
}

double median_noise(const std::vector<double>& samples) {
  const std::size_t n = samples.size();
  if (n < 4) return 1;
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  const double median = middle(sorted);
  if (!(median > 0)) return 1;
  const double count = static_cast<double>(n);
  const double reach = std::sqrt(count) / 2;
  const double low = at_rank(sorted, std::floor(count / 2 - reach));
  const double high = at_rank(sorted, std::ceil(count / 2 + reach) - 1);
  const auto half = samples.begin() + static_cast<std::ptrdiff_t>(n / 2);
  const double drift =
      std::abs(median_of({samples.begin(), half}) - median_of({half, samples.end()}));
  const double quartiles =
      at_rank(sorted, std::floor(0.75 * count)) - at_rank(sorted, std::floor(0.25 * count));
  const double normal = 1.2533 * quartiles / 1.349 / std::sqrt(count);
  return std::max({(high - low) / 2, drift / 2, normal}) / median;
}

SampleSummary summarise(const std::vector<double>& samples) {
  SampleSummary summary;
  summary.count = samples.size();
  if (samples.empty()) return summary;
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  summary.min = sorted.front();
  summary.median = middle(sorted);
  summary.p90 = at_rank(sorted, std::ceil(0.9 * static_cast<double>(sorted.size())) - 1);
  double sum = 0;
  for (const double value : sorted) sum += value;
  summary.mean = sum / static_cast<double>(sorted.size());
  double squares = 0;
  for (const double value : sorted) squares += (value - summary.mean) * (value - summary.mean);
  if (sorted.size() > 1)
    summary.stddev = std::sqrt(squares / static_cast<double>(sorted.size() - 1));
  summary.noise = median_noise(samples);
  return summary;
}

StopState StopRule::add(double sample_ns, double device_ns, double spent_ns) {
  samples_.push_back(sample_ns);
  device_ns_ += device_ns;
  const std::size_t n = samples_.size();
  const bool full = n >= limits_.most_samples;
  const bool late = full || spent_ns >= limits_.most_ns;
  const bool enough = n >= limits_.least_samples && (full || device_ns_ >= limits_.least_ns);
  if (enough && (late || n >= next_check_)) {
    if (median_noise(samples_) <= limits_.noise) return StopState::settled;
    next_check_ = n + n / 4 + 1;
  }
  return late ? StopState::timed_out : StopState::go_on;
}

}  // namespace headroom
