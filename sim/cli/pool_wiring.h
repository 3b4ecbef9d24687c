// The links between the replicas of two pools: nodes, fabric, network cards and spine as KV sees
// them.
//
// A replica is one endpoint with the sum of its devices' links: all devices of both sides take part
// in a move. Inside a node KV goes over the fabric where that joins all devices, else over PCIe
// through the host; between nodes through the nodes' cards and the spine.
// Law: a replica that spans several nodes has their cards together.
// Cost: O(replicas).
// Not here: sharing in time (sim/network.h).
#pragma once

#include "sim/cli/assemble.h"
#include "sim/pools.h"

namespace headroom {

/// Endpoint i is the replica i of the simulation: groups in order. Throws InputError where a
/// prefill and a decode replica cannot reach each other.
[[nodiscard]] ReplicaWiring wire_replicas(const Scenario& scenario, const Assembly& assembly);

}  // namespace headroom
