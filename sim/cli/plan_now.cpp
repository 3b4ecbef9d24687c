#include "sim/cli/plan_now.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "reports/number_text.h"
#include "sim/check.h"
#include "sim/cli/plan_answer.h"
#include "sim/cli/plan_limits.h"
#include "sim/cli/report_context.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr const char* kEvents[] = {"load", "prompts", "fail-nodes", "replace"};
/// Say what to choose from, where there is no choice.
constexpr const char* kChoices[] = {"devices", "pools", "tensor", "pipeline",
                                    "expert",  "nic",   "keep"};

struct Event {
  std::vector<std::string> words;
  PlanWhatIf what_if{};
  std::int64_t failed_nodes = 0;
  std::string old_device{}, new_device{};
};

double factor(const Invocation& call, const char* option) {
  const auto text = call.value(option);
  return text ? parse_number(*text, 1e-3, 1e3, std::string("--") + option) : 1;
}

Event event_of(const Invocation& call) {
  Event event;
  event.what_if.load = factor(call, "load");
  event.what_if.prompts = factor(call, "prompts");
  if (event.what_if.load != 1)
    event.words.push_back(fmt::format("load x {}", to_text(event.what_if.load)));
  if (event.what_if.prompts != 1)
    event.words.push_back(fmt::format("prompts x {}", to_text(event.what_if.prompts)));
  if (call.has("fail-nodes")) {
    event.failed_nodes = whole_option(call, "fail-nodes", 1, 1000);
    event.words.push_back(event.failed_nodes == 1
                              ? "a node fails"
                              : fmt::format("{} nodes fail", event.failed_nodes));
  }
  if (const auto text = call.value("replace")) {
    const std::size_t equals = text->find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text->size()) {
      throw InputError("--replace", "expected OLD=NEW such as h100-sxm=h200-sxm, got " +
                                        headroom::quoted(*text) + "; name both devices");
    }
    event.old_device = find_device(text->substr(0, equals), "--replace").name;
    event.new_device = text->substr(equals + 1);
    event.words.push_back(find_device(event.new_device, "--replace").name + " replaces " +
                          event.old_device);
  }
  for (const auto& [name, text] : call.options()) {
    if (name == "slo" || name == "set") event.words.push_back(text);
  }
  if (event.words.empty()) {
    throw InputError("--from-now",
                     "expected something that changes, got nothing; add --load, --prompts, "
                     "--fail-nodes, --replace, --slo or --set");
  }
  return event;
}

/// What the scenario deploys.
PlanFamily family_of(const Scenario& scenario, PlanCounts& counts) {
  PlanFamily family;
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    const auto it = std::find_if(scenario.nodes.begin(), scenario.nodes.end(),
                                 [&](const NodeSpec& node) { return node.name == group.nodes; });
    const NodeSpec& node = it == scenario.nodes.end() ? scenario.nodes.front() : *it;
    PlanPhase phase;
    phase.role = group.role;
    phase.device_text = node.device;
    phase.device = find_device(node.device, scenario.file + ": /cluster/nodes");
    phase.device.usual_node_size = node.devices_per_node;
    phase.tensor = group.tensor_parallel;
    phase.pipeline = group.pipeline_parallel;
    phase.expert = group.expert_parallel;
    family.phases.push_back(std::move(phase));
    family.nic = to_text(node.nic);
    counts.push_back(group.replicas);
  }
  if (family.apart() && family.phases[0].role == "decode") {
    std::swap(family.phases[0], family.phases[1]);
    std::swap(counts[0], counts[1]);
  }
  return family;
}

void replace_device(const Event& event, PlanFamily& family) {
  if (event.new_device.empty()) return;
  bool found = false;
  for (PlanPhase& phase : family.phases) {
    if (phase.device.name != event.old_device) continue;
    found = true;
    phase.device = find_device(event.new_device, "--replace");
    phase.device_text = event.new_device;
  }
  if (!found) {
    throw InputError("--replace",
                     fmt::format("expected a device of the deployment, got {}; name one that runs",
                                 headroom::quoted(event.old_device)));
  }
}

/// Replicas that stand on so many nodes, by phase.
PlanCounts on_nodes(const PlanFamily& family, std::int64_t nodes) {
  PlanCounts counts;
  for (const PlanPhase& phase : family.phases) {
    const std::int64_t a_node =
        std::max<std::int64_t>(1, phase.device.usual_node_size / phase.gpus());
    counts.push_back(nodes * a_node);
  }
  return counts;
}

std::string time_text(double ms) {
  return ms >= 1000 ? significant(ms / 1000, 3) + " s" : significant(ms, 3) + " ms";
}

class FromNow {
 public:
  FromNow(const Invocation& call, int jobs) : call_(call), jobs_(jobs), event_(event_of(call)) {}

  PlanNowAnswer run() {
    PlanSpace now;
    now.base = scenario_text_without_sets(call_);
    now.limits = limits_of(call_);
    now.objective = objective_of(call_);
    PlanNowAnswer answer;
    answer.space = now;
    answer.space.base = scenario_text(call_);
    add_service_levels(call_, answer.space.base);
    const Scenario today = read_scenario(now.base).scenario;
    check_plan_base(read_scenario(answer.space.base).scenario);
    check_plan_base(today);
    PlanFamily family = family_of(today, counts_);
    answer.family = family;
    replace_device(event_, answer.family);
    family.pay(paid_share(today));
    answer.family.pay(paid_share(read_scenario(answer.space.base).scenario));
    now.families = {family};
    answer.space.families = {answer.family};
    look(now, answer);
    return answer;
  }

 private:
  void look(const PlanSpace& now, PlanNowAnswer& answer) {
    const std::unique_ptr<PlanResults> results = open_results(call_);
    PlanJudge judge_now(now, results.get(), &interrupted());
    PlanJudge judge(answer.space, results.get(), &interrupted());
    PlanSearch search(answer.space, judge, jobs_);
    answer.report = plan_head(answer.space, judge);
    PlanFromNow out;
    out.event = fmt::format("{}", fmt::join(event_.words, ", "));
    PlanQuestion whole;
    whole.depth = JudgeDepth::whole;
    out.now =
        plan_row(now, now.families[0], counts_, judge_now.judge(now.families[0], counts_, whole));
    whole.what_if = event_.what_if;
    add_unchanged(answer, judge, whole, out);
    PlanAim aim;
    aim.what_if = event_.what_if;
    aim.guesses = {counts_};
    const PlanFound found = search.find(aim);
    if (!found.ranked.empty()) {
      const PlanCounts lost = on_nodes(answer.family, event_.failed_nodes);
      const FamilyAnswer& best = found.ranked.front();
      answer.counts = best.counts;
      for (std::size_t i = 0; i < lost.size(); ++i) answer.counts[i] += lost[i];
      // Its figures are of what is left after the failure.
      out.then = plan_row(answer.space, answer.family, answer.counts, best.at);
      if (!within(answer.space.limits, bill_of(answer.family, answer.counts))) {
        out.then.reset();
        answer.counts.clear();
      }
    } else if (!found.lost.empty()) {
      out.unchanged.why_not = found.lost.front().why_not;
    }
    add_changes(answer, out);
    answer.report.from_now = std::move(out);
    answer.report.runs = judge_now.runs() + judge.runs();
    answer.report.cached_runs = judge_now.cached_runs() + judge.cached_runs();
    answer.report.simulated_requests = judge_now.simulated_requests() + judge.simulated_requests();
  }

  /// The deployment of now after the event: what is left of it, on the devices of then.
  void add_unchanged(const PlanNowAnswer& answer, PlanJudge& judge, const PlanQuestion& whole,
                     PlanFromNow& out) const {
    PlanCounts left = counts_;
    const PlanCounts lost = on_nodes(answer.family, event_.failed_nodes);
    bool none = false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      left[i] -= lost[i];
      none = none || left[i] < 1;
    }
    Judged judged;
    if (!none) judged = judge.judge(answer.family, left, whole);
    out.unchanged = plan_row(answer.space, answer.family, counts_, judged);
    if (none) out.unchanged.why_not = "no replica is left of a pool";
  }

  void add_changes(const PlanNowAnswer& answer, PlanFromNow& out) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const PlanPool& now = out.now.pools[i];
      const PlanPool& next = out.unchanged.pools[i];
      const std::string role = now.role == "joint" ? "" : now.role + " ";
      if (now.device != next.device)
        out.changes.push_back({'~', role + "device", now.device, next.device});
      if (!out.then || answer.counts[i] == counts_[i]) continue;
      out.changes.push_back(
          {'~', role + "replicas", std::to_string(counts_[i]), std::to_string(answer.counts[i])});
    }
    add_money(out);
    add_latency(out);
  }

  static void add_money(PlanFromNow& out) {
    if (!out.then) return;
    const double change = out.then->usd_per_hour - out.now.usd_per_hour;
    if (std::abs(change) < 1e-9) return;
    out.changes.push_back({change > 0 ? '+' : '-', fmt::format("{:.2f} USD/h", std::abs(change)),
                           fmt::format("{:.2f}", out.now.usd_per_hour),
                           fmt::format("{:.2f} USD/h", out.then->usd_per_hour)});
  }

  /// As it stands after the event, then with the change.
  static void add_latency(PlanFromNow& out) {
    const auto& before = out.unchanged.figures;
    const auto after = out.then ? out.then->figures : std::optional<PlanFigures>{};
    const auto add = [&](const char* what, double PlanFigures::*figure) {
      out.changes.push_back({' ', what, before ? time_text((*before).*figure) : "no answer",
                             after ? time_text((*after).*figure) : "-"});
    };
    add("p99 TTFT", &PlanFigures::ttft_p99);
    add("p99 TPOT", &PlanFigures::tpot_p99);
    out.changes.push_back(
        {' ', "service levels", out.unchanged.holds ? "met" : "missed", after ? "met" : "-"});
  }

  const Invocation& call_;
  int jobs_;
  Event event_;
  PlanCounts counts_;
};

}  // namespace

PlanNowAnswer plan_from_now(const Invocation& call, int jobs) {
  for (const char* option : kChoices) {
    if (call.has(option)) {
      throw InputError(std::string("--") + option,
                       "expected none beside --from-now, where the deployment says it, got one; "
                       "remove it");
    }
  }
  return FromNow(call, jobs).run();
}

void refuse_events(const Invocation& call) {
  for (const char* option : kEvents) {
    if (call.has(option)) {
      throw InputError(std::string("--") + option,
                       "expected --from-now beside it, got a new plan; add --from-now");
    }
  }
}

}  // namespace headroom
