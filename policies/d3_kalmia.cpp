// D3 with Kalmia: in order of arrival; a task that fits nowhere gets a later deadline if its type
// is not urgent.
//
// The variant of the DEMS paper (R11 of arXiv 2412.20860's released code). A task that neither edge
// nor cloud is expected to serve in time is dropped if urgent; else its deadline is extended by its
// type's `extension`, the edge is tried again, and at last the cloud, unchecked. Its success is
// then judged by the extended deadline, which flatters it. `faithful` enters the task twice after
// an extension (quirk Q4): its copy costs the edge a second run. `edge_only` uses no cloud and
// extends when a task's turn comes. O(queue) an arrival.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

std::vector<ParameterSpec> parameters_of_d3() {
  std::vector<ParameterSpec> specs = edge_parameters();
  specs.push_back({"edge_only",
                   ParameterSpec::Kind::flag,
                   0,
                   1,
                   "false",
                   {},
                   "no cloud; deadlines are extended when a task's turn comes"});
  return specs;
}

class D3Kalmia final : public DispatchPolicy {
 public:
  explicit D3Kalmia(const Parameters& parameters)
      : faithful_(parameters.flag("faithful")),
        edge_only_(parameters.flag("edge_only")),
        order_(edge_order(parameters, EdgeOrder::arrival)) {}
  EdgeTiming timing() const override { return faithful_ ? kReleasedTiming : EdgeTiming{}; }

  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    const std::int64_t key = edge_key(order_, task);
    if (edge_only_ || fit_at_edge(plan, task, key).fits) return plan.enqueue(task, key);
    if (task.cloud_time() < task.slack(plan.now())) {
      return plan.call_cloud(task, CloudRoute::direct);
    }
    if (task.type().extension == Duration(0)) return plan.drop(task, DropReason::time);
    plan.extend_deadline(task, task.type().extension);
    if (!fit_at_edge(plan, task, key).fits) return plan.call_cloud(task, CloudRoute::direct);
    plan.enqueue(task, key);
    if (faithful_) plan.enqueue_copy(task, key);
  }

  void on_idle(EdgePlan& plan) override {
    while (plan.queued() > 0) {
      const EdgeTaskView head = plan.queued(0);
      if (edge_only_ && head.edge_time() >= head.slack(plan.now()) &&
          head.type().extension > Duration(0)) {
        plan.extend_deadline(head, head.type().extension);
      }
      if (head.edge_time() < head.slack(plan.now())) {
        return plan.run(head, EdgeStart::from_queue);
      }
      plan.drop(head, DropReason::expired_edge);
    }
  }

 private:
  bool faithful_;
  bool edge_only_;
  EdgeOrder order_;
};

const RegisterDispatchPolicy kRegistered{
    "d3-kalmia", "in order of arrival; tasks that are not urgent get later deadlines",
    parameters_of_d3(),
    [](const Parameters& parameters) { return std::make_unique<D3Kalmia>(parameters); }};

}  // namespace
}  // namespace headroom
