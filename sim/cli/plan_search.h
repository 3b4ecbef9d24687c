// The deployment that holds the service levels and is best by the plan's objective.
//
// Of every family the least replicas that hold are asked for, but only as far as the family could
// still be among the best: each other one is shown to lose, by a bound or by a simulation of the
// most replicas that would not cost more. Families are taken in the order in which short runs of
// the load promise the most (successive halving over its length); short runs decide nothing else.
// Law: what is answered was simulated to the end and holds. Taken as given: more replicas of a kind
// serve no worse and cost no less; one of two pools serves no better beside a real other pool than
// beside 64 replicas of its kind whose KV moves in no time (Zhong et al., OSDI 2024, section 4.1).
// Under these the best of the space is found: tests/cli/plan_search_test.cpp compares with
// exhaustive search.
// Where replicas come and go, what a deployment costs is what its run was paid for, and its bound
// the replicas that are paid at all times (sim/cli/plan_dynamics.h); two pools are then judged
// together only. A family is still answered with the least replicas that hold, each pair of pools
// along the edge of what holds.
// Law: the answer does not depend on the number of threads.
// Cost: a simulation cut short for most families, a few whole ones for the best.
// Not here: what is told around the best (sim/cli/plan_answer.h).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/cli/plan_bounds.h"
#include "sim/cli/plan_judge.h"

namespace headroom {

struct FamilyAnswer {
  std::size_t index = 0;  ///< in the space
  PlanCounts counts{};    ///< least that hold; empty: none, or none that could win
  Judged at{};            ///< there
  double objective = 0;   ///< of these
  PlanCounts tried{};     ///< of the simulation that `why_not` tells of; empty: there was none
  Judged last{};          ///< that simulation
  std::string why_not{};  ///< one sentence
  [[nodiscard]] bool holds() const { return !counts.empty(); }
};

/// What is asked of a search.
struct PlanAim {
  std::size_t keep = 1;  ///< so many families are searched to their least replicas
  PlanWhatIf what_if{};
  std::vector<PlanCounts> guesses{};  ///< by family, from a search before; may be empty
};

struct PlanFound {
  std::vector<FamilyAnswer> ranked;  ///< that hold, best first
  std::vector<FamilyAnswer> lost;    ///< the others, in the order of the space
  std::vector<FamilyBound> bounds;   ///< by family
  std::vector<PlanCounts> guesses;   ///< by family: where it holds, or about where it would
};

/// What a simulated deployment costs by an objective: USD/h, USD a million output tokens, GPUs (on
/// average, where they come and go), or J an output token.
[[nodiscard]] double objective_value(PlanObjective objective, const PlanBill& bill,
                                     const PlanFigures& figures);

class PlanSearch {
 public:
  PlanSearch(const PlanSpace& space, PlanJudge& judge, int jobs)
      : space_(space), judge_(judge), bounds_(space, judge), jobs_(jobs) {}
  [[nodiscard]] PlanFound find(const PlanAim& aim);
  /// Calls `work` for each index below `count`, on as many threads as allowed.
  void each(std::size_t count, const std::function<void(std::size_t)>& work) const;
  [[nodiscard]] PlanJudge& judge() { return judge_; }
  [[nodiscard]] const PlanSpace& space() const { return space_; }
  [[nodiscard]] PlanBounds& bounds() { return bounds_; }

 private:
  const PlanSpace& space_;
  PlanJudge& judge_;
  PlanBounds bounds_;
  int jobs_;
};

}  // namespace headroom
