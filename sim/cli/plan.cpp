// headroom plan: the deployment that holds the service levels and is best by an objective.
#include <algorithm>
#include <memory>
#include <thread>

#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/emit.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/plan_answer.h"
#include "sim/cli/plan_now.h"
#include "sim/cli/plan_search.h"
#include "sim/cli/terminal.h"

namespace headroom {
namespace {

constexpr std::int64_t kUsualKeep = 10;

int jobs_of(const Invocation& call) {
  if (call.has("jobs")) return static_cast<int>(whole_option(call, "jobs", 1, 1024));
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

/// Fails now, leaves nothing.
void check_writable(const std::optional<std::string>& path) {
  if (path && *path != "-") static_cast<void>(OutputFile(*path));
}

/// The manifest of a deployment that holds.
void write_emitted(const Invocation& call, const PlanSpace& space, const PlanFamily& family,
                   const PlanCounts& counts) {
  const auto target = call.value("emit");
  if (!target) return;
  const std::string text = emit_text(*target, emit_plan(space, family, counts));
  const std::string path = call.value("emit-to").value_or("-");
  if (path == "-") {
    print(text);
  } else {
    write_document(path, text);
  }
}

/// What is asked for on stdout: JSON, else the manifest, else sentences.
bool says_sentences(const Invocation& call) {
  return call.value("json") != "-" && !(call.has("emit") && !call.has("emit-to"));
}

void check_outputs(const Invocation& call) {
  check_writable(call.value("json"));
  check_writable(call.value("emit-to"));
  if (call.has("emit-to") && !call.has("emit")) {
    throw InputError("--emit-to", "expected --emit beside it, got none; say what to write");
  }
  if (call.value("json") == "-" && call.has("emit") && !call.has("emit-to")) {
    throw InputError("--emit-to", "expected a file, as JSON takes standard output; add --emit-to");
  }
}

/// Before anything is simulated, where the engine is not itself an axis.
void check_target(const Invocation& call, const PlanSpace& space, const PlanJudge& judge) {
  const auto target = call.value("emit");
  if (!target) return;
  for (const auto& [path, value] : space.families.front().settings) {
    if (path.ends_with(".engine")) return;
  }
  check_emit_target(*target, judge.scenario().deployment.front().engine);
}

int interrupted_exit(const PlanResults* results) {
  complain(results != nullptr
               ? "headroom plan: interrupted; the same command goes on from its cache"
               : "headroom plan: interrupted; run the same command again");
  return kExitInterrupted;
}

void write_report(const Invocation& call, const PlanReport& report) {
  if (const auto json = call.value("json")) write_document(*json, plan_json(report));
  if (says_sentences(call)) print(plan_console(report));
}

int run_from_now(const Invocation& call, PlanResults* results) {
  const PlanNowAnswer answer = plan_from_now(call, results, jobs_of(call));
  if (interrupted().load()) return interrupted_exit(results);
  if (!answer.counts.empty()) write_emitted(call, answer.space, answer.family, answer.counts);
  write_report(call, answer.report);
  return answer.counts.empty() ? kExitNo : kExitYes;
}

int run_new(const Invocation& call, PlanResults* results) {
  refuse_events(call);
  const auto keep =
      static_cast<std::size_t>(call.has("keep") ? whole_option(call, "keep", 1, 1000) : kUsualKeep);
  const PlanSpace space = plan_space(call);
  PlanJudge judge(space, results, &interrupted());
  check_target(call, space, judge);
  PlanSearch search(space, judge, jobs_of(call));
  const PlanAnswer answer = answer_plan(search, keep);
  if (interrupted().load()) return interrupted_exit(results);
  if (answer.winner)
    write_emitted(call, space, space.families[answer.winner->index], answer.winner->counts);
  write_report(call, answer.report);
  return answer.report.feasible() ? kExitYes : kExitNo;
}

}  // namespace

int command_plan(const Invocation& call) {
  check_outputs(call);
  std::unique_ptr<PlanResults> results;
  if (const auto path = call.value("cache")) results = std::make_unique<PlanResults>(*path);
  watch_interrupts();
  return call.has("from-now") ? run_from_now(call, results.get()) : run_new(call, results.get());
}

}  // namespace headroom
