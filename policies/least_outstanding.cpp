// Least outstanding: the replica with the fewest requests routed to it and not yet gone; ties to
// the lowest index.
//
// Join-the-shortest-queue (Winston, "Optimality of the shortest line discipline", 1977: optimal for
// exponential service). Ties to the lowest index keep answers checkable by hand; a lightly loaded
// cluster therefore favours its first replicas. O(replicas) a request.
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

class LeastOutstanding final : public RoutingPolicy {
 public:
  ReplicaId route(const RequestView&, const ClusterView& cluster, RandomStream&) override {
    ReplicaId best(0);
    std::int64_t fewest = cluster.outstanding_requests(best);
    for (std::uint32_t i = 1; i < cluster.replicas() && fewest > 0; ++i) {
      const std::int64_t outstanding = cluster.outstanding_requests(ReplicaId(i));
      if (outstanding < fewest) {
        fewest = outstanding;
        best = ReplicaId(i);
      }
    }
    return best;
  }
};

const RegisterRoutingPolicy kRegistered{
    "least-outstanding",
    "the replica with the fewest unfinished requests",
    {},
    [](const Parameters&) { return std::make_unique<LeastOutstanding>(); }};

}  // namespace
}  // namespace headroom
