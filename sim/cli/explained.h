// The values of a scenario and where each came from: printed, or as rows of a report.
#pragma once

#include <vector>

#include "reports/html/scenario_section.h"
#include "sim/scenario_reader.h"

namespace headroom {

/// Prints a line a value that is set; returns the exit code.
int explain(const std::vector<ExplainedValue>& values);

/// The same values for a report.
[[nodiscard]] std::vector<ScenarioValue> scenario_values(const std::vector<ExplainedValue>& values);

}  // namespace headroom
