// A family and its numbers of replicas as a scenario, and what they cost.
#include <fmt/format.h>

#include <algorithm>

#include "sim/cli/plan_dynamics.h"
#include "sim/cli/plan_space.h"
#include "sim/scenario_json.h"

namespace headroom {
namespace {

ScenarioOverride change_of(const std::string& path, std::string value) {
  return {path, std::move(value), ValueSource::command_line, "--set " + path, OverrideForm::guess};
}

/// The scenario's text with its overrides applied.
JsonNode effective(const ScenarioText& base) {
  JsonNode root = parse_json(base.text, base.file);
  for (const ScenarioOverride& change : base.overrides) apply_override(root, change);
  return root;
}

void set_member(JsonNode& node, const char* name, JsonNode value) {
  node.erase(name);
  node.add(name, std::move(value));
}

std::string nodes_name(const PlanFamily& family, std::size_t phase) {
  // Pools on one kind of device share its nodes.
  const bool shared = family.phases[phase].device_text == family.phases.front().device_text;
  return shared ? "plan" : "plan-" + family.phases[phase].role;
}

JsonNode group_of(const JsonNode& root, const PlanFamily& family, std::size_t index,
                  std::int64_t replicas) {
  const PlanPhase& phase = family.phases[index];
  JsonNode group = template_of(root, phase.role);
  group.name.clear();
  const auto number = [](std::int64_t value) { return JsonNode::of_number(std::to_string(value)); };
  set_member(group, "name", JsonNode::of_text(phase.role));
  set_member(group, "role", JsonNode::of_text(phase.role));
  set_member(group, "replicas", number(replicas));
  set_member(group, "tensor_parallel", number(phase.tensor));
  set_member(group, "pipeline_parallel", number(phase.pipeline));
  set_member(group, "expert_parallel", number(phase.expert));
  set_member(group, "nodes", JsonNode::of_text(nodes_name(family, index)));
  return group;
}

/// Nodes that hold so many tensor-parallel groups of each phase, dealt out in order, first fit.
std::int64_t nodes_for(const std::vector<std::pair<std::int64_t, std::int64_t>>& groups,
                       std::int64_t size) {
  std::vector<std::int64_t> free;
  for (const auto& [count, gpus] : groups) {
    std::size_t node = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      while (node < free.size() && free[node] < gpus) ++node;
      if (node == free.size()) free.push_back(size);
      free[node] -= gpus;
    }
  }
  return static_cast<std::int64_t>(free.size());
}

struct NodeKind {
  std::string name;
  const PlanPhase* of;
  std::int64_t count;
};

std::vector<NodeKind> kinds_of(const PlanFamily& family, const PlanCounts& counts) {
  std::vector<NodeKind> kinds;
  for (std::size_t i = 0; i < family.phases.size(); ++i) {
    const std::string name = nodes_name(family, i);
    const auto known = [&](const NodeKind& kind) { return kind.name == name; };
    if (std::any_of(kinds.begin(), kinds.end(), known)) continue;
    std::vector<std::pair<std::int64_t, std::int64_t>> groups;
    for (std::size_t j = i; j < family.phases.size(); ++j) {
      if (nodes_name(family, j) != name) continue;
      groups.emplace_back(counts[j] * family.phases[j].pipeline, family.phases[j].tensor);
    }
    const Device& device = family.phases[i].device;
    kinds.push_back({name, &family.phases[i], nodes_for(groups, device.usual_node_size)});
  }
  return kinds;
}

std::string nodes_json(const PlanFamily& family, const PlanCounts& counts) {
  std::vector<std::string> texts;
  for (const NodeKind& kind : kinds_of(family, counts)) {
    texts.push_back(fmt::format(
        R"({{"name": "{}", "device": "{}", "devices_per_node": {}, "count": {}, "nic": "{}"}})",
        kind.name, kind.of->device_text, kind.of->device.usual_node_size, kind.count, family.nic));
  }
  return fmt::format("[{}]", fmt::join(texts, ", "));
}

/// `deployment.batch` of two groups is that of both.
std::string path_for(const std::string& path, const PlanFamily& family) {
  const std::string prefix = "deployment.";
  if (!family.apart() || path.rfind(prefix, 0) != 0) return path;
  const std::string rest = path.substr(prefix.size());
  const std::string first = rest.substr(0, rest.find('.'));
  return first == "prefill" || first == "decode" || first == "*" ? path : prefix + "*." + rest;
}

}  // namespace

ScenarioText deployment_scenario(const PlanSpace& space, const PlanFamily& family,
                                 const PlanCounts& counts) {
  ScenarioText text = space.base;
  const JsonNode root = effective(space.base);
  JsonNode groups = JsonNode::array();
  for (std::size_t i = 0; i < family.phases.size(); ++i) {
    groups.children.push_back(group_of(root, family, i, counts[i]));
  }
  text.overrides.push_back(change_of("cluster.nodes", nodes_json(family, counts)));
  text.overrides.push_back(change_of("deployment", write_json(groups)));
  for (const char* path : {"decode_routing", "transfer"}) {
    if (!family.apart() && root.find(path) != nullptr)
      text.overrides.push_back(change_of(path, "null"));
  }
  if (const auto dynamics = deployed_dynamics(root, family, counts))
    text.overrides.push_back(change_of("dynamics", *dynamics));
  for (const auto& [path, value] : family.settings) {
    text.overrides.push_back(change_of(path_for(path, family), value));
  }
  return text;
}

PlanBill bill_of(const PlanFamily& family, const PlanCounts& counts) {
  PlanBill bill;
  for (std::size_t i = 0; i < family.phases.size(); ++i) {
    const PlanPhase& phase = family.phases[i];
    const std::int64_t gpus = counts[i] * phase.gpus();
    bill.gpus += gpus;
    bill.usd_per_hour += phase.usd_per_hour() * static_cast<double>(counts[i]);
    bill.tdp_watts += phase.device.tdp.value() * static_cast<double>(gpus);
    bill.idle_watts += phase.device.idle.value() * static_cast<double>(gpus);
  }
  for (const NodeKind& kind : kinds_of(family, counts)) bill.nodes += kind.count;
  return bill;
}

bool within(const PlanLimits& limits, const PlanBill& bill) {
  constexpr double kRoundOff = 1e-9;  // of sums of prices
  return bill.gpus <= limits.gpus && (!limits.nodes || bill.nodes <= *limits.nodes) &&
         (!limits.usd_per_hour || bill.usd_per_hour <= *limits.usd_per_hour + kRoundOff) &&
         (!limits.watts || bill.tdp_watts <= *limits.watts + kRoundOff);
}

}  // namespace headroom
