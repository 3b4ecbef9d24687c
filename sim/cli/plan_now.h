// What-if against a deployment that runs: `headroom plan --from-now`.
//
// The scenario's deployment is what runs now. An event (load grows, prompts grow, nodes fail, a
// device is replaced; service levels and keys change by --slo and --set) is judged on it as it
// stands, then the least replicas of the same kinds that hold are searched for.
// Law: all three are simulated under the same requests. With failing nodes the answer holds while
// that many nodes' worth of replicas of each pool are gone.
// Cost: about ten simulations.
#pragma once

#include "reports/plan_report.h"
#include "sim/cli/command_line.h"
#include "sim/cli/plan_results.h"
#include "sim/cli/plan_space.h"

namespace headroom {

struct PlanNowAnswer {
  PlanReport report;
  PlanSpace space;      ///< after the event
  PlanFamily family{};  ///< after the event
  PlanCounts counts{};  ///< that hold then; empty: none
};
/// Throws InputError: no event, options that would be ignored, a device that does not run.
[[nodiscard]] PlanNowAnswer plan_from_now(const Invocation& call, int jobs);

/// Throws InputError where an event is given without --from-now.
void refuse_events(const Invocation& call);

}  // namespace headroom
