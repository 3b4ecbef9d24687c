// What reports say beside the metrics: names, digests, price, energy, the lower bound, notes.
#pragma once

#include "reports/summary.h"
#include "sim/cli/assemble.h"
#include "sim/cli/run_account.h"
#include "sim/scenario_reader.h"

namespace headroom {

[[nodiscard]] ReportContext make_report_context(const Scenario& scenario, const Assembly& assembly,
                                                const Metrics& metrics, const RunAccount& account);

/// What a device costs over its on-demand price, as the scenario buys it.
[[nodiscard]] double paid_share(const Scenario& scenario);

/// Effective values as records keep them: without the seed, names and gates, which are no part of
/// what is compared.
[[nodiscard]] std::vector<RecordedInput> recorded_inputs(const LoadedScenario& loaded);

}  // namespace headroom
