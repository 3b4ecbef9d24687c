// Splitwise: a pool for prompts, a pool for generation, and a mixed pool that takes what the prompt
// pool cannot take in time.
//
// Patel et al., "Splitwise: Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024
// (arXiv 2311.18677), section IV-A, the cluster-level scheduler: join the shortest queue, measured
// in pending prompt tokens; where that queue is above a threshold, look in the mixed pool, whose
// machines batch both phases. Here prefill groups are the prompt pool and joint groups the mixed
// pool; without joint groups it is the shortest queue alone. Where the mixed pool is above the
// threshold as well, the shortest queue of all. Ties go to the lowest index. O(replicas) a request.
// The paper's machines move between pools as load asks; here a pool's size changes by /dynamics.
#include <optional>

#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"queue_tokens",
     ParameterSpec::Kind::integer,
     0,
     1 << 28,
     "4096",
     {},
     "prompt tokens of unfinished requests above which a prompt replica gets no more while a joint "
     "one is below"},
};

class Splitwise final : public RoutingPolicy {
 public:
  explicit Splitwise(const Parameters& parameters) : most_(parameters.integer("queue_tokens")) {}

  ReplicaId route(const RequestView&, const ClusterView& cluster, RandomStream&) override {
    const auto queue = [&](ReplicaId replica) {
      return cluster.outstanding_prompt_tokens(replica);
    };
    std::optional<ReplicaId> prompts, mixed;
    for (std::uint32_t i = 0; i < cluster.replicas(); ++i) {
      const ReplicaId replica(i);
      std::optional<ReplicaId>& best = cluster.is_joint(replica) ? mixed : prompts;
      if (!best || queue(replica) < queue(*best)) best = replica;
    }
    if (!prompts) return *mixed;
    if (!mixed || queue(*prompts) <= most_) return *prompts;
    return queue(*mixed) <= most_ || queue(*mixed) < queue(*prompts) ? *mixed : *prompts;
  }

 private:
  Tokens most_;
};

const RegisterRoutingPolicy kRegistered{
    "splitwise", "the shortest queue of prompt replicas; above a threshold, joint replicas",
    kParameters, [](const Parameters& p) { return std::make_unique<Splitwise>(p); }};

}  // namespace
}  // namespace headroom
