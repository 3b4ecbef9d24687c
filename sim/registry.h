// Policies by name. A policy file ends with one line that registers it:
//
//   const RegisterBatchPolicy kRegistered{"toy", "one sentence for `headroom list`", kParameters,
//   make};
//
// Parameters are declared as data (name, bounds, default, meaning), so that scenario errors,
// `headroom list` and the JSON Schema read the same table; a factory receives values that are
// already checked.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/units.h"

namespace headroom {

class BatchPolicy;
class RoutingPolicy;
class AdmissionPolicy;
class ExecutionPolicy;
class ScalingPolicy;

/// One declared parameter of a policy.
struct ParameterSpec {
  enum class Kind { integer, number, choice, flag, duration };
  std::string name;
  Kind kind = Kind::integer;
  double least = 0;                    ///< inclusive bound; seconds for durations
  double most = 0;                     ///< inclusive bound
  std::string default_text;            ///< as a scenario would write it; empty: required
  std::vector<std::string> choices{};  ///< for Kind::choice
  std::string meaning;
};

/// Checked parameter values, read by name. Asking for an undeclared name is a bug (SIM_CHECK).
class Parameters {
 public:
  using Value = std::variant<std::int64_t, double, bool, std::string, Duration>;
  void set(std::string name, Value value);
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] const std::string& choice(std::string_view name) const;
  [[nodiscard]] Duration duration(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;

 private:
  [[nodiscard]] const Value& at(std::string_view name) const;
  std::vector<std::pair<std::string, Value>> values_;
};

/// All declared parameters at their defaults; integers, numbers, flags, choices and durations ("2
/// s") are parsed. Requires that every spec has a default.
[[nodiscard]] Parameters default_parameters(const std::vector<ParameterSpec>& specs);

/// Parses one value as a scenario or command line would write it. Throws InputError{where}.
[[nodiscard]] Parameters::Value parse_parameter(const ParameterSpec& spec, const std::string& text,
                                                const std::string& where);

template <class Policy>
struct PolicyEntry {
  std::string name;
  std::string summary;
  std::vector<ParameterSpec> parameters;
  std::function<std::unique_ptr<Policy>(const Parameters&)> make;
};

/// The policies of one decision point, sorted by name.
template <class Policy>
class PolicyRegistry {
 public:
  [[nodiscard]] static PolicyRegistry& instance();
  void add(PolicyEntry<Policy> entry);
  [[nodiscard]] const std::vector<PolicyEntry<Policy>>& entries() const { return entries_; }
  /// nullptr when unknown.
  [[nodiscard]] const PolicyEntry<Policy>* find(std::string_view name) const;

 private:
  std::vector<PolicyEntry<Policy>> entries_;
};

/// Registers a policy at start-up; the last line of each file in policies/.
template <class Policy>
struct RegisterPolicy {
  RegisterPolicy(std::string name, std::string summary, std::vector<ParameterSpec> parameters,
                 std::function<std::unique_ptr<Policy>(const Parameters&)> make) {
    PolicyRegistry<Policy>::instance().add(
        {std::move(name), std::move(summary), std::move(parameters), std::move(make)});
  }
};

using RegisterBatchPolicy = RegisterPolicy<BatchPolicy>;
using RegisterRoutingPolicy = RegisterPolicy<RoutingPolicy>;
using RegisterAdmissionPolicy = RegisterPolicy<AdmissionPolicy>;
using RegisterExecutionPolicy = RegisterPolicy<ExecutionPolicy>;
using RegisterScalingPolicy = RegisterPolicy<ScalingPolicy>;

}  // namespace headroom
