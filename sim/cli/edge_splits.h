// What drones do of split tasks themselves, made from a scenario: the choice of BottleFit
// (sim/edge_split.h), once for a constant link, for each segment where a trace of the link is
// given.
#pragma once

#include <string>
#include <vector>

#include "sim/edge_scenario.h"
#include "sim/edge_task.h"

namespace headroom {

/// The shares of drones in the tasks of a fleet; none where no task has splits. A split task
/// becomes what is left of it at the edge; where the link changes, each of its splits becomes a
/// type of its own behind `types`, named TASK/SPLIT. Times and energies are those of a segment.
/// Throws InputError for a link that is missing or a trace that cannot be read.
[[nodiscard]] std::vector<DronePeriod> split_between_drone_and_edge(
    const EdgeScenario& scenario, std::vector<EdgeTaskType>& types);

/// Lines for the report: the ways to split this type, without queues, and which one was taken.
[[nodiscard]] std::vector<std::string> split_notes(const EdgeTaskType& type,
                                                   const EdgeScenario& scenario);

}  // namespace headroom
