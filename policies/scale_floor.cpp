// As many replicas serve as the scenario's floor says: `least`, and `schedule` where it has one.
//
// No autoscaling; with a schedule, capacity follows the clock (a cron scaler). O(1).
#include <memory>

#include "sim/registry.h"
#include "sim/scaling_policy.h"

namespace headroom {
namespace {

class Floor final : public ScalingPolicy {
 public:
  std::int64_t wanted(const ScalingView& view) override { return view.least; }
};

const RegisterScalingPolicy kRegistered{
    "floor", "as many as `least` and `schedule` say", {}, [](const Parameters&) {
      return std::make_unique<Floor>();
    }};

}  // namespace
}  // namespace headroom
