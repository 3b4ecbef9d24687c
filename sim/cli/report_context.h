// What reports say beside the metrics: names, digests, price, energy, the lower bound, notes.
#pragma once

#include "reports/summary.h"
#include "sim/cli/assemble.h"
#include "sim/cli/run_account.h"

namespace headroom {

[[nodiscard]] ReportContext make_report_context(const Scenario& scenario, const Assembly& assembly,
                                                const Metrics& metrics, const RunAccount& account);

}  // namespace headroom
