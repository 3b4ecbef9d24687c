// From a finished measurement to the profile store, and how it agrees with the one before.
//
// Law: a measurement becomes visible at once or not at all; rows that were left out, and stored
// ones that are noisy or of fewer passes, are named in the run's notes. Cost: one transaction. Not
// here: timing (profiles/measure.h), progress.
#pragma once

#include <string>

#include "profiles/measure.h"
#include "profiles/store.h"

namespace headroom {

/// What names a measurement in its journal: device, which of its kind (`unit`), driver, library,
/// tool, plan.
[[nodiscard]] std::string measurement_identity(const ProfileRun& run, const std::string& unit,
                                               const MeasurePlan& plan,
                                               const MeasureMethod& method);

/// How two measurements of one plan on one device differ.
struct Agreement {
  std::int64_t earlier_run = 0;  ///< 0: there is none to compare with
  std::int64_t rows = 0;         ///< of both
  double median = 0;             ///< of |ratio - 1|
  double p90 = 0;
  double shift = 0;         ///< median of ratio - 1: both drifted apart as a whole
  double expected = 0;      ///< standard error of a ratio by the noise that both report
  std::int64_t within = 0;  ///< rows that differ by at most two standard errors
};

/// Against the latest complete run of the same device, plan and library that timed what `outcome`
/// did.
[[nodiscard]] Agreement agreement_with_earlier(const ProfileStore& store, const ProfileRun& run,
                                               const MeasureOutcome& outcome);

/// Stores the rows of `outcome` as a run of `run`'s origin (and before it, where the device knows
/// wall times, a run of those, so that the processor's time answers). Returns the run's id.
std::int64_t store_measurement(ProfileStore& store, ProfileRun run, const MeasurePlan& plan,
                               const MeasureMethod& method, const MeasureOutcome& outcome);

/// What the measurement found, for people: rows, noise, drift, clocks, agreement, what is
/// flagged and what was left out.
[[nodiscard]] std::string measurement_text(const ProfileRun& run, const MeasureOutcome& outcome,
                                           const Agreement& agreement);

}  // namespace headroom
