#include "reports/html/scenario_section.h"

namespace headroom {

void write_scenario_section(HtmlPage& page,
                            const std::vector<std::pair<std::string, std::string>>& facts,
                            const std::vector<ScenarioValue>& values) {
  page.section("Scenario and digests");
  PageTable table{"What this is of", {"", "value"}, {}, {1}};
  for (const auto& [name, value] : facts) table.rows.push_back({name, value});
  page.table(table);
  if (values.empty()) return;
  PageTable all{"Every value, and where it came from", {"value", "is", "from"}, {}, {1, 2}};
  for (const ScenarioValue& one : values) all.rows.push_back({one.path, one.value, one.source});
  page.open_fold("Every value of the scenario");
  page.table(all);
  page.close_fold();
}

}  // namespace headroom
