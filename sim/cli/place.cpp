// `headroom place`: how to split the model and how many copies a rate needs, by a published search.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "reports/number_text.h"
#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/placement_search.h"
#include "sim/cli/scenario_files.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::size_t kShown = 10;

double number_option(const Invocation& call, const char* name, double otherwise, double least) {
  const auto text = call.value(name);
  if (!text) return otherwise;
  const std::string where = std::string("--") + name;
  const ParameterSpec spec{name, ParameterSpec::Kind::number, least, 1e6, "1", {}, ""};
  return std::get<double>(parse_parameter(spec, *text, where));
}

std::unique_ptr<PlacementPolicy> find_placement(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto& registry = PolicyRegistry<PlacementPolicy>::instance();
  const auto* entry = registry.find(text.substr(0, colon));
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const auto& known : registry.entries()) names.push_back(known.name);
    throw InputError("--policy", fmt::format("expected one of {}, got {}{}", fmt::join(names, ", "),
                                             headroom::quoted(text), did_you_mean(text, names)));
  }
  Parameters parameters = default_parameters(entry->parameters);
  if (colon != std::string::npos) {
    const std::string name = text.substr(colon + 1);
    if (!parameters.has(name)) {
      throw InputError("--policy", fmt::format("expected no parameter or one of `headroom list "
                                               "policies`, got {}; remove it",
                                               headroom::quoted(name)));
    }
    parameters.set(name, true);
  }
  return entry->make(parameters);
}

std::string split_text(const Split& split) {
  return fmt::format("tp {} pp {}", split.tensor, split.pipeline);
}

std::string unit_text(const PlacementUnit& unit) {
  switch (unit.kind) {
    case UnitKind::prefill:
      return "prefill " + split_text(unit.prefill);
    case UnitKind::decode:
      return "decode " + split_text(unit.decode);
    case UnitKind::joint:
      return split_text(unit.prefill);
    case UnitKind::paired:
      break;
  }
  std::string text = split_text(unit.prefill) + " | " + split_text(unit.decode);
  if (unit.segments > 1) text += fmt::format(", {} segments", unit.segments);
  return text;
}

std::string line_of(const ScoredUnit& scored) {
  return left_cell(unit_text(scored.unit), 40) +
         right_cell(fmt::format("{}", scored.unit.devices()), 6) +
         right_cell(significant(scored.goodput), 14) +
         right_cell(significant(scored.per_device()), 14) + "\n";
}

/// What of a pattern the split leaves as it is: the policies beyond the defaults.
std::string policies_text(const ReplicaGroupSpec& group) {
  std::string text;
  if (group.execution.name != "sequential")
    text += fmt::format(R"(, "execution": "{}")", group.execution.name);
  if (group.attention)
    text += fmt::format(R"(, "attention": {{"devices": {}, "nodes": "{}"}})",
                        group.attention->devices, group.attention->nodes);
  return text;
}

/// Group `role` of the deployment, to be pasted into a scenario.
std::string group_text(const Scenario& scenario, const char* role, const Split& split,
                       std::int64_t copies) {
  std::string policies;
  for (const ReplicaGroupSpec& group : scenario.deployment)
    if (group.role == role) policies = policies_text(group);
  return fmt::format(
      R"(  {{"name": "{0}", "role": "{0}", "replicas": {1}, "tensor_parallel": {2}, "pipeline_parallel": {3}{4}}})",
      role, copies, split.tensor, split.pipeline, policies);
}

std::vector<std::string> groups_of(const Scenario& scenario, const PlacementAnswer& answer) {
  std::vector<std::string> groups;
  for (const PlacedUnit& placed : answer.chosen) {
    const PlacementUnit& unit = placed.scored.unit;
    if (unit.kind == UnitKind::joint) {
      groups.push_back(group_text(scenario, "joint", unit.prefill, placed.copies));
      continue;
    }
    if (unit.kind != UnitKind::decode)
      groups.push_back(group_text(scenario, "prefill", unit.prefill, placed.copies));
    if (unit.kind != UnitKind::prefill)
      groups.push_back(group_text(scenario, "decode", unit.decode, placed.copies));
  }
  return groups;
}

void report(const Scenario& scenario, const PlacementAnswer& answer, double rate) {
  print(fmt::format("Placement of {} on {} x {} {}, {} requests/s\n", scenario.model.name,
                    scenario.nodes.front().count, scenario.nodes.front().devices_per_node,
                    scenario.nodes.front().device, significant(rate)));
  print(left_cell("unit (prefill | decode)", 40) + right_cell("GPUs", 6) +
        right_cell("requests/s", 14) + right_cell("a GPU", 14) + "\n");
  for (std::size_t i = 0; i < answer.tried.size(); ++i) {
    const bool first_of_kind = i > 0 && answer.tried[i].unit.kind != answer.tried[i - 1].unit.kind;
    if (i < kShown || first_of_kind) print(line_of(answer.tried[i]));
  }
  if (answer.tried.size() > kShown)
    print(fmt::format("... of {} units that fit\n", answer.tried.size()));
  if (answer.chosen.empty()) {
    print("No unit holds the service levels at any rate.\n");
    return;
  }
  std::int64_t devices = 0;
  for (const PlacedUnit& placed : answer.chosen) {
    devices += placed.copies * placed.scored.unit.devices();
    print(fmt::format("Deploy {} x {}\n", placed.copies, unit_text(placed.scored.unit)));
  }
  const std::int64_t there = scenario.nodes.front().count * scenario.nodes.front().devices_per_node;
  print(fmt::format("GPUs   {} needed, {} there\n", devices, there));
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    if (group.attention)
      print(fmt::format("       and {} attention devices ({}) with each {} instance\n",
                        group.attention->devices, group.attention->nodes, group.name));
  }
  print(fmt::format("\"deployment\": [\n{}]\n", fmt::join(groups_of(scenario, answer), ",\n")));
}

/// What several searches find on one space, and at what price; seconds go to standard error.
int compare(const Scenario& scenario, const SearchBounds& bounds,
            const std::vector<std::string>& names) {
  std::string text = left_cell("search", 18) + left_cell("best unit (prefill | decode)", 32) +
                     right_cell("a GPU", 12) + right_cell("simulations", 13) + "\n";
  bool any = false;
  std::vector<std::unique_ptr<PlacementPolicy>> policies;
  for (const std::string& name : names) policies.push_back(find_placement(name));
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    SimulatedPlacement world(scenario, bounds);
    const auto start = std::chrono::steady_clock::now();
    const PlacementAnswer answer = policies[i]->place(world, scenario.workload.rate.value());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    complain(fmt::format("{}: {:.2f} s", name, took.count()));
    any = any || !answer.chosen.empty();
    text += left_cell(name, 18);
    if (answer.chosen.empty()) {
      text += left_cell("none holds", 44);
    } else {
      const ScoredUnit& best = answer.chosen.front().scored;
      text += left_cell(unit_text(best.unit), 32) + right_cell(significant(best.per_device()), 12);
    }
    text += right_cell(fmt::format("{}", world.simulations()), 13) + "\n";
  }
  print(text);
  return any ? kExitYes : kExitNo;
}

}  // namespace

int command_place(const Invocation& call) {
  const Scenario scenario = load_scenario(call).scenario;
  SearchBounds bounds;
  const std::string judging = call.value("judging").value_or("joint");
  if (judging != "joint" && judging != "separate") {
    throw InputError("--judging", "expected joint or separate, got " + headroom::quoted(judging) +
                                      "; write one of the two");
  }
  if (judging == "separate") bounds.judging = Judging::separate;
  bounds.most_per_device = number_option(call, "most", bounds.most_per_device, 1e-3);
  bounds.step = number_option(call, "step", bounds.step, 1e-4);
  const std::string name = call.value("policy").value_or("distserve-low");
  const std::unique_ptr<PlacementPolicy> policy = find_placement(name);
  if (const auto other = call.value("against")) return compare(scenario, bounds, {name, *other});
  SimulatedPlacement world(scenario, bounds);
  const double rate = scenario.workload.rate.value();
  const PlacementAnswer answer = policy->place(world, rate);
  report(scenario, answer, rate);
  for (const ScoredUnit& scored : answer.tried) {
    if (scored.per_device() < bounds.most_per_device - 2 * bounds.step) continue;
    print("Some units hold at the highest rate tried; --most raises it\n");
    break;
  }
  return answer.chosen.empty() ? kExitNo : kExitYes;
}

}  // namespace headroom
