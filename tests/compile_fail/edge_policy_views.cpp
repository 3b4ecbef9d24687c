// A dispatch policy sees no actual time, and changes nothing but through its plan's actions
// (sim/edge_task.h, edge_policy.h).
// clang-format off
// case 1: the actual time at the edge is read from a view | has no member named .edge_actual.|no member named 'edge_actual'
// case 2: the task behind a view is reached | is private within|is a private member
// case 3: a plan is copied | use of deleted function|call to deleted constructor
// case 4: the queue behind a plan is emptied | is private within|is a private member
// case 5: the clock is moved | is private within|is a private member
// case 6: a dispatch policy without a decision is created | abstract
// case 7: the loss of an answer is read before it is given | has no member named .actual_loss.|no member named 'actual_loss'
// case 8: the losses behind a plan are reached | is private within|is a private member
// clang-format on
#include "sim/edge_policy.h"

namespace headroom {

class Greedy final : public DispatchPolicy {
 public:
  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    plan.enqueue(task, task.edge_time().value());
  }
  void on_idle(EdgePlan& plan) override {
    if (plan.queued() > 0) plan.run(plan.queued(0), EdgeStart::from_queue);
  }
};

Duration expected(const EdgeTaskView& task) { return task.edge_time() + task.cloud_time(); }

#if CASE == 1
Duration broken(const EdgeTaskView& task) { return task.edge_actual(); }
#elif CASE == 2
const EdgeTask* broken(const EdgeTaskView& task) { return task.task_; }
#elif CASE == 3
EdgePlan broken(const EdgePlan& plan) { return plan; }
#elif CASE == 4
void broken(EdgePlan& plan) { plan.queue_.clear(); }
#elif CASE == 5
void broken(EdgePlan& plan) { plan.now_ = Instant(); }
#elif CASE == 6
DispatchPolicy* broken() {
  static DispatchPolicy policy;
  return &policy;
}
#elif CASE == 7
double broken(const EdgePlan& plan, const EdgeTaskView& task) { return plan.actual_loss(task, 0); }
#elif CASE == 8
const EdgeLosses* broken(const EdgePlan& plan) { return plan.losses_; }
#endif

}  // namespace headroom
