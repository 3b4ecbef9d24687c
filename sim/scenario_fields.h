// The field table of a scenario: every key, its type, bounds, default and meaning, in one place.
//
// Law: reading, `headroom schema` and `--explain-config` all run these lines (sim/json_cursor.h).
// Not here: rules between fields (sim/scenario_rules.h).
#pragma once

#include <string>
#include <vector>

#include "sim/json_cursor.h"
#include "sim/scenario.h"

namespace headroom {

void scenario_fields(JsonCursor& at, Scenario& scenario);

/// The part of it that is a serving system: model, cluster, deployment and its policies.
void system_fields(JsonCursor& at, Scenario& scenario);

/// Words of `DistributionSpec::Kind`, in its order.
[[nodiscard]] const std::vector<std::string>& distribution_names();

}  // namespace headroom
