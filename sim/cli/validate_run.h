// Runs measured points through the simulation: whole simulations in parallel, results in input
// order.
//
// Law: the results do not depend on the number of threads. Points that share model, device, split,
// formats and engine share one compiled cost model.
// Cost: 20 to 100 ms a distinct deployment, 1 to 50 ms a point.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "reports/validation.h"
#include "sim/check.h"
#include "sim/cli/validate_plan.h"
#include "traces/serving_points.h"

namespace headroom {

class PointJournal;

struct ValidateOptions {
  BenchmarkHabits habits;
  int jobs = 1;
  const std::atomic<bool>* stop = nullptr;
  PointJournal* journal = nullptr;  ///< of `--resume`; may be null
};

/// The line of an error without its place, which differs from point to point.
[[nodiscard]] std::string reason_of(const InputError& error);

/// One result a point, in order. Never throws for a point that cannot be: it says why.
[[nodiscard]] std::vector<ValidatedPoint> run_points(const std::vector<ServingPoint>& points,
                                                     const ValidateOptions& options);

/// Timed iterations against the price of the same batch on `deployment`'s costs: the points' TTFT
/// is the pass.
[[nodiscard]] std::vector<ValidatedPoint> run_passes(const std::vector<ForwardPass>& passes,
                                                     const ServingPoint& deployment,
                                                     const ValidateOptions& options);

}  // namespace headroom
