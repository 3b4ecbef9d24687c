// How much longer decode attention takes when the contexts of a batch differ.
//
// A batch of n sequences with the mean context c and the longest b takes t(c) + share x (t(b) -
// t(c)), where t is the time with n equal contexts and the share depends on n alone: with few
// sequences the longest one's blocks are what the kernel ends with, with many they fill the device
// beside the others (LLMServingSim's "skew"; its own fit has a share for each of 4,000 buckets).
// Decodes beside prompts have shares of their own.
//
// Law: a share is 0 or more, never cut off at 1; without measurements it is 0.
// Cost: reading a device's rows once; O(log points) a look-up.
// Not here: what t is (models/kernel_grid.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "profiles/store.h"
#include "sim/cost_model.h"

namespace headroom {

/// Shares by number of decodes.
class SkewCurve {
 public:
  struct Point {
    std::int64_t decodes = 0;
    double share = 0;
  };
  /// Points of rising `decodes`.
  explicit SkewCurve(std::vector<Point> points = {}) : points_(std::move(points)) {}
  /// Linear between points, held beyond them; 0 without any.
  [[nodiscard]] double share(std::int64_t decodes) const;
  [[nodiscard]] bool empty() const { return points_.empty(); }

 private:
  std::vector<Point> points_;
};

struct SkewLaw {
  SkewCurve alone{}, beside_prompts{};
  [[nodiscard]] const SkewCurve& of(DecodesBeside beside) const {
    return beside == DecodesBeside::nothing ? alone : beside_prompts;
  }
};

/// Laws by KV heads on one GPU.
class SkewLaws {
 public:
  explicit SkewLaws(std::map<std::int64_t, SkewLaw> laws = {}) : laws_(std::move(laws)) {}
  /// That of the most similar number of heads; an empty one where there is none.
  [[nodiscard]] SkewLaw nearest(std::int64_t kv_heads) const;
  [[nodiscard]] bool empty() const { return laws_.empty(); }

 private:
  std::map<std::int64_t, SkewLaw> laws_;
};

using WantedRun = std::function<bool(const ProfileRun&)>;

/// Fitted to a device's skewed batches of the wanted runs.
[[nodiscard]] SkewLaws read_skew_laws(const ProfileStore& store, const std::string& device,
                                      const WantedRun& wanted);

/// Errors of the law on measured batches that it was not fitted to: each half of them is predicted
/// by a law of the other half. Absolute, relative to the measured time.
struct SkewValidation {
  std::int64_t points = 0;
  double median = 0, p90 = 0;
  double mean_median = 0, mean_p90 = 0;  ///< of the mean context alone
};
[[nodiscard]] SkewValidation validate_skew(const ProfileStore& store, const std::string& device,
                                           const WantedRun& wanted, DecodesBeside beside);

}  // namespace headroom
