// DistServe's two engines: prompts in batches of about the length that saturates the device, and a
// decode engine that swaps before it runs out of memory.
//
// Zhong et al., "DistServe: Disaggregating Prefill and Decoding for Goodput-optimized Large
// Language Model Serving", OSDI 2024, section 4.3, and its released runtime. On a prefill replica
// prompts leave in order, as many as reach `saturation_tokens` (longer ones alone). On a decode
// replica a step first swaps out the last requests of the batch until all others have room, then
// lets swapped ones in, and newcomers only while nothing is swapped; a request stays in its
// pipeline slot. When KV is pulled and how far is /transfer (sim/replica_engine.h). `faithful` is
// the released code: no saturation length, and a newcomer's blocks are counted twice before it may
// start. On a joint replica prompts come first. Beyond the original: who cannot be swapped out
// starts again, and when nobody could go on the first one does, where the original would stand
// still.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: the released runtime; the saturation length is the paper's for 13B on an A100.
const std::vector<ParameterSpec> kParameters{
    {"max_prefill_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "128",
     {},
     "prompts of a step at most"},
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "8192",
     {},
     "prompt tokens of a step at most"},
    {"saturation_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "512",
     {},
     "prompt tokens that saturate the device: further prompts wait for the next step"},
    {"max_decode_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "1024",
     {},
     "requests of a decode step at most"},
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "the released code: no saturation length, newcomers counted twice"},
};

class Distserve final : public BatchPolicy {
 public:
  explicit Distserve(const Parameters& parameters)
      : max_prefill_seqs_(static_cast<std::size_t>(parameters.integer("max_prefill_seqs"))),
        max_tokens_(parameters.integer("max_num_batched_tokens")),
        saturation_(parameters.integer("saturation_tokens")),
        max_decode_seqs_(static_cast<std::size_t>(parameters.integer("max_decode_seqs"))),
        faithful_(parameters.flag("faithful")) {}

  void next_batch(BatchPlan& plan) override {
    take_prompts(plan);
    if (plan.scheduled_requests() > 0) return;
    make_room(plan);
    decode(plan);
    const bool swapped_in = swap_in(plan);
    if (plan.swapped_count() == 0) start_newcomers(plan);
    if (plan.scheduled_requests() == 0 && plan.batches_in_flight() == 0) advance_first(plan);
    const bool all = plan.scheduled_requests() > 0 &&
                     plan.scheduled_requests() == plan.running_count() && !swapped_in &&
                     plan.swapped_count() == 0 && plan.preemptions() == 0;
    if (all && plan.batches_in_flight() == 0) plan.steady(Blocks(0), arrivals_behind_head(plan));
  }

 private:
  /// Its first token came from its prefill: it has not decoded yet.
  [[nodiscard]] static bool newcomer(const RequestView& request) {
    return request.generated() == Tokens(1);
  }
  [[nodiscard]] static Blocks growth(const BatchPlan& plan, const RequestView& request) {
    const Blocks needed = blocks_for(request.computed() + request.missing(), plan.block_tokens());
    return std::max(Blocks(0), needed - request.blocks());
  }

  void take_prompts(BatchPlan& plan) const {
    const Tokens longest = std::min(plan.max_model_len(), max_tokens_);
    const Tokens full = faithful_ ? max_tokens_ : std::min(saturation_, max_tokens_);
    while (plan.waiting_count() > 0 && plan.scheduled_requests() < max_prefill_seqs_) {
      const RequestView head = plan.waiting(0);
      const Blocks blocks = blocks_for(head.missing(), plan.block_tokens());
      if (drop_impossible(plan, head, longest, blocks, plan.total_blocks())) continue;
      const bool first = plan.scheduled_requests() == 0;
      if (!first && plan.scheduled_tokens() + head.missing() > full) return;
      if (!plan.grow(head, head.missing())) return;
      plan.admit(head);
      plan.schedule(head, head.missing());
    }
  }

  /// Swaps out the last requests of the batch until the others' next tokens have room.
  static void make_room(BatchPlan& plan) {
    Blocks needed{0};
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (!request.in_flight() && !newcomer(request)) needed += growth(plan, request);
    }
    for (std::size_t i = plan.running_count(); needed > plan.free_blocks() && i-- > 0;) {
      const RequestView last = plan.running(i);
      if (last.in_flight() || newcomer(last)) continue;
      needed -= growth(plan, last);
      leave(plan, last);
    }
  }

  static void leave(BatchPlan& plan, const RequestView& request) {
    const bool may_swap = request.blocks() <= plan.free_host_blocks() &&
                          request.blocks() + Blocks(1) <= plan.total_blocks();
    plan.preempt(request, may_swap ? Preemption::swap : Preemption::recompute);
  }

  void decode(BatchPlan& plan) const {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (plan.scheduled_requests() == max_decode_seqs_) return;
      if (request.in_flight() || newcomer(request)) continue;
      if (plan.grow(request, request.missing())) plan.schedule(request, request.missing());
    }
  }

  /// First swapped out, first back. Not in a step that swapped out. True when one came back.
  [[nodiscard]] bool swap_in(BatchPlan& plan) const {
    bool any = false;
    while (plan.swapped_count() > 0 && plan.preemptions() == 0 &&
           plan.scheduled_requests() < max_decode_seqs_) {
      const RequestView request = plan.swapped(0);
      const Blocks needed = blocks_for(request.computed() + request.missing(), plan.block_tokens());
      if (std::max(needed, request.host_blocks()) > plan.free_blocks()) return any;
      if (!plan.swap_in(request)) return any;
      any = true;
      if (plan.grow(request, request.missing())) plan.schedule(request, request.missing());
    }
    return any;
  }

  void start_newcomers(BatchPlan& plan) const {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (plan.scheduled_requests() == max_decode_seqs_) return;
      if (request.in_flight() || !newcomer(request)) continue;
      if (faithful_ && request.blocks() > plan.free_blocks()) return;
      if (!plan.grow(request, request.missing())) return;
      plan.schedule(request, request.missing());
    }
  }

  std::size_t max_prefill_seqs_;
  Tokens max_tokens_;
  Tokens saturation_;
  std::size_t max_decode_seqs_;
  bool faithful_;
};

const RegisterBatchPolicy kRegistered{
    "distserve",
    "DistServe (OSDI 2024): prompts up to saturation; decodes swap out before memory runs out",
    kParameters, [](const Parameters& p) { return std::make_unique<Distserve>(p); }};

}  // namespace
}  // namespace headroom
