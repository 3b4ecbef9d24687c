// Samples of one kernel: what they say, how sure they are, and when there are enough.
//
// Law: a summary depends on the samples and their order alone; samples that drift, jump between two
// levels or scatter never count as settled.
// Cost: a sort each time the number of samples has grown by a quarter.
// Not here: clocks, devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headroom {

struct SampleSummary {
  std::size_t count = 0;
  double min = 0, median = 0, mean = 0, p90 = 0, stddev = 0;
  double noise = 0;  ///< relative standard error of the median, see `median_noise`
};

/// Of samples in the order of measurement; all zero for none.
[[nodiscard]] SampleSummary summarise(const std::vector<double>& samples);
/// Value below which a share of the samples lies (nearest rank); 0 for none.
[[nodiscard]] double quantile(std::vector<double> samples, double share);

/// How uncertain the median is, relative to it; the largest of three estimates. The first is half
/// the span of the order statistics sqrt(n)/2 ranks either side of the middle, which holds the
/// median with 68 % whatever the distribution (binomial ranks: David and Nagaraja, Order
/// Statistics, 2003, section 7.1). The second is half the difference between the medians of the
/// first and second half of the samples, which sees drift. The third is that of a normal law of the
/// same quartiles (1.2533 s / sqrt(n), s = quartile distance / 1.349): with few samples the first
/// is often small by luck, and who looks after every sample would stop at such luck. 1 for fewer
/// than four samples.
[[nodiscard]] double median_noise(const std::vector<double>& samples);

/// When sampling of one kernel ends.
struct StopLimits {
  double noise = 0.005;             ///< settled when `median_noise` is at most this
  std::size_t least_samples = 10;   ///< timed samples before anything is judged
  std::size_t most_samples = 1000;  ///< bounds memory; reaching it is a time-out
  double least_ns = 100e6;          ///< device time measured before anything is judged
  double most_ns = 15e9;            ///< wall time for this kernel; reaching it is a time-out
};

enum class StopState : std::uint8_t { go_on, settled, timed_out };

class StopRule {
 public:
  explicit StopRule(const StopLimits& limits) : limits_(limits) {}
  /// Takes a sample that took `device_ns` of timed device work; `spent_ns` is the wall time since
  /// the first sample was begun.
  [[nodiscard]] StopState add(double sample_ns, double device_ns, double spent_ns);
  [[nodiscard]] const std::vector<double>& samples() const { return samples_; }

 private:
  StopLimits limits_;
  std::vector<double> samples_{};
  double device_ns_ = 0;
  std::size_t next_check_ = 0;
};

}  // namespace headroom
