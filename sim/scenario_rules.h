// Rules between the fields of a scenario: what must go together, what would be ignored.
//
// Law: a value that a run would ignore is refused, with the place where it was written.
#pragma once

#include <string>
#include <string_view>

#include "sim/scenario.h"
#include "sim/scenario_json.h"

namespace headroom {

/// Finds out whether and where a value was written.
class JsonPlaces {
 public:
  JsonPlaces(const std::string& file, const JsonNode& root) : file_(file), root_(root) {}
  /// The node at a pointer such as "/workload/rate"; nullptr when nobody wrote it.
  [[nodiscard]] const JsonNode* find(std::string_view pointer) const;
  /// "file: /pointer", or "--flag: /pointer" where a flag set it.
  [[nodiscard]] std::string place(std::string_view pointer) const;

 private:
  const std::string& file_;
  const JsonNode& root_;
};

/// Throws InputError for the first rule that is broken.
void check_scenario_rules(const JsonPlaces& places, const Scenario& scenario);

/// Those of a serving system alone, without a workload of its own.
void check_system_rules(const JsonPlaces& places, const Scenario& scenario);

/// The failure of a worker ("/deployment/1/failures/0") that goes on during a failure of its whole
/// replica, of which one cannot be; empty where there is none.
[[nodiscard]] std::string failure_during(const Scenario& scenario,
                                         const DynamicsSpec::Outage& outage);

}  // namespace headroom
