// Parts of the option table that stand in files of their own, a family of commands each.
#pragma once

#include <vector>

#include "sim/cli/option_table.h"

namespace headroom {

[[nodiscard]] std::vector<CommandSpec> compare_specs();
[[nodiscard]] CommandSpec place_spec();
[[nodiscard]] std::vector<CommandSpec> plan_specs();
[[nodiscard]] std::vector<CommandSpec> sweep_specs();

}  // namespace headroom
