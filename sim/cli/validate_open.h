// Repeats measured open-loop runs: described loads with arrivals of their own, recorded ones with
// theirs.
//
// Law: one run gives one result for the whole and, where several load stages were measured, one a
// stage, in the order of the file; nothing is drawn from what was measured. A stage begins when the
// one before has drained, as inference-perf has it.
// Cost: a simulation a stage, about 50 ms each.
// Not here: reading of runs (traces/measured_runs.h), closed loops (sim/cli/validate_run.h).
#pragma once

#include <vector>

#include "sim/cli/validate_run.h"
#include "traces/measured_runs.h"

namespace headroom {

[[nodiscard]] std::vector<ValidatedPoint> run_open_loops(const std::vector<MeasuredRun>& runs,
                                                         const ValidateOptions& options);

/// The deployment of a run as a point of the same engine, model and split.
[[nodiscard]] PlannedPoint plan_run(const MeasuredRun& run, const BenchmarkHabits& habits);

}  // namespace headroom
