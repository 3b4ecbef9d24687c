// DEMS: DEM, with tasks for the cloud parked until their last moment, so that a free edge may steal
// them.
//
// Rules R3 to R7 of arXiv 2412.20860. A call then has only the expected time and 50 to 60 ms left:
// the expected cloud time must be a high percentile. O(queue + parked) a decision.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const RegisterDispatchPolicy kRegistered{
    "dems", "DEM; tasks for the cloud wait to be stolen by a free edge", edge_parameters(),
    [](const Parameters& parameters) {
      return std::make_unique<MigratingPolicy>(parameters, dems_rules());
    }};

}  // namespace
}  // namespace headroom
