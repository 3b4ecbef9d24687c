#include "sim/cli/explained.h"

#include <fmt/format.h>

#include "reports/text_layout.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"

namespace headroom {

std::vector<ScenarioValue> scenario_values(const std::vector<ExplainedValue>& values) {
  std::vector<ScenarioValue> shown;
  for (const ExplainedValue& value : values) {
    if (value.value.empty() && value.source == ValueSource::built_in) continue;
    std::string source = to_string(value.source);
    if (!value.origin.empty()) source += " (" + value.origin + ")";
    shown.push_back({value.pointer, value.value, std::move(source)});
  }
  return shown;
}

int explain(const std::vector<ExplainedValue>& values) {
  for (const ScenarioValue& value : scenario_values(values)) {
    print(fmt::format("{:<52} {:<24} {}\n", value.path, printable(value.value), value.source));
  }
  return kExitYes;
}

}  // namespace headroom
