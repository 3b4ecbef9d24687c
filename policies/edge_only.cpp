// Edge only: every task queues at the accelerator in a fixed order; what would be late when its
// turn comes is dropped then.
//
// The baselines FIFO, EDF, SJF, HPF, HUF and HUF per time of arXiv 2412.20860. No cloud, no
// admission; cheap, and lost as soon as tasks take more than the accelerator has. O(log queue) an
// arrival.
#include <memory>

#include "policies/edge_order.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class EdgeOnly final : public DispatchPolicy {
 public:
  EdgeOnly(const Parameters& parameters, EdgeOrder order)
      : faithful_(parameters.flag("faithful")), order_(order) {
    if (faithful_ && order == EdgeOrder::deadline) order_ = EdgeOrder::relative_deadline;
  }
  EdgeTiming timing() const override { return faithful_ ? kReleasedTiming : EdgeTiming{}; }
  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    plan.enqueue(task, edge_key(order_, task));
  }
  void on_idle(EdgePlan& plan) override { run_first_in_time(plan); }

 private:
  bool faithful_;
  EdgeOrder order_;
};

const std::vector<ParameterSpec> kParameters{
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     1,
     "false",
     {},
     "as released: its polling; its earliest deadline is by relative deadline"}};

auto with(EdgeOrder order) {
  return [order](const Parameters& parameters) -> std::unique_ptr<DispatchPolicy> {
    return std::make_unique<EdgeOnly>(parameters, order);
  };
}

const RegisterDispatchPolicy kFifo{"edge-fifo", "edge only, in order of arrival", kParameters,
                                   with(EdgeOrder::arrival)};
const RegisterDispatchPolicy kEdf{"edge-edf", "edge only, earliest deadline first", kParameters,
                                  with(EdgeOrder::deadline)};
const RegisterDispatchPolicy kSjf{"edge-sjf", "edge only, shortest task first", kParameters,
                                  with(EdgeOrder::shortest)};
const RegisterDispatchPolicy kHpf{"edge-hpf", "edge only, highest benefit first", kParameters,
                                  with(EdgeOrder::benefit)};
const RegisterDispatchPolicy kHuf{"edge-huf", "edge only, highest utility first", kParameters,
                                  with(EdgeOrder::utility)};
const RegisterDispatchPolicy kHufPerTime{"edge-huf-per-time",
                                         "edge only, highest utility per time first", kParameters,
                                         with(EdgeOrder::utility_per_time)};

}  // namespace
}  // namespace headroom
