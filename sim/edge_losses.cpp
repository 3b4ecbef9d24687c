#include "sim/edge_losses.h"

#include "sim/check.h"
#include "sim/edge_policy.h"
#include "sim/mix.h"
#include "sim/random.h"

namespace headroom {
namespace {

std::uint64_t word_of(std::uint64_t seed, std::uint16_t model, std::uint32_t task) {
  return mixed(seed + (std::uint64_t{model} << 32 | task));
}

}  // namespace

EdgeLosses::EdgeLosses(const EdgeLaws& laws, std::uint64_t seed, std::uint32_t site)
    : laws_(laws),
      spread_seed_(RandomStream(seed, "loss", site).bits()),
      prediction_seed_(RandomStream(seed, "loss prediction", site).bits()) {}

double EdgeLosses::actual(const EdgeTaskType& type, std::uint16_t model, std::uint32_t task) const {
  return type.loss * laws_.loss_spread.draw(word_of(spread_seed_, model, task));
}

double EdgeLosses::predicted(const EdgeTaskType& type, std::uint16_t model,
                             std::uint32_t task) const {
  return actual(type, model, task) *
         laws_.loss_prediction.draw(word_of(prediction_seed_, model, task));
}

double EdgePlan::predicted_loss(EdgeTaskView task, std::uint16_t model) const {
  SIM_CHECK(losses_ != nullptr && model < types_->size(), "a loss is predicted of a known model");
  return losses_->predicted((*types_)[model], model, task.id());
}

}  // namespace headroom
