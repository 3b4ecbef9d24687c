// What can be said of a family without simulating it: whether it fits, whether one request alone is
// already too slow, how many GPUs the work of the load needs at least, and where to start looking.
//
// Law: `too_slow` and `least` only rule out what no simulation could hold (tests/cli/
// plan_search_test.cpp searches small spaces exhaustively); kBoundSlack stands between the figure
// and its use, for batching may round a step down. `guess` rules out nothing.
// Cost: two prices, and O(requests) once for each precision.
// Not here: the perfect system's bound itself (models/lower_bound.h).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "models/lower_bound.h"
#include "sim/cli/assemble.h"
#include "sim/cli/plan_judge.h"

namespace headroom {

constexpr double kBoundSlack = 0.9;

struct FamilyBound {
  std::string impossible{};  ///< does not fit or is no scenario: why
  std::string too_slow{};    ///< no number of replicas holds: why
  double alone_ms = 0;       ///< of the step that is too slow
  PlanCounts least{};        ///< replicas that the work alone needs
  PlanCounts guess{};        ///< M/D/1: enough for prompts to wait within their limit, on average
};

/// Mean wait of an M/D/1 queue (Pollaczek-Khinchine): service x rho / (2 (1 - rho)); infinite from
/// rho = 1 on. Times in seconds.
[[nodiscard]] double md1_wait(double arrivals_per_s, double service);

class PlanBounds {
 public:
  PlanBounds(const PlanSpace& space, PlanJudge& judge);
  [[nodiscard]] FamilyBound bound(const PlanFamily& family, const PlanWhatIf& what_if);

 private:
  /// Seconds from the first arrival within which `share` of the requests must be done.
  struct Window {
    double seconds = 0, share = 0;
  };
  [[nodiscard]] std::optional<Window> window(const PlanWhatIf& what_if) const;
  void look_at_one(const AssembledGroup& group, double slower, FamilyBound& bound) const;
  [[nodiscard]] std::int64_t least_gpus(const Assembly& assembly, const Device& device,
                                        const std::string& key, const PlanWhatIf& what_if);
  [[nodiscard]] std::int64_t md1_replicas(const AssembledGroup& group,
                                          const PlanWhatIf& what_if) const;

  const PlanSpace& space_;
  PlanJudge& judge_;
  std::vector<std::uint32_t> prompts_;   ///< sorted
  std::vector<std::uint32_t> contexts_;  ///< sorted: prompt and half the answer
  double mean_prompt_ = 0;
  std::mutex mutex_;
  std::map<std::string, LoadWork> works_;  ///< by precision
};

}  // namespace headroom
