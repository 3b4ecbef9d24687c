// A policy as a field of a scenario: its name, or an object of its name and parameters.
//
// The parameters are those that the policy registered, read and described by the same calls as
// every other field.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "sim/check.h"
#include "sim/json_cursor.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"
#include "sim/scenario.h"

namespace headroom {

template <class Policy>
const PolicyEntry<Policy>& find_policy(const std::string& name, const std::string& where) {
  const PolicyRegistry<Policy>& registry = PolicyRegistry<Policy>::instance();
  if (const PolicyEntry<Policy>* entry = registry.find(name); entry != nullptr) return *entry;
  std::vector<std::string> names;
  for (const PolicyEntry<Policy>& entry : registry.entries()) names.push_back(entry.name);
  const std::string nearest = nearest_name(name, names);
  throw InputError(where, fmt::format("expected a known policy ({}), got {}; {}",
                                      fmt::join(names, ", "), headroom::quoted(name),
                                      nearest.empty() ? "see `headroom list policies`"
                                                      : "did you mean \"" + nearest + "\"?"));
}

inline JsonNode parameter_schema(const ParameterSpec& spec, const std::string& policy) {
  JsonNode schema = JsonNode::object();
  switch (spec.kind) {
    case ParameterSpec::Kind::integer:
      schema.add("type", JsonNode::of_text("integer"));
      break;
    case ParameterSpec::Kind::number:
      schema.add("type", JsonNode::of_text("number"));
      break;
    case ParameterSpec::Kind::flag:
      schema.add("type", JsonNode::of_text("boolean"));
      break;
    case ParameterSpec::Kind::choice:
    case ParameterSpec::Kind::duration:
      schema.add("type", JsonNode::of_text("string"));
      break;
  }
  schema.add("description", JsonNode::of_text(spec.meaning + " (" + policy + ")"));
  return schema;
}

template <class Policy>
void policy_parameters(JsonCursor& at, PolicyChoice& value, const PolicyEntry<Policy>& entry) {
  for (const ParameterSpec& spec : entry.parameters) {
    const std::string shown = at.describing() ? "" : spec.default_text;
    at.raw(spec.name, shown, parameter_schema(spec, entry.name),
           [&](const std::string& text, const std::string& place) {
             static_cast<void>(parse_parameter(spec, text, place));
             value.parameters[spec.name] = text;
           });
    if (spec.default_text.empty() && !at.describing() && !at.has(spec.name)) {
      throw InputError(at.place(),
                       fmt::format("expected the parameter \"{}\" of policy {} ({}), got "
                                   "none; add it",
                                   spec.name, entry.name, spec.meaning));
    }
  }
}

/// Reads or describes the field `name`. Throws InputError for unknown policies, parameters or
/// values.
template <class Policy>
void policy_field(JsonCursor& parent, const char* name, PolicyChoice& value, const char* meaning) {
  value.where = parent.place(name);
  parent.object(name, "policy", meaning, [&](JsonCursor& at) {
    at.text("policy", value.name, "name of the policy");
    if (!at.describing()) {
      policy_parameters(at, value, find_policy<Policy>(value.name, at.place("policy")));
      return;
    }
    for (const auto& entry : PolicyRegistry<Policy>::instance().entries()) {
      policy_parameters(at, value, entry);
    }
  });
}

}  // namespace headroom
