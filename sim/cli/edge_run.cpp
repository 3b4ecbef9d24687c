#include "sim/cli/edge_run.h"

#include <fmt/format.h>

#include <memory>

#include "reports/edge_report.h"
#include "reports/edge_tasks_csv.h"
#include "reports/edge_timeline.h"
#include "reports/html/edge_page.h"
#include "reports/output_file.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/edge_assemble.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/explained.h"
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

/// Everything that goes to files, opened before the run so that a wrong path fails at once.
class Outputs {
 public:
  /// `setup` is watched by what looks on.
  Outputs(const Invocation& call, EdgeSetup& setup) : call_(call) {
    if (const auto path = call.value("json")) json_ = std::make_unique<OutputFile>(*path);
    if (const auto path = call.value("html")) html_ = std::make_unique<OutputFile>(*path);
    if (const auto path = call.value("requests-csv")) {
      tasks_ = std::make_unique<EdgeTasksCsv>(*path, setup.types);
      setup.observers.push_back(tasks_.get());
    }
    if (const auto path = call.value("timeline")) {
      timeline_ = std::make_unique<EdgeTimeline>(*path, setup.types);
      setup.observers.push_back(timeline_.get());
    }
  }
  void commit(const EdgeSummary& summary, const std::vector<ScenarioValue>& values) {
    if (json_) json_->write(edge_json_report(summary));
    if (html_) html_->write(edge_page(summary, values));
    if (json_) json_->commit();
    if (html_) html_->commit();
    if (tasks_) tasks_->commit();
    if (!timeline_) return;
    timeline_->commit();
    if (timeline_->left_out() == 0) return;
    complain(
        fmt::format("headroom run: the timeline shows the first {} tasks; {} later ones are "
                    "left out",
                    kMostTimelineTasks, timeline_->left_out()));
  }
  /// Whether stdout holds one of the documents alone.
  [[nodiscard]] bool take_stdout() const {
    return call_.value("json") == "-" || call_.value("html") == "-" ||
           call_.value("requests-csv") == "-" || call_.value("timeline") == "-";
  }

 private:
  const Invocation& call_;
  std::unique_ptr<OutputFile> json_, html_;
  std::unique_ptr<EdgeTasksCsv> tasks_;
  std::unique_ptr<EdgeTimeline> timeline_;
};

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
    const auto add = [&](const Device& kind, std::int64_t in_replica) {
      const UsdPerHour hour = serving.price.device_hour.value_or(kind.price.hour);
      run.serving_price += hour * static_cast<double>(group.spec.replicas * in_replica);
    };
    add(group.device, group.spec.devices());
    add(group.attention.device, group.attention.devices);
  }
  return run;
}

}  // namespace

int run_edge_scenario(const Invocation& call, const ScenarioText& input) {
  refuse_ignored(call);
  const LoadedEdgeScenario loaded = read_edge_scenario(input);
  if (call.has("explain-config")) return explain(loaded.values);
  watch_interrupts();  // before any file is opened, so that none stays behind
  const std::unique_ptr<EdgeAssembly> assembly = assemble_edges(loaded.scenario);
  Outputs outputs(call, assembly->setup);
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
  outputs.commit(summary, scenario_values(loaded.values));
  if (!outputs.take_stdout()) print(edge_console_report(summary));
  return summary.generated == 0 ? kExitNoAnswer : kExitYes;
}

}  // namespace headroom
