#include "sim/cli/edge_run.h"

#include <fmt/format.h>

#include <memory>

#include "reports/edge_report.h"
#include "reports/edge_tasks_csv.h"
#include "reports/output_file.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/edge_assemble.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/edge_scenario_reader.h"

namespace headroom {
namespace {

void refuse_ignored(const Invocation& call) {
  for (const char* option : {"markdown", "db", "require-measured", "color"}) {
    if (call.has(option)) {
      throw InputError(std::string("--") + option,
                       "expected no such option for a scenario of edge sites, got it; use --json "
                       "or --requests-csv");
    }
  }
}

int explain(const LoadedEdgeScenario& loaded) {
  for (const ExplainedValue& value : loaded.values) {
    if (value.value.empty() && value.source == ValueSource::built_in) continue;
    std::string source = to_string(value.source);
    if (!value.origin.empty()) source += " (" + value.origin + ")";
    print(fmt::format("{:<52} {:<24} {}\n", value.pointer, printable(value.value), source));
  }
  return kExitYes;
}

}  // namespace

int run_edge_scenario(const Invocation& call, const ScenarioText& input) {
  refuse_ignored(call);
  const LoadedEdgeScenario loaded = read_edge_scenario(input);
  if (call.has("explain-config")) return explain(loaded);
  watch_interrupts();  // before any file is opened, so that none stays behind
  const std::unique_ptr<EdgeAssembly> assembly = assemble_edges(loaded.scenario);
  std::unique_ptr<OutputFile> json;
  std::unique_ptr<EdgeTasksCsv> tasks;
  if (const auto path = call.value("json")) json = std::make_unique<OutputFile>(*path);
  if (const auto path = call.value("requests-csv")) {
    tasks = std::make_unique<EdgeTasksCsv>(*path, assembly->setup.types);
    assembly->setup.observer = tasks.get();
  }
  assembly->setup.stop = &interrupted();
  const EdgeMetrics metrics = simulate_edges(assembly->setup);
  if (interrupted().load()) {
    complain("headroom run: interrupted; no file was written; run the same command again");
    return kExitInterrupted;
  }
  const EdgeSummary summary =
      summarise_edges(metrics, edge_report_context(loaded.scenario, *assembly));
  if (json) json->write(edge_json_report(summary));
  if (json) json->commit();
  if (tasks) tasks->commit();
  const bool taken = call.value("json") == "-" || call.value("requests-csv") == "-";
  if (!taken) print(edge_console_report(summary));
  return summary.generated == 0 ? kExitNoAnswer : kExitYes;
}

}  // namespace headroom
