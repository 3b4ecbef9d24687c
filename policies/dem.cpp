// DEM: edge and cloud with migration of the tasks that a newcomer would make late.
//
// A newcomer overtakes only where its victims are worth less than it is; they go to the cloud (rule
// R3 of arXiv 2412.20860). O(queue) an arrival.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const RegisterDispatchPolicy kRegistered{
    "dem", "edge and cloud; tasks made late by a worthier one move to the cloud", edge_parameters(),
    [](const Parameters& parameters) {
      return std::make_unique<MigratingPolicy>(parameters, MigrationRules{});
    }};

}  // namespace
}  // namespace headroom
