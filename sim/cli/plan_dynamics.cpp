#include "sim/cli/plan_dynamics.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "sim/scaling_units.h"

namespace headroom {
namespace {

std::int64_t number_of(const JsonNode* node) {
  return node == nullptr ? 0 : std::strtoll(node->text.c_str(), nullptr, 10);
}

/// Lowers the number called `key` to `most`; whether it was above.
bool lower(JsonNode& node, const char* key, std::int64_t most) {
  JsonNode* value = node.find(key);
  if (value == nullptr || value->kind != JsonNode::Kind::number || number_of(value) <= most)
    return false;
  value->text = std::to_string(most);
  return true;
}

/// The floors of one unit, lowered to its replicas; whether any was above.
bool fit_floors(JsonNode& unit, std::int64_t replicas) {
  bool changed = lower(unit, "least", replicas);
  if (JsonNode* schedule = unit.find("schedule")) {
    for (JsonNode& floor : schedule->children)
      changed = lower(floor, "replicas", replicas) || changed;
  }
  return changed;
}

/// What scales one phase: the entry of its template's group, completed by what is said for all.
JsonNode unit_of(const JsonNode& root, const JsonNode& dynamics, const std::string& role) {
  JsonNode unit = JsonNode::object();
  unit.add("group", JsonNode::of_text(role));
  const JsonNode* name = template_of(root, role).find("name");
  const JsonNode* own = nullptr;
  if (const JsonNode* groups = dynamics.find("groups")) {
    for (const JsonNode& entry : groups->children) {
      const JsonNode* group = entry.find("group");
      if (group != nullptr && name != nullptr && group->text == name->text) own = &entry;
    }
  }
  for (const char* key : {"scaling", "least", "schedule"}) {
    const JsonNode* value = own != nullptr ? own->find(key) : nullptr;
    if (value == nullptr) value = dynamics.find(key);
    if (value != nullptr) unit.add(key, *value);
  }
  return unit;
}

}  // namespace

const JsonNode& template_of(const JsonNode& root, const std::string& role) {
  const JsonNode* groups = root.find("deployment");
  for (const JsonNode& group : groups->children) {
    const JsonNode* written = group.find("role");
    if (written != nullptr && written->text == role) return group;
  }
  return groups->children.front();
}

std::optional<std::string> deployed_dynamics(const JsonNode& root, const PlanFamily& family,
                                             const PlanCounts& counts) {
  const JsonNode* written = root.find("dynamics");
  if (written == nullptr || written->kind != JsonNode::Kind::object) return {};
  JsonNode dynamics = *written;
  bool changed = dynamics.find("groups") != nullptr;
  JsonNode units = JsonNode::array();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    units.children.push_back(unit_of(root, dynamics, family.phases[i].role));
    changed = fit_floors(units.children.back(), counts[i]) || changed;
  }
  const std::int64_t all = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  if (JsonNode* outages = dynamics.find("outages")) {
    const auto gone = [&](const JsonNode& outage) {
      return number_of(outage.find("replica")) >= all;
    };
    changed = std::erase_if(outages->children, gone) > 0 || changed;
    if (outages->children.empty()) dynamics.erase("outages");
  }
  if (!changed) return {};
  for (const char* key : {"groups", "scaling", "least", "schedule"}) dynamics.erase(key);
  dynamics.add("groups", std::move(units));
  dynamics.name.clear();
  return write_json(dynamics);
}

PlanCounts paid_at_least(const Scenario& base, const PlanFamily& family, const PlanCounts& counts) {
  if (!base.dynamics) return counts;
  const std::vector<ScalingUnitSpec> units = scaling_units(base);
  PlanCounts least = counts;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto group =
        std::find_if(base.deployment.begin(), base.deployment.end(),
                     [&](const auto& one) { return one.role == family.phases[i].role; });
    const auto index = group == base.deployment.end()
                           ? std::size_t{0}
                           : static_cast<std::size_t>(group - base.deployment.begin());
    const auto unit = std::find_if(units.begin(), units.end(), [&](const ScalingUnitSpec& one) {
      return std::find(one.groups.begin(), one.groups.end(), index) != one.groups.end();
    });
    if (unit->least > 0) least[i] = unit->least;
    for (const DynamicsSpec::Floor& floor : *unit->schedule)
      least[i] = std::min(least[i], floor.replicas);
    least[i] = std::clamp<std::int64_t>(least[i], 1, counts[i]);
  }
  return least;
}

}  // namespace headroom
