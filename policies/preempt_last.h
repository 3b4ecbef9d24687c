// Making room the way vLLM and Sarathi-Serve do: the request admitted last gives way.
//
// Law: a request that is scheduled or in flight is never the victim.
// Cost: O(running) a preemption, which is rare.
// Not here: when to preempt; that is each policy's own rule.
#pragma once

#include <cstddef>

#include "sim/policy.h"

namespace headroom {

enum class Victim { another, itself };

/// Index of the running request that must give way to running(`asking`): the last one that is
/// neither scheduled nor in flight, `asking` itself when nobody follows. Requires that
/// running(asking) is neither.
[[nodiscard]] inline std::size_t last_idle(const BatchPlan& plan, std::size_t asking) {
  std::size_t i = plan.running_count() - 1;
  while (i > asking && plan.running(i).in_flight()) --i;
  return i;
}

/// Sends the victim of `last_idle` back to the front of the waiting queue, to be computed again.
[[nodiscard]] inline Victim preempt_last(BatchPlan& plan, std::size_t asking) {
  const std::size_t victim = last_idle(plan, asking);
  plan.preempt(plan.running(victim), Preemption::recompute);
  return victim == asking ? Victim::itself : Victim::another;
}

/// For when nobody has room for its next token: the last running requests start again until the
/// first one can go on. Even that one leaves where the whole replica is too small for it. Requires
/// that no running request is scheduled or in flight.
inline void advance_first(BatchPlan& plan) {
  while (plan.running_count() > 0) {
    const RequestView first = plan.running(0);
    if (plan.grow(first, first.missing())) {
      plan.schedule(first, first.missing());
      return;
    }
    if (preempt_last(plan, 0) == Victim::itself) return;
  }
}

}  // namespace headroom
