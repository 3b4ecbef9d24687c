// A scenario's choice of a policy, resolved: its registry entry and the values of its parameters.
#pragma once

#include <string>
#include <utility>

#include "sim/check.h"
#include "sim/registry.h"
#include "sim/scenario.h"

namespace headroom {

/// The values of a policy's parameters: defaults, and what the scenario says. Throws InputError.
template <class Policy>
std::pair<const PolicyEntry<Policy>*, Parameters> resolve(const PolicyChoice& choice) {
  const PolicyEntry<Policy>* entry = PolicyRegistry<Policy>::instance().find(choice.name);
  if (entry == nullptr) {
    throw InputError(choice.where, "expected a known policy, got \"" + choice.name +
                                       "\"; see `headroom list policies`");
  }
  Parameters values;
  for (const ParameterSpec& spec : entry->parameters) {
    const auto given = choice.parameters.find(spec.name);
    const std::string& text = given == choice.parameters.end() ? spec.default_text : given->second;
    values.set(spec.name, parse_parameter(spec, text, choice.where));
  }
  return {entry, std::move(values)};
}

}  // namespace headroom
