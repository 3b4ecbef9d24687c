// The least replicas of one family that hold.
//
// Law: every deployment that is answered was judged to hold; under the monotony that
// sim/cli/plan_search.h takes as given no cheaper one of the family does.
// Cost: about 2 log2(distance from the guess) questions; of two pools one more for each number of
// prefill replicas that could still be cheaper.
#pragma once

#include <cstdint>
#include <functional>

#include "sim/cli/plan_judged.h"
#include "sim/cli/plan_space.h"

namespace headroom {

/// What is known of a family and may be asked of it.
struct FamilyTask {
  PlanCounts lower;  ///< fewer of any kind cannot hold
  PlanCounts guess;  ///< where to start
  /// Whether so many may be had and could still win; once false, false for more.
  std::function<bool(const PlanCounts&)> allowed;
  std::function<double(const PlanCounts&)> floor;  ///< of the objective; more for more
  std::function<Judged(const PlanCounts&)> judge;
  /// What counts that hold cost, where that is more than `floor` of them; empty: as `floor`.
  std::function<double(const PlanCounts&, const Judged&)> value{};
};

struct FamilyOutcome {
  PlanCounts counts{};  ///< empty: none of the allowed holds
  Judged at{};
  PlanCounts tried{};  ///< the last that missed
  Judged last{};
};

/// Requires task.allowed(task.lower).
[[nodiscard]] FamilyOutcome least_of_family(const FamilyTask& task);

}  // namespace headroom
