// Edge and cloud: a task that fits into the edge's queue goes there, any other is called in the
// cloud if that pays.
//
// The baseline E+C of arXiv 2412.20860: earlier deadlines overtake, and tasks behind them may
// expire. O(queue) an arrival.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const RegisterDispatchPolicy kRegistered{
    "edge-cloud",
    "the edge where a task fits its queue, else the cloud; overtaken tasks may expire",
    edge_parameters(), [](const Parameters& parameters) {
      return std::make_unique<MigratingPolicy>(parameters, edge_cloud_rules());
    }};

}  // namespace
}  // namespace headroom
