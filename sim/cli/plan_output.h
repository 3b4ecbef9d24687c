// A plan's answer as text and as JSON.
#pragma once

#include <string>

#include "sim/cli/plan_search.h"

namespace headroom {

/// Sentences first, then the ranked table, then why the others lost.
[[nodiscard]] std::string plan_console(const PlanSpace& space, const PlanAnswer& answer);
[[nodiscard]] std::string plan_json(const PlanSpace& space, const PlanAnswer& answer);

}  // namespace headroom
