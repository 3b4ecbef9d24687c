// From a scenario of edge sites to a ready simulation and its report.
//
// Law: same scenario, same result, to the byte. Bad traces are an InputError with their place.
// Not here: files and options (sim/cli/edge_run.cpp, sim/cli/edge_compare.cpp).
#pragma once

#include <memory>
#include <string>

#include "reports/edge_report.h"
#include "sim/edge_scenario.h"
#include "sim/edge_simulation.h"

namespace headroom {

/// A setup with what it points into. Not moved once made.
struct EdgeAssembly {
  EdgeSetup setup;
  std::unique_ptr<EdgeWorkload> workload;
  std::string workload_sentence;
};

/// Opens traces, resolves the policy. Throws InputError.
[[nodiscard]] std::unique_ptr<EdgeAssembly> assemble_edges(const EdgeScenario& scenario);

/// What reports say of a run of this scenario.
[[nodiscard]] EdgeReportContext edge_report_context(const EdgeScenario& scenario,
                                                    const EdgeAssembly& assembly);

}  // namespace headroom
