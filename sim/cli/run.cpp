// `headroom run`: what happens under this load.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/cost_factory.h"
#include "reports/console.h"
#include "reports/gate.h"
#include "reports/html/run_page.h"
#include "reports/json_report.h"
#include "reports/markdown.h"
#include "reports/output_file.h"
#include "reports/progress.h"
#include "reports/requests_csv.h"
#include "reports/run_database.h"
#include "reports/run_detail.h"
#include "reports/serving_timeline.h"
#include "reports/summary.h"
#include "reports/text_layout.h"
#include "reports/watch.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/cli/commands.h"
#include "sim/cli/edge_run.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/explained.h"
#include "sim/cli/report_context.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Command line > NO_COLOR > TERM > whether stdout is a terminal.
Colour choose_colour(const Invocation& call) {
  if (call.has("color")) return Colour::on;
  if (call.has("no-color")) return Colour::off;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return Colour::off;
  const char* term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return Colour::off;
  return ::isatty(STDOUT_FILENO) == 1 ? Colour::on : Colour::off;
}

/// Options that each write one document.
constexpr std::initializer_list<const char*> kDocuments = {"json", "markdown", "html",
                                                           "requests-csv", "timeline"};

void check_outputs(const Invocation& call) {
  if (call.has("color") && call.has("no-color")) {
    throw InputError("--color", "expected either --color or --no-color, got both; remove one");
  }
  if ((call.has("color") || call.has("no-color")) && takes_stdout(call, kDocuments)) {
    throw InputError(call.has("color") ? "--color" : "--no-color",
                     "expected a report on stdout, got another document there; remove the option");
  }
  if (call.has("label") && !call.has("db")) {
    throw InputError("--label", "expected --db with it, got none; a label is kept in the database");
  }
  check_places(call, {"json", "markdown", "html", "requests-csv", "timeline", "db"});
  if (call.value("db") == "-") {
    throw InputError("--db", "expected the path of a file, got -; name one");
  }
}

void check_explain(const Invocation& call) {
  if (!call.has("explain-config")) return;
  for (const char* option :
       {"json", "markdown", "html", "requests-csv", "timeline", "timeline-window", "db", "label",
        "quiet", "watch", "require-measured", "color", "no-color"}) {
    if (call.has(option)) {
      throw InputError(std::string("--") + option,
                       "expected no such option with --explain-config, which does not run; remove "
                       "one of them");
    }
  }
}

std::optional<std::uint64_t> expected_requests(const Scenario& scenario) {
  const WorkloadSpec& load = scenario.workload;
  if (!load.trace.empty()) {
    return load.limit > 0 ? std::optional<std::uint64_t>(load.limit) : std::nullopt;
  }
  return load.limit > 0 ? std::min(load.limit, load.requests) : load.requests;
}

/// Everything that goes to files, opened before the run so that a wrong path fails at once.
struct Outputs {
  std::unique_ptr<OutputFile> json, markdown, html;
  std::unique_ptr<RequestsCsv> requests;

  explicit Outputs(const Invocation& call) {
    if (const auto path = call.value("json")) json = std::make_unique<OutputFile>(*path);
    if (const auto path = call.value("markdown")) markdown = std::make_unique<OutputFile>(*path);
    if (const auto path = call.value("html")) html = std::make_unique<OutputFile>(*path);
    if (const auto path = call.value("requests-csv")) {
      requests = std::make_unique<RequestsCsv>(*path);
    }
  }
  /// Completes all of them; the database last, for it cannot be taken back.
  void commit(const Invocation& call, const Metrics& metrics, const Summary& summary,
              const std::vector<ExplainedValue>& values) {
    std::optional<RunDetail> detail;
    if (json || html) detail = run_detail(metrics, summary);
    if (json) json->write(json_report(summary, detail ? &*detail : nullptr));
    if (markdown) markdown->write(markdown_report(summary));
    if (html) html->write(run_page(summary, *detail, scenario_values(values)));
    for (const auto& document : {json.get(), markdown.get(), html.get()}) {
      if (document != nullptr) document->commit();
    }
    if (requests) requests->commit();
    if (const auto path = call.value("db")) {
      record_run(*path, summary, call.value("label").value_or(""));
    }
  }
};

std::unique_ptr<Watch> watch_of(const Invocation& call, const Scenario& scenario) {
  if (!call.has("watch")) return nullptr;
  if (call.has("quiet") || ::isatty(STDERR_FILENO) != 1) {
    throw InputError("--watch", call.has("quiet")
                                    ? "expected it without --quiet, got both; remove one"
                                    : "expected a terminal on stderr, got a file or pipe; drop it");
  }
  return std::make_unique<Watch>(
      Watch::on_terminal(scenario.name, expected_requests(scenario).value_or(0)));
}

/// A name for each replica: its group, its number and role.
std::vector<std::string> replica_names(const Scenario& scenario) {
  std::vector<std::string> names;
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    for (std::int64_t i = 0; i < group.replicas; ++i) {
      names.push_back(fmt::format("{} {}{}", group.name, i,
                                  group.role == "joint" ? "" : " (" + group.role + ")"));
    }
  }
  return names;
}

std::unique_ptr<ServingTimeline> timeline_of(const Invocation& call, const Scenario& scenario) {
  const auto path = call.value("timeline");
  const auto window = call.value("timeline-window");
  if (window && !path) {
    throw InputError("--timeline-window", "expected --timeline with it, got none; name its file");
  }
  if (!path) return nullptr;
  TimelineWindow shown;
  if (window) {
    const WindowTexts ends = split_window(*window, "--timeline-window");
    if (!ends.start.empty()) {
      shown.from = Instant() + parse_duration(ends.start, "--timeline-window");
    }
    if (!ends.end.empty()) shown.to = Instant() + parse_duration(ends.end, "--timeline-window");
  }
  return std::make_unique<ServingTimeline>(*path, replica_names(scenario), shown);
}

int verdict_code(const Summary& summary) {
  if (summary.finished == 0) return kExitNoAnswer;
  return summary.slo.verdict == SloVerdict::missed ? kExitNo : kExitYes;
}

/// With --require-measured: nothing where the costs allow an answer, else why not.
std::optional<std::string> unmeasured(const Invocation& call, const Metrics& metrics) {
  if (!call.has("require-measured")) return std::nullopt;
  const double share =
      evidence_shares(metrics.ledger)[static_cast<std::size_t>(Evidence::extrapolated)];
  if (!(share > 0)) return std::nullopt;
  return fmt::format(
      "--require-measured: expected measured or interpolated costs only, got {:.1f} % "
      "of simulated time extrapolated; profile the device or drop the option",
      share * 100);
}

int run_loaded(const Invocation& call, const LoadedScenario& loaded) {
  watch_interrupts();  // before any file is opened, so that none stays behind
  Outputs outputs(call);
  Progress::Options how;
  const std::unique_ptr<Watch> watch = watch_of(call, loaded.scenario);
  how.where = call.has("quiet") || watch ? Progress::Where::nowhere : Progress::detect();
  how.requests = expected_requests(loaded.scenario);
  Progress progress(how);
  const std::unique_ptr<ServingTimeline> timeline = timeline_of(call, loaded.scenario);
  RunOptions options;
  options.stop = &interrupted();
  options.sinks.push_back(&progress);
  if (watch) options.sinks.push_back(watch.get());
  if (outputs.requests) options.sinks.push_back(outputs.requests.get());
  if (timeline) {
    options.sinks.push_back(timeline.get());
    options.milestones = timeline.get();
  }
  const RunResult result = run_scenario(loaded.scenario, options);
  progress.finish();
  if (watch) watch->finish();
  if (!result.does_not_fit.empty()) {
    complain(result.does_not_fit);
    return kExitNo;
  }
  if (interrupted().load()) {
    complain("headroom run: interrupted; no file was written; run the same command again");
    return kExitInterrupted;
  }
  if (const auto why_not = unmeasured(call, result.metrics)) {
    complain(*why_not);
    return kExitNoAnswer;
  }
  ReportContext context = result.context;
  context.inputs = recorded_inputs(loaded);
  context.document = loaded.document;
  const Summary summary = summarise(result.metrics, context);
  if (timeline) {
    timeline->commit(result.metrics.end);
    if (timeline->sampled()) {
      complain(
          "headroom run: the timeline shows windows of the run in detail; --timeline-window "
          "shows one of your choice");
    }
  }
  outputs.commit(call, result.metrics, summary, loaded.values);
  if (!takes_stdout(call, kDocuments)) print(console_report(summary, choose_colour(call)));
  return verdict_code(summary);
}

}  // namespace

int command_run(const Invocation& call) {
  check_outputs(call);
  check_explain(call);
  const ScenarioText text = scenario_text(call);
  for (const char* option : {"timeline-window", "watch", "label"}) {
    if (!is_edge_scenario(text) || !call.has(option)) continue;
    throw InputError(std::string("--") + option,
                     "expected a serving system, got edge sites, which have none; drop the option");
  }
  if (is_edge_scenario(text)) return run_edge_scenario(call, text);
  const LoadedScenario loaded = read_scenario(text);
  for (const std::string& gate : loaded.scenario.gates) {
    static_cast<void>(parse_gate(gate, text.file + ": /gates"));
  }
  if (call.has("explain-config")) return explain(loaded.values);
  return run_loaded(call, loaded);
}

}  // namespace headroom
