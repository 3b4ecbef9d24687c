#include "traces/arrival_process.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"
#include "traces/exact_numbers.h"

namespace headroom {
namespace {

/// Longest gap: 100 years; a larger draw of a heavy-tailed law would leave the clock's range.
constexpr double kLongestGap = 3.15576e9;

[[nodiscard]] DistributionSpec gap_law(const WorkloadSpec& spec, double mean) {
  DistributionSpec law;
  law.mean = mean;
  law.cv = spec.arrival_cv;
  law.most = kLongestGap;
  if (spec.arrivals == "poisson") {
    law.kind = DistributionSpec::Kind::exponential;
  } else if (spec.arrivals == "gamma") {
    law.kind = DistributionSpec::Kind::gamma;
  } else if (spec.arrivals == "weibull") {
    law.kind = DistributionSpec::Kind::weibull;
  } else if (spec.arrivals != "constant") {
    throw InputError("/workload/arrivals", "expected poisson, gamma, weibull or constant, got \"" +
                                               spec.arrivals + "\"; correct the name");
  }
  return law;
}

}  // namespace

ArrivalProcess::ArrivalProcess(const WorkloadSpec& spec, std::uint64_t seed)
    : random_(seed, "arrival") {
  const double rate = spec.rate.value() * spec.rate_scale;
  if (!(rate >= 1e-9) || !(rate <= 1e9)) {
    throw InputError("/workload/rate", "expected a rate from 1e-9 /s to 1e9 /s, got " +
                                           std::to_string(rate) + " /s; correct the rate");
  }
  mean_gap_ = 1 / rate;
  const DistributionSpec law = gap_law(spec, mean_gap_);
  if (spec.arrivals != "constant") gap_.emplace(law, "/workload/arrival_cv");
}

Instant ArrivalProcess::next() {
  const std::uint64_t i = count_++;
  if (!gap_) {
    const double at = std::min(static_cast<double>(i) * mean_gap_, kLongestGap);
    return now_ = std::max(now_, Instant() + duration_from_seconds(at));
  }
  if (i == 0) return now_;
  const Instant last(kLargestExact);
  now_ = std::min(now_ + duration_from_seconds(gap_->draw(random_)), last);
  return now_;
}

}  // namespace headroom
