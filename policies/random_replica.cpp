// Random: a replica drawn uniformly. Poisson arrivals stay Poisson at each replica, so theory holds
// for each alone.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class RandomReplica final : public RoutingPolicy {
 public:
  ReplicaId route(const RequestView&, const ClusterView& cluster, RandomStream& random) override {
    return ReplicaId(static_cast<std::uint32_t>(random.below(cluster.replicas())));
  }
};

const RegisterRoutingPolicy kRegistered{
    "random", "a replica drawn uniformly", {}, [](const Parameters&) {
      return std::make_unique<RandomReplica>();
    }};

}  // namespace
}  // namespace headroom
