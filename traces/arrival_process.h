// When the requests of an open loop arrive: a renewal process on integer nanoseconds.
//
// Law: the first arrival is at 0, gaps are independent, times never go back; constant gaps do not
// drift (the i-th arrival is the rounded i / rate).
// Cost: 2 to 150 ns an arrival.
#pragma once

#include <cstdint>
#include <optional>

#include "sim/random.h"
#include "sim/scenario.h"
#include "traces/sampler.h"

namespace headroom {

class ArrivalProcess {
 public:
  /// Reads `arrivals`, `rate`, `arrival_cv` and `rate_scale`. Throws InputError.
  ArrivalProcess(const WorkloadSpec& spec, std::uint64_t seed);
  /// The time of the next arrival.
  [[nodiscard]] Instant next();

 private:
  double mean_gap_ = 0;
  std::optional<Sampler> gap_;  ///< none: constant
  RandomStream random_;
  std::uint64_t count_ = 0;
  Instant now_{};
};

}  // namespace headroom
