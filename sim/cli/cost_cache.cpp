#include "sim/cli/cost_cache.h"

#include <fmt/format.h>

#include "sim/cost_digest.h"

namespace headroom {
namespace {

std::string key_of(const CostRequest& request, const std::string& words) {
  const Parallelism& split = request.parallel;
  return fmt::format("{}|{}|{}|{}|{}|{}|{}|{}|{}", words, request.model.name, request.device.name,
                     request.device.link_bandwidth.value(), request.cost, split.tensor,
                     split.pipeline, split.expert, split.attention_data);
}

CachedCost compile(const CostRequest& request) {
  CachedCost cost;
  cost.made = make_cost(request);
  cost.digest = fmt::format("{:016x}", cost_digest(*cost.made.stages.front()));
  if (!cost.made.profile_digest.empty()) cost.digest += "+" + cost.made.profile_digest;
  return cost;
}

}  // namespace

const CachedCost& CostCache::get(const CostRequest& request, const std::string& words) {
  Entry* entry = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::unique_ptr<Entry>& slot = entries_[key_of(request, words)];
    if (!slot) slot = std::make_unique<Entry>();
    entry = slot.get();
  }
  // A compilation that throws leaves the flag unset: the next caller gets its own error.
  std::call_once(entry->once, [&] { entry->cost = compile(request); });
  return entry->cost;
}

}  // namespace headroom
