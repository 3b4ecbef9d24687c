// What policies that serve their queue strictly in order have in common.
//
// Law: what is dropped could not run even on an empty replica.
// Cost: O(1).
// Not here: the order itself; policies take waiting(0) or stop.
#pragma once

#include "sim/policy.h"

namespace headroom {

/// A queue in order must not stand still for ever: drops a waiting request that is longer than
/// `longest` tokens (prompt too long) or whose `needed` blocks exceed `most` (never fits). True
/// when dropped: indices of the queue have shifted.
[[nodiscard]] inline bool drop_impossible(BatchPlan& plan, RequestView request, Tokens longest,
                                          Blocks needed, Blocks most) {
  if (request.missing() > longest) {
    plan.drop(request, RejectReason::prompt_too_long);
    return true;
  }
  if (needed > most) {
    plan.drop(request, RejectReason::never_fits);
    return true;
  }
  return false;
}

/// As above for a policy that takes the blocks of the tokens to compute, out of all of the
/// replica's.
[[nodiscard]] inline bool drop_impossible(BatchPlan& plan, RequestView request) {
  return drop_impossible(plan, request, plan.max_model_len(),
                         blocks_for(request.missing(), plan.block_tokens()), plan.total_blocks());
}

/// For `BatchPlan::steady` of a policy that has just looked at the head of its queue and left it
/// there: whoever arrives behind it changes nothing.
[[nodiscard]] inline Arrivals arrivals_behind_head(const BatchPlan& plan) {
  return plan.waiting_count() > 0 ? Arrivals::wait : Arrivals::matter;
}

}  // namespace headroom
