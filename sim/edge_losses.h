// How good the answers of models are, task by task, and what a router believes before it asks.
//
// A model's loss on a task is its mean times a factor of that task and model; a router's prediction
// is that loss times an error. So the best model differs from task to task, and how well a router
// can tell is part of the scenario (Hari and Thomson, "Tryage: real-time, intelligent routing of
// user prompts to large language models", arXiv 2308.11601).
// Law: a function of (seed, site, task, model) alone, whatever a policy does; policies see
// predictions only, and only through EdgePlan.
// Cost: one draw each.
#pragma once

#include <cstdint>

#include "sim/edge_cloud.h"
#include "sim/edge_task.h"

namespace headroom {

class EdgeLosses {
 public:
  /// `laws` outlive this.
  EdgeLosses(const EdgeLaws& laws, std::uint64_t seed, std::uint32_t site);
  /// `model` is the index of `type` in the run's types.
  [[nodiscard]] double actual(const EdgeTaskType& type, std::uint16_t model,
                              std::uint32_t task) const;
  [[nodiscard]] double predicted(const EdgeTaskType& type, std::uint16_t model,
                                 std::uint32_t task) const;

 private:
  const EdgeLaws& laws_;
  std::uint64_t spread_seed_, prediction_seed_;
};

}  // namespace headroom
