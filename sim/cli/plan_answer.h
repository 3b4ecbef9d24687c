// A plan's whole answer: the best deployments, and what stands around the winner.
//
// Law: every figure of a deployment comes from simulating the whole load on it. Outlooks search the
// whole space again under their condition, so that "costs are 4 % higher" answers with what would
// then be bought, and with whether the plan as it stands would still hold.
// Cost: one search, one search more for each outlook, about ten runs for each row's highest load.
// Not here: the search (sim/cli/plan_search.h), layout (reports/plan_report.h).
#pragma once

#include "reports/plan_report.h"
#include "sim/cli/plan_search.h"

namespace headroom {

struct PlanAnswer {
  PlanReport report;
  std::optional<FamilyAnswer> winner{};
};
/// Says nothing useful where the judge was stopped.
[[nodiscard]] PlanAnswer answer_plan(PlanSearch& search, std::size_t keep);

/// A deployment as a row; `judged` is of these counts.
[[nodiscard]] PlanRow plan_row(const PlanSpace& space, const PlanFamily& family,
                               const PlanCounts& counts, const Judged& judged);
/// The head of a report: scenario, load, service levels, limits.
[[nodiscard]] PlanReport plan_head(const PlanSpace& space, const PlanJudge& judge);

}  // namespace headroom
