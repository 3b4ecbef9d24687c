// headroom plan: the deployment that holds the service levels and is best by an objective.
#include <memory>

#include "reports/html/plan_page.h"
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

/// Fails now, leaves nothing.
void check_writable(const std::optional<std::string>& path) {
  if (path && *path != "-") static_cast<void>(OutputFile(*path));
}

/// Writes what is asked for: JSON, the launch files of `space`'s family in `counts` (none where
/// nothing holds), and sentences where neither takes standard output.
void write_answer(const Invocation& call, const PlanReport& report, const PlanSpace& space,
                  const PlanFamily& family, const PlanCounts& counts) {
  bool silent = call.value("json") == "-" || call.value("html") == "-";
  if (const auto json = call.value("json")) write_document(*json, plan_json(report));
  if (const auto html = call.value("html")) write_document(*html, plan_page(report));
  const auto target = call.value("emit");
  if (target && !counts.empty()) {
    const std::string text = emit_text(*target, emit_plan(space, family, counts));
    const std::string path = call.value("emit-to").value_or("-");
    silent = silent || path == "-";
    if (path == "-") {
      print(text);
    } else {
      write_document(path, text);
    }
  }
  if (!silent) print(plan_console(report));
}

void check_outputs(const Invocation& call) {
  check_writable(call.value("json"));
  check_writable(call.value("html"));
  check_writable(call.value("emit-to"));
  if (call.has("emit-to") && !call.has("emit")) {
    throw InputError("--emit-to", "expected --emit beside it, got none; say what to write");
  }
  const bool emits = call.has("emit") && call.value("emit-to").value_or("-") == "-";
  if ((call.value("json") == "-") + (call.value("html") == "-") + emits > 1) {
    throw InputError("--emit-to",
                     "expected one document for standard output, got several; name files for the "
                     "others");
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

int interrupted_exit(const Invocation& call) {
  complain(call.has("cache") ? "headroom plan: interrupted; the same command goes on from its cache"
                             : "headroom plan: interrupted; run the same command again");
  return kExitInterrupted;
}

int run_from_now(const Invocation& call) {
  const PlanNowAnswer answer = plan_from_now(call, jobs_of(call));
  if (interrupted().load()) return interrupted_exit(call);
  write_answer(call, answer.report, answer.space, answer.family, answer.counts);
  return answer.counts.empty() ? kExitNo : kExitYes;
}

int run_new(const Invocation& call) {
  refuse_events(call);
  const auto keep =
      static_cast<std::size_t>(call.has("keep") ? whole_option(call, "keep", 1, 1000) : kUsualKeep);
  const PlanSpace space = plan_space(call);
  const std::unique_ptr<PlanResults> results = open_results(call);
  PlanJudge judge(space, results.get(), &interrupted());
  check_target(call, space, judge);
  PlanSearch search(space, judge, jobs_of(call));
  const PlanAnswer answer = answer_plan(search, keep);
  if (interrupted().load()) return interrupted_exit(call);
  const FamilyAnswer winner = answer.winner.value_or(FamilyAnswer{});
  write_answer(call, answer.report, space, space.families[winner.index], winner.counts);
  return answer.report.feasible() ? kExitYes : kExitNo;
}

}  // namespace

int command_plan(const Invocation& call) {
  check_outputs(call);
  watch_interrupts();
  return call.has("from-now") ? run_from_now(call) : run_new(call);
}

}  // namespace headroom
