// Cloud only: every task whose call would pay is called at once, the others are dropped.
//
// The baseline CLD of arXiv 2412.20860. A call that would be late when its turn comes expires; the
// released code forgot such tasks. O(1) an arrival.
#include <memory>

#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class CloudOnly final : public DispatchPolicy {
 public:
  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    if (task.type().cloud_utility() > 0) {
      plan.call_cloud(task, CloudRoute::direct);
    } else {
      plan.drop(task, DropReason::cost);
    }
  }
  void on_idle(EdgePlan&) override {}
};

const RegisterDispatchPolicy kRegistered{
    "cloud-only", "every task that pays there is called in the cloud", {}, [](const Parameters&) {
      return std::make_unique<CloudOnly>();
    }};

}  // namespace
}  // namespace headroom
