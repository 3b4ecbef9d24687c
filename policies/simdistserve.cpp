// The batching of DistServe's simulator, so that its published runs can be repeated.
//
// Zhong et al., "DistServe", OSDI 2024; simdistserve/base/worker.py of the artifact, colocated
// workers, one pipeline stage. While prompts wait, a step takes them from the head as long as they
// fit the capacity; otherwise a step decodes from the head of a queue as long as the contexts, new
// tokens included, fit a fixed budget. Who has decoded goes behind who has not. The original knows
// no KV memory. Here the replica's pool must be large enough; where it is not, a prompt waits and
// the last request in the decode queue starts again. The original runs one decode step more than
// tokens are asked for: its workloads carry output + 1 here.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    // OPT-13B on one A100 of 80 GB: simdistserve's table of token capacities.
    {"prefill_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "66144",
     {},
     "prompt tokens of one prefill step at most"},
    // Hard-coded in the original.
    {"decode_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "50000",
     {},
     "sum of contexts, new tokens included, of one decode step at most"},
};

class Simdistserve final : public BatchPolicy {
 public:
  explicit Simdistserve(const Parameters& parameters)
      : prefill_tokens_(parameters.integer("prefill_tokens")),
        decode_tokens_(parameters.integer("decode_tokens")) {}

  void next_batch(BatchPlan& plan) override {
    take_prompts(plan);
    if (plan.scheduled_requests() > 0) return;
    decode(plan);
    if (plan.scheduled_requests() < plan.running_count()) plan.rotate_scheduled();
  }

 private:
  void take_prompts(BatchPlan& plan) const {
    while (plan.waiting_count() > 0) {
      const RequestView head = plan.waiting(0);
      if (drop_impossible(plan, head, std::min(prefill_tokens_, plan.max_model_len()),
                          blocks_for(head.missing(), plan.block_tokens()), plan.total_blocks())) {
        continue;
      }
      if (head.missing() > prefill_tokens_ - plan.scheduled_tokens()) return;
      if (!plan.grow(head, head.missing())) return;
      plan.admit(head);
      plan.schedule(head, head.missing());
    }
  }

  void decode(BatchPlan& plan) const {
    Tokens left = decode_tokens_;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) continue;
      // A context beyond the whole budget would stand still for ever in the original; here it
      // decodes alone.
      const Tokens context = request.computed() + Tokens(1);
      if (context > left && plan.scheduled_requests() > 0) return;
      while (!plan.grow(request, Tokens(1))) {
        if (preempt_last(plan, i) == Victim::itself) return;
      }
      plan.schedule(request, Tokens(1));
      left -= context;
    }
  }

  Tokens prefill_tokens_;
  Tokens decode_tokens_;
};

const RegisterBatchPolicy kRegistered{
    "simdistserve",
    "DistServe's simulator: prompts first, then a rotating decode queue, no KV limit", kParameters,
    [](const Parameters& p) { return std::make_unique<Simdistserve>(p); }};

}  // namespace
}  // namespace headroom
