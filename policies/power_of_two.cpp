// Power of two choices: of two different replicas drawn at random, the one with fewer outstanding
// requests.
//
// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001:
// nearly the balance of the full comparison for two look-ups. Ties go to the first drawn. O(1) a
// request.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class PowerOfTwo final : public RoutingPolicy {
 public:
  ReplicaId route(const RequestView&, const ClusterView& cluster, RandomStream& random) override {
    const std::uint32_t replicas = cluster.replicas();
    if (replicas == 1) return ReplicaId(0);
    const auto first = static_cast<std::uint32_t>(random.below(replicas));
    auto second = static_cast<std::uint32_t>(random.below(replicas - 1));
    if (second >= first) ++second;  // uniform over the others
    const bool fewer = cluster.outstanding_requests(ReplicaId(second)) <
                       cluster.outstanding_requests(ReplicaId(first));
    return ReplicaId(fewer ? second : first);
  }
};

const RegisterRoutingPolicy kRegistered{
    "power-of-two",
    "of two random replicas the one with fewer unfinished requests",
    {},
    [](const Parameters&) { return std::make_unique<PowerOfTwo>(); }};

}  // namespace
}  // namespace headroom
