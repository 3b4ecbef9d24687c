// vLLM's v1 scheduler: one token budget for prompts and decodes, no phases.
//
// vllm/v1/core/sched/scheduler.py of vLLM 0.8.5: `schedule`, and `allocate_slots` of
// kv_cache_manager.py. Running requests first, in order of admission, each with as much of what it
// misses as the budget leaves; memory is charged per chunk. Where blocks are missing the last
// running request is dropped back to the front of the queue and starts again. The queue is served
// in order, only in steps without a preemption, with no watermark and no skipping ahead. A request
// enters with the blocks of its prompt that are still on the device (prefix caching, on by default
// in vLLM; sim/prefix_cache.h). Blocks without content that may be wanted are handed out first,
// where vLLM hands out all free ones in order of their release. Not here: speculative tokens.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: H100-class devices under the API server (vllm/engine/arg_utils.py of 0.8.5).
const std::vector<ParameterSpec> kParameters{
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "8192",
     {},
     "token budget of a step (vLLM 0.8.5: 8192 on H100-class devices, 2048 on others)"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "1024",
     {},
     "running requests at most (vLLM 0.8.5: 1024 on H100-class devices, 256 on others)"},
    {"long_prefill_token_threshold",
     ParameterSpec::Kind::integer,
     0,
     1 << 28,
     "0",
     {},
     "tokens of one request in a step at most; 0: no such limit"},
    {"lookahead_blocks",
     ParameterSpec::Kind::integer,
     0,
     1 << 20,
     "0",
     {},
     "blocks taken beyond the needed ones whenever a block is taken (vLLM to 0.8.5: 4; later ones "
     "none, pull request 16941)"},
    {"prefix_caching",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "prompts share the KV blocks of equal prefixes, as far as the trace has their hashes"},
    {"prefix_cache_share",
     ParameterSpec::Kind::number,
     0,
     1,
     "1",
     {},
     "share of the KV blocks that shared prefixes may have at most"},
};

class VllmV1 final : public BatchPolicy {
 public:
  explicit VllmV1(const Parameters& parameters)
      : budget_(parameters.integer("max_num_batched_tokens")),
        max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        longest_chunk_(parameters.integer("long_prefill_token_threshold")),
        lookahead_(parameters.integer("lookahead_blocks")),
        rules_{parameters.flag("prefix_caching") ? PrefixReuse::cached : PrefixReuse::none,
               parameters.number("prefix_cache_share")} {
    if (longest_chunk_ == Tokens(0)) longest_chunk_ = budget_;
  }

  void next_batch(BatchPlan& plan) override {
    const bool all_decode = schedule_running(plan);
    const std::size_t running = plan.scheduled_requests();
    if (plan.preemptions() == 0) admit_waiting(plan);
    if (all_decode && plan.scheduled_requests() == running) {
      plan.steady(lookahead_, arrivals_behind_head(plan));
    }
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }
  [[nodiscard]] PrefixRules prefix_rules() const override { return rules_; }

 private:
  /// What a step may compute of a request.
  [[nodiscard]] Tokens chunk(const BatchPlan& plan, const RequestView& request) const {
    return std::min({request.missing(), longest_chunk_, budget_ - plan.scheduled_tokens()});
  }

  /// True when every running request decodes in this step.
  [[nodiscard]] bool schedule_running(BatchPlan& plan) const {
    bool all_decode = plan.running_count() > 0;
    std::size_t i = 0;
    for (; i < plan.running_count() && plan.scheduled_tokens() < budget_; ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) {
        all_decode = false;
        continue;
      }
      const Tokens tokens = chunk(plan, request);
      while (!plan.grow(request, tokens, lookahead_)) {
        if (preempt_last(plan, i) == Victim::itself) return false;
      }
      all_decode = all_decode && request.decoding();
      plan.schedule(request, tokens);
    }
    return all_decode && i == plan.running_count() && plan.preemptions() == 0;
  }

  void admit_waiting(BatchPlan& plan) const {
    while (plan.scheduled_tokens() < budget_ && plan.running_count() < max_num_seqs_ &&
           plan.waiting_count() > 0) {
      const RequestView head = plan.waiting(0);
      if (drop_impossible(plan, head)) continue;
      if (plan.free_blocks() == Blocks(0)) return;
      plan.reuse(head);
      const Tokens tokens = chunk(plan, head);
      if (!plan.grow(head, tokens, lookahead_)) return plan.let_go(head);
      plan.admit(head);
      plan.schedule(head, tokens);
    }
  }

  Tokens budget_;
  std::size_t max_num_seqs_;
  Tokens longest_chunk_;
  Blocks lookahead_;
  PrefixRules rules_;
};

const RegisterBatchPolicy kRegistered{
    "vllm-v1", "vLLM v1: one token budget a step, chunked prompts, memory charged per chunk",
    kParameters, [](const Parameters& p) { return std::make_unique<VllmV1>(p); }};

}  // namespace
}  // namespace headroom
