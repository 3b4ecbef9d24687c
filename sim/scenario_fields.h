// The field table of a scenario: every key, its type, bounds, default and meaning, in one place.
//
// Law: reading, `headroom schema` and `--explain-config` all run these lines (sim/json_cursor.h).
// Not here: rules between fields (sim/scenario_rules.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/json_cursor.h"
#include "sim/scenario.h"

namespace headroom {

void scenario_fields(JsonCursor& at, Scenario& scenario);

/// The part of it that is a serving system: model, cluster, deployment and its policies.
void system_fields(JsonCursor& at, Scenario& scenario);

/// Replicas that come and go (sim/scenario_dynamics.cpp).
void dynamics_fields(JsonCursor& at, DynamicsSpec& spec);

/// Words of `DistributionSpec::Kind`, in its order.
[[nodiscard]] const std::vector<std::string>& distribution_names();

/// xxh3-64 over "pointer=value" lines of the effective values, in the order of the field table.
[[nodiscard]] std::string digest_of(const std::vector<ExplainedValue>& values);

/// The JSON Schema (draft 2020-12) of a field table.
[[nodiscard]] std::string schema_text(const std::string& title,
                                      const std::function<void(JsonCursor&)>& fields);

}  // namespace headroom
