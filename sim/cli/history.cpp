// `headroom history`: a figure over the runs of a database.
#include "reports/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/gate.h"
#include "reports/html/history_page.h"
#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Names the nearest figure or scenario. Runs are there.
[[noreturn]] void unknown(const std::vector<RecordSet>& runs, const std::string& metric,
                          const std::string& scenario) {
  std::vector<std::string> names, scenarios;
  for (const RecordSet& set : runs) {
    scenarios.push_back(set.name);
    for (const NamedMetric& one : set.runs.front().metrics) names.push_back(one.name);
  }
  if (!scenario.empty() &&
      std::find(scenarios.begin(), scenarios.end(), scenario) == scenarios.end()) {
    throw InputError("--scenario",
                     fmt::format("expected a scenario of the database, got {}{}",
                                 headroom::quoted(scenario), did_you_mean(scenario, scenarios)));
  }
  const std::string name = full_metric_name(metric);
  throw InputError("--metric", fmt::format("expected a figure of the runs, got {}{}",
                                           headroom::quoted(name), did_you_mean(name, names)));
}

}  // namespace

int command_history(const Invocation& call) {
  const std::string& path = call.arguments().front();
  const std::string metric = call.value("metric").value_or("tpot");
  const std::string scenario = call.value("scenario").value_or("");
  check_places(call, {"json", "html"});
  const std::vector<RecordSet> runs = database_runs(path);
  if (runs.empty()) {
    throw InputError(path, "expected runs, got none; headroom run SCENARIO --db adds one");
  }
  const std::vector<History> found = histories(runs, metric, scenario);
  if (found.empty()) unknown(runs, metric, scenario);
  const auto rows =
      static_cast<std::size_t>(call.has("rows") ? whole_option(call, "rows", 0, 100'000) : 10);
  if (const auto file = call.value("json")) write_document(*file, history_json(found));
  if (const auto file = call.value("html")) write_document(*file, history_page(found, path));
  if (!takes_stdout(call, {"json", "html"})) print(history_console(found, rows));
  return kExitYes;
}

}  // namespace headroom
