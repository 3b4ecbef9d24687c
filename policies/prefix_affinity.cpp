// Prefix affinity: the replica on which the prompt is soonest computed, what it has of it counted.
//
// Mooncake's cache-aware scheduling (Qin et al., FAST 2025, algorithm 1) weighs the queue in front
// of an instance against the part of the prompt it would not have to compute. Here both are tokens:
// those of this prompt that are not on the replica, and `load` times those of the prompts of all
// its unfinished requests. Ties go to the lowest index. O(replicas + blocks found) a request.
#include <limits>

#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"load",
     ParameterSpec::Kind::number,
     0,
     1e6,
     "0.5",
     {},
     "what a prompt token of an unfinished request weighs against one to compute; 0: go where the "
     "prefix is, however long the queue"},
};

class PrefixAffinity final : public RoutingPolicy {
 public:
  explicit PrefixAffinity(const Parameters& parameters) : load_(parameters.number("load")) {}

  ReplicaId route(const RequestView& request, const ClusterView& cluster, RandomStream&) override {
    ReplicaId best(0);
    double least = std::numeric_limits<double>::infinity();
    for (std::uint32_t i = 0; i < cluster.replicas(); ++i) {
      const ReplicaId replica(i);
      const Tokens missing = request.prompt() - cluster.cached_prefix(request, replica);
      const double work =
          missing.as_double() + load_ * cluster.outstanding_prompt_tokens(replica).as_double();
      if (work >= least) continue;
      least = work;
      best = replica;
    }
    return best;
  }

 private:
  double load_;
};

const RegisterRoutingPolicy kRegistered{
    "prefix-affinity", "the fewest prompt tokens to compute, cached prefixes and queues weighed",
    kParameters, [](const Parameters& p) { return std::make_unique<PrefixAffinity>(p); }};

}  // namespace
}  // namespace headroom
