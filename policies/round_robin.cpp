// Round robin: replicas in turn, whatever their load.
//
// The default of most load balancers; equals the least loaded choice only where requests are alike.
// O(1) a request.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class RoundRobin final : public RoutingPolicy {
 public:
  ReplicaId route(const RequestView&, const ClusterView& cluster, RandomStream&) override {
    const ReplicaId chosen(next_ < cluster.replicas() ? next_ : 0);
    next_ = chosen.index() + 1;
    return chosen;
  }

 private:
  std::uint32_t next_ = 0;
};

const RegisterRoutingPolicy kRegistered{
    "round-robin", "replicas in turn", {}, [](const Parameters&) {
      return std::make_unique<RoundRobin>();
    }};

}  // namespace
}  // namespace headroom
