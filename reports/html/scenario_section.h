// The end of a page: which scenario, which versions, which digests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "reports/html/page.h"

namespace headroom {

/// A value of the scenario and where it came from.
struct ScenarioValue {
  std::string path, value, source;
};

/// A section of `facts` (name, value), then every value of the scenario, folded away.
void write_scenario_section(HtmlPage& page,
                            const std::vector<std::pair<std::string, std::string>>& facts,
                            const std::vector<ScenarioValue>& values);

}  // namespace headroom
