#include "sim/cli/edge_run.h"

#include <fmt/format.h>

#include <memory>

#include "reports/edge_report.h"
#include "reports/edge_tasks_csv.h"
#include "reports/output_file.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/edge_assemble.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/edge_scenario_reader.h"
#include "sim/edge_serving.h"
#include "sim/simulation.h"

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

/// What a run says of the serving system that answered its calls.
std::vector<std::string> serving_notes(const Scenario& serving, const Assembly& assembly,
                                       const Metrics& metrics) {
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < metrics.rows.size(); ++i) {
    times.push_back(metrics.rows[i].end_to_end_ns);
  }
  const DurationSummary end_to_end = summary_of(times);
  return {fmt::format("calls are answered by {} replica{} of {} on {} GPU{}, simulated in this run",
                      assembly.replicas, assembly.replicas == 1 ? "" : "s", serving.model.name,
                      assembly.gpus, assembly.gpus == 1 ? "" : "s"),
          fmt::format("requests there: {} finished, {} rejected; end to end p50 {:.1f} ms, p99 "
                      "{:.1f} ms",
                      metrics.finished, metrics.total_rejected(), end_to_end.p50, end_to_end.p99)};
}

struct EdgeRun {
  EdgeMetrics metrics;
  std::vector<std::string> notes{};  ///< of the serving system
  UsdPerHour serving_price{0};
  std::string does_not_fit{};  ///< the answer is no: why
};

EdgeRun run_beside_serving(const Scenario& serving, const EdgeSetup& edges) {
  EdgeRun run;
  const Assembly assembly = assemble(serving);
  run.does_not_fit = assembly.does_not_fit;
  if (!run.does_not_fit.empty()) return run;
  EdgeServing source(edges);
  SimulationSetup setup = make_setup(serving, assembly, source);
  setup.sinks.push_back(&source);
  setup.stop = edges.stop;
  const Metrics metrics = simulate(std::move(setup));
  if (edges.stop->load()) return run;
  run.metrics = source.finish();
  run.notes = serving_notes(serving, assembly, metrics);
  for (const AssembledGroup& group : assembly.groups) {
    const UsdPerHour device = serving.price.device_hour.value_or(group.device.price.hour);
    run.serving_price += device * static_cast<double>(group.spec.replicas * group.spec.devices());
  }
  return run;
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
  const EdgeRun run = loaded.scenario.serving
                          ? run_beside_serving(*loaded.scenario.serving, assembly->setup)
                          : EdgeRun{simulate_edges(assembly->setup), {}, UsdPerHour(0), {}};
  if (!run.does_not_fit.empty()) {
    complain(run.does_not_fit);
    return kExitNo;
  }
  if (interrupted().load()) {
    complain("headroom run: interrupted; no file was written; run the same command again");
    return kExitInterrupted;
  }
  EdgeReportContext context = edge_report_context(loaded.scenario, *assembly);
  if (loaded.scenario.serving) {
    context.notes = run.notes;
    context.serving_price = run.serving_price;
    context.call_price = context.gigabyte_second_price = Usd(0);
  }
  const EdgeSummary summary = summarise_edges(run.metrics, context);
  if (json) json->write(edge_json_report(summary));
  if (json) json->commit();
  if (tasks) tasks->commit();
  const bool taken = call.value("json") == "-" || call.value("requests-csv") == "-";
  if (!taken) print(edge_console_report(summary));
  return summary.generated == 0 ? kExitNoAnswer : kExitYes;
}

}  // namespace headroom
