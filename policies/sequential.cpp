// The operators of an iteration one after the other, each on the whole device: what engines do that
// launch kernels on one stream, and the measure of every other execution policy.
#include "sim/execution_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class Sequential final : public ExecutionPolicy {
 public:
  [[nodiscard]] LayerPlan plan(const LayerView& layer) const override {
    return sequential_plan(layer);
  }
};

const RegisterExecutionPolicy kRegistered{
    "sequential",
    "one operator after the other, each on the whole device",
    {},
    [](const Parameters&) { return std::make_unique<Sequential>(); }};

}  // namespace
}  // namespace headroom
