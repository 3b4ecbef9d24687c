// `headroom run` of a scenario of edge sites.
//
// Law: as every run: outputs are opened first and written last, all or nothing; an option that such
// a run would ignore is refused.
#pragma once

#include "sim/cli/command_line.h"
#include "sim/scenario_reader.h"

namespace headroom {

/// Runs the scenario in `input`, which holds "edge"; returns an exit code. Throws InputError.
[[nodiscard]] int run_edge_scenario(const Invocation& call, const ScenarioText& input);

}  // namespace headroom
