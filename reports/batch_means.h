// A confidence interval for the mean of one run's autocorrelated sequence.
//
// Method: MSER-5 cuts the warm-up (White, Cobb and Spratt, "A comparison of five steady-state
// truncation heuristics for simulation", Simulation 2000); the rest is split into 40 batches, or 20
// where the means of 40 are still correlated; Student's t over the batch means, widened by their
// correlation where even 20 have one.
// Law: never s/sqrt(n) over single requests, which neighbours make too narrow.
// Cost: O(n), no memory. Not a statement about model error: it covers workload
// variation only.
#pragma once

#include <cstdint>
#include <span>

namespace headroom {

enum class IntervalQuality : std::uint8_t {
  sound,            ///< batch means look independent
  correlated,       ///< even 20 batch means are correlated: short run, widened interval, still too
                    ///< narrow
  no_steady_state,  ///< warm-up never ended within the first half: the sequence drifts
  too_few,          ///< fewer than kLeastValues values are left: no interval
};
[[nodiscard]] const char* to_string(IntervalQuality quality);

/// 95 % interval of a mean; the unit is that of the values.
struct MeanInterval {
  IntervalQuality quality = IntervalQuality::too_few;
  double mean = 0;           ///< after the warm-up cut
  double half_width = 0;     ///< 0 where there is no interval
  std::int64_t batches = 0;  ///< 40 or 20
  std::int64_t used = 0;     ///< values behind the interval
  std::int64_t cut = 0;      ///< values cut from the front as warm-up
};

/// Five values a block and four blocks a batch are the least that MSER-5 and 20 batches make sense
/// with.
constexpr std::int64_t kLeastValues = 400;

/// Interval of the mean of `values` in the order in which they occurred.
[[nodiscard]] MeanInterval batch_means_interval(std::span<const std::int64_t> values);

/// Number of leading values that MSER-5 cuts (a multiple of 5, at most half of them).
[[nodiscard]] std::int64_t mser5_cut(std::span<const std::int64_t> values);

}  // namespace headroom
