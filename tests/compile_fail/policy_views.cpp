// A policy cannot see the future, nor change what it was not asked about (sim/request.h, policy.h).
// clang-format off
// case 1: the true output length is read from a view | has no member named .output.|no member named 'output'
// case 2: the request behind a view is reached | is private within|is a private member
// case 3: a view becomes the request behind it | could not convert|no viable conversion
// case 4: a plan is copied | use of deleted function|call to deleted constructor
// case 5: the replica behind a plan is reached | is private within|is a private member
// case 6: a plan is emptied | is private within|is a private member
// case 7: a router changes the cluster | has no member named|no member named
// case 8: a batch policy without a decision is created | abstract
// case 9: how many requests a replica holds is changed through a view | lvalue required|not assignable
// clang-format on
#include "sim/policy.h"

namespace headroom {

class Fifo final : public BatchPolicy {
 public:
  void next_batch(BatchPlan& plan) override {
    if (plan.waiting_count() > 0 && plan.grow(plan.waiting(0), plan.waiting(0).missing())) {
      plan.admit(plan.waiting(0));
    }
  }
};

Tokens allowed(const RequestView& view) { return view.prompt() + view.predicted_output(); }

#if CASE == 1
Tokens broken(const RequestView& view) { return Tokens(view.output()); }
#elif CASE == 2
auto broken(const RequestView& view) { return view.request_->output; }
#elif CASE == 3
LiveRequest broken(const RequestView& view) { return view; }
#elif CASE == 4
BatchPlan broken(BatchPlan& plan) { return plan; }
#elif CASE == 5
Replica& broken(BatchPlan& plan) { return plan.replica_; }
#elif CASE == 6
void broken(BatchPlan& plan) { plan.reset(); }
#elif CASE == 7
void broken(const ClusterView& cluster) { cluster.set_used_blocks(ReplicaId(0), Blocks(0)); }
#elif CASE == 8
class Idle final : public BatchPolicy {};
Idle broken;
#elif CASE == 9
void broken(const ClusterView& cluster) { cluster.outstanding_requests(ReplicaId(0)) = 0; }
#endif

}  // namespace headroom
