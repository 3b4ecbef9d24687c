// DEDAS: shortest task first; a newcomer may displace one task where that lowers the mean run time.
//
// The variant of the DEMS paper (R10 of arXiv 2412.20860's released code). With T and n the sum and
// number of runs in time so far, a newcomer that would displace at most one task is inserted iff
// (T + runs of victims) / (n + victims) exceeds (T + its run) / (n + 1); otherwise it is called in
// the cloud, as is what does not fit. Neither time nor worth of a call is looked at beforehand.
// `faithful` passes over the first displaced task (quirk Q1). O(queue) an arrival.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class Dedas final : public DispatchPolicy {
 public:
  explicit Dedas(const Parameters& parameters)
      : faithful_(parameters.flag("faithful")),
        order_(edge_order(parameters, EdgeOrder::shortest)) {}
  EdgeTiming timing() const override { return faithful_ ? kReleasedTiming : EdgeTiming{}; }

  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    const std::int64_t key = edge_key(order_, task);
    const EdgeFit fit = fit_at_edge(plan, task, key);
    if (!fit.fits) return plan.call_cloud(task, CloudRoute::direct);
    if (fit.behind == plan.queued()) return plan.enqueue(task, key);
    const EdgeVictims victims = find_victims(
        plan, task, fit, faithful_ ? FirstDisplaced::passed_over : FirstDisplaced::tested);
    if (victims.slots.size() > 1 || !lowers_mean(task, victims)) {
      return plan.call_cloud(task, CloudRoute::direct);
    }
    for (const std::uint32_t slot : victims.slots) {
      plan.mark_rescheduled(plan.view(slot));
      plan.call_cloud(plan.view(slot), CloudRoute::rescheduled);
    }
    plan.enqueue(task, key);
  }

  void on_idle(EdgePlan& plan) override { run_first_in_time(plan); }

  void on_result(EdgePlan&, const EdgeResult& result) override {
    if (result.outcome != EdgeOutcome::edge) return;
    total_ += result.actual;
    ++runs_;
  }

 private:
  /// a_old > a_new, compared as fractions: no rounding.
  [[nodiscard]] bool lowers_mean(EdgeTaskView task, const EdgeVictims& victims) const {
    if (runs_ == 0) return false;  // a_old counts as 0 then
    const auto displaced = static_cast<std::int64_t>(victims.slots.size());
    const Int128 old_sum = (total_ + victims.edge_time).value();
    const Int128 new_sum = (total_ + task.edge_time()).value();
    return old_sum * (runs_ + 1) > new_sum * (runs_ + displaced);
  }

  bool faithful_;
  EdgeOrder order_;
  Duration total_{0};
  std::int64_t runs_ = 0;
};

const RegisterDispatchPolicy kRegistered{
    "dedas", "shortest task first at the edge; displaces one task where the mean run falls",
    edge_parameters(),
    [](const Parameters& parameters) { return std::make_unique<Dedas>(parameters); }};

}  // namespace
}  // namespace headroom
