// A run of edge sites as one HTML page.
#pragma once

#include <string>
#include <vector>

#include "reports/edge_report.h"
#include "reports/html/scenario_section.h"

namespace headroom {

/// Pure: every figure is the summary's.
[[nodiscard]] std::string edge_page(const EdgeSummary& summary,
                                    const std::vector<ScenarioValue>& scenario);

}  // namespace headroom
