#include "sim/registry.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {

class DispatchPolicy;   // sim/edge_policy.h
class PlacementPolicy;  // sim/placement_policy.h

namespace {

/// Doubles up to 2^53 hold every integer; beyond it a declared bound would not be the one that is
/// checked.
std::int64_t whole_bound(double bound) {
  SIM_CHECK(std::fabs(bound) <= 0x1p53, "bounds of a whole parameter lie within 2^53");
  return static_cast<std::int64_t>(bound);
}

std::string label(const ParameterSpec& spec, const std::string& where) {
  return where.empty() ? "parameter '" + spec.name + "'"
                       : where + ": parameter '" + spec.name + "'";
}

Duration parse_bounded_duration(const ParameterSpec& spec, const std::string& text,
                                const std::string& where) {
  const Duration value = parse_duration(text, where);
  const double in_seconds = seconds(value);
  if (in_seconds < spec.least || in_seconds > spec.most) {
    throw InputError(where, "expected a duration from " +
                                to_text(duration_from_seconds(spec.least)) + " to " +
                                to_text(duration_from_seconds(spec.most)) + ", got " +
                                quoted(text) + "; choose one within these bounds");
  }
  return value;
}

std::string parse_choice(const ParameterSpec& spec, const std::string& text,
                         const std::string& where) {
  if (std::find(spec.choices.begin(), spec.choices.end(), text) != spec.choices.end()) return text;
  std::string known;
  for (const std::string& choice : spec.choices) {
    if (!known.empty()) known += ", ";
    known += choice;
  }
  throw InputError(where, "expected one of " + known + ", got " + quoted(text) +
                              did_you_mean(text, spec.choices));
}

bool parse_flag(const std::string& text, const std::string& where) {
  if (text == "true") return true;
  if (text == "false") return false;
  throw InputError(where, "expected true or false, got " + quoted(text) + "; write one of the two");
}

}  // namespace

void Parameters::set(std::string name, Value value) {
  for (auto& [known, held] : values_) {
    if (known == name) {
      held = std::move(value);
      return;
    }
  }
  values_.emplace_back(std::move(name), std::move(value));
}

bool Parameters::has(std::string_view name) const {
  return std::any_of(values_.begin(), values_.end(),
                     [name](const auto& entry) { return entry.first == name; });
}

const Parameters::Value& Parameters::at(std::string_view name) const {
  const auto found = std::find_if(values_.begin(), values_.end(),
                                  [name](const auto& entry) { return entry.first == name; });
  SIM_CHECK(found != values_.end(), "a policy reads only parameters that it declared");
  return found->second;
}

namespace {

template <class T>
const T& held_as(const Parameters::Value& value) {
  const T* held = std::get_if<T>(&value);
  SIM_CHECK(held != nullptr, "a policy reads a parameter as the kind that it declared");
  return *held;
}

}  // namespace

std::int64_t Parameters::integer(std::string_view name) const {
  return held_as<std::int64_t>(at(name));
}
double Parameters::number(std::string_view name) const { return held_as<double>(at(name)); }
bool Parameters::flag(std::string_view name) const { return held_as<bool>(at(name)); }
const std::string& Parameters::choice(std::string_view name) const {
  return held_as<std::string>(at(name));
}
Duration Parameters::duration(std::string_view name) const { return held_as<Duration>(at(name)); }

Parameters default_parameters(const std::vector<ParameterSpec>& specs) {
  Parameters parameters;
  for (const ParameterSpec& spec : specs) {
    SIM_CHECK(!spec.default_text.empty(), "a parameter without a default is set by the scenario");
    parameters.set(spec.name, parse_parameter(spec, spec.default_text, "built-in default"));
  }
  return parameters;
}

Parameters::Value parse_parameter(const ParameterSpec& spec, const std::string& text,
                                  const std::string& where) {
  const std::string place = label(spec, where);
  switch (spec.kind) {
    case ParameterSpec::Kind::integer:
      return parse_integer(text, whole_bound(spec.least), whole_bound(spec.most), place);
    case ParameterSpec::Kind::number:
      return parse_number(text, spec.least, spec.most, place);
    case ParameterSpec::Kind::choice:
      return parse_choice(spec, text, place);
    case ParameterSpec::Kind::flag:
      return parse_flag(text, place);
    case ParameterSpec::Kind::duration:
      return parse_bounded_duration(spec, text, place);
  }
  SIM_CHECK(false, "a parameter is of a declared kind");
  return std::int64_t{0};
}

template <class Policy>
PolicyRegistry<Policy>& PolicyRegistry<Policy>::instance() {
  // Built at first use: policies register while static objects of other files are still being made.
  static PolicyRegistry registry;
  return registry;
}

template <class Policy>
void PolicyRegistry<Policy>::add(PolicyEntry<Policy> entry) {
  const auto place = std::lower_bound(
      entries_.begin(), entries_.end(), entry.name,
      [](const PolicyEntry<Policy>& known, const std::string& name) { return known.name < name; });
  SIM_CHECK(place == entries_.end() || place->name != entry.name,
            "two policies of one kind have different names");
  entries_.insert(place, std::move(entry));
}

template <class Policy>
const PolicyEntry<Policy>* PolicyRegistry<Policy>::find(std::string_view name) const {
  for (const PolicyEntry<Policy>& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

template class PolicyRegistry<BatchPolicy>;
template class PolicyRegistry<RoutingPolicy>;
template class PolicyRegistry<AdmissionPolicy>;
template class PolicyRegistry<ScalingPolicy>;
template class PolicyRegistry<DispatchPolicy>;
template class PolicyRegistry<ExecutionPolicy>;
template class PolicyRegistry<PlacementPolicy>;

}  // namespace headroom
