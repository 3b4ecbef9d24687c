// vLLM's v0 scheduler: prompts first, whole, in steps of their own; decodes wait meanwhile.
//
// vllm/core/scheduler.py of vLLM 0.8.5 (`_schedule_default`, `_schedule_chunked_prefill`) and Kwon
// et al., SOSP 2023, section 4.5. A step is prefill-only whenever a waiting prompt fits; else every
// running request decodes. A decode needs a free block even where its last one has room; if there
// is none, the most recently arrived request gives way, by recomputation or by swapping. Nothing is
// swapped in during a step that preempted, nothing is admitted while anything is swapped out. With
// `chunked_prefill`, decodes go first and prompts fill what the token budget leaves, a part of one
// if need be; the blocks of a whole prompt are taken at admission.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "policies/watermark.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: vllm/config.py of vLLM 0.8.5.
const std::vector<ParameterSpec> kParameters{
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     0,
     1 << 28,
     "0",
     {},
     "tokens of a step at most; 0: the larger of 2048 and the model's maximum length, 2048 with "
     "chunked_prefill"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "256",
     {},
     "running requests at most"},
    watermark_spec(),
    {"preemption",
     ParameterSpec::Kind::choice,
     0,
     0,
     "recompute",
     {"recompute", "swap"},
     "how a victim gives its blocks back; `swap` recomputes what host memory or a later swap-in "
     "could not hold"},
    {"delay_factor",
     ParameterSpec::Kind::number,
     0,
     1e6,
     "0",
     {},
     "prompts wait until the oldest has waited this many times the last prompt step; 0: no delay"},
    {"chunked_prefill",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "decodes first, prompts in chunks within the token budget"},
};

constexpr Tokens kLeastBatchedTokens{2048};

class VllmV0 final : public BatchPolicy {
 public:
  explicit VllmV0(const Parameters& parameters)
      : max_tokens_(parameters.integer("max_num_batched_tokens")),
        max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        watermark_(parameters.number("watermark")),
        preemption_(parameters.choice("preemption") == "swap" ? Preemption::swap
                                                              : Preemption::recompute),
        delay_factor_(parameters.number("delay_factor")),
        chunked_(parameters.flag("chunked_prefill")) {}

  void next_batch(BatchPlan& plan) override {
    start_step(plan);
    if (!chunked_ && plan.swapped_count() == 0 && delay_passed(plan)) admit_waiting(plan);
    if (plan.scheduled_requests() == 0 || chunked_) {
      const std::size_t prefilling = schedule_decodes(plan);
      const std::size_t decodes = plan.scheduled_requests();
      if (prefilling > 0) continue_prefills(plan);
      if (plan.preemptions() == 0) swap_in(plan);
      if (chunked_ && plan.swapped_count() == 0 && delay_passed(plan)) admit_waiting(plan);
      promise(plan, decodes);
    }
    had_prompt_ = computes_prompt_;
    last_step_ = plan.now();
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }

 private:
  void start_step(BatchPlan& plan) {
    if (out_of_order_) plan.order_running_by_arrival();
    out_of_order_ = false;
    kept_ = watermark_.blocks(plan.total_blocks());
    budget_ = max_tokens_;
    if (budget_ == Tokens(0)) {
      budget_ =
          chunked_ ? kLeastBatchedTokens : std::max(kLeastBatchedTokens, plan.max_model_len());
    }
    if (had_prompt_) last_prompt_latency_ = plan.now() - last_step_;
    computes_prompt_ = false;
  }

  /// `_passed_delay`: the front of the queue has waited longest, as victims return there.
  [[nodiscard]] bool delay_passed(const BatchPlan& plan) const {
    if (delay_factor_ == 0 || plan.waiting_count() == 0 || plan.running_count() == 0) return true;
    const Duration waited = plan.now() - plan.waiting(0).arrival();
    return waited.as_double() > delay_factor_ * last_prompt_latency_.as_double();
  }

  [[nodiscard]] Tokens budget_left(const BatchPlan& plan) const {
    return budget_ - plan.scheduled_tokens();
  }

  void admit_waiting(BatchPlan& plan) {
    const Tokens longest =
        chunked_ ? plan.max_model_len() : std::min(plan.max_model_len(), budget_);
    while (plan.waiting_count() > 0 && plan.running_count() < max_num_seqs_ &&
           budget_left(plan) > Tokens(0)) {
      const RequestView head = plan.waiting(0);
      const Blocks prompt = blocks_for(head.missing(), plan.block_tokens());
      if (drop_impossible(plan, head, longest, prompt, plan.total_blocks() - kept_)) continue;
      if (plan.free_blocks() - prompt < kept_) return;
      if (!chunked_ && head.missing() > budget_left(plan)) return;
      if (!plan.reserve(head, prompt)) return;
      note_order(plan, head);
      plan.admit(head);
      plan.schedule(head, std::min(head.missing(), budget_left(plan)));
      computes_prompt_ = true;
    }
  }

  /// Decodes all that run, first come first served. Returns how many prompts under way were passed
  /// over.
  [[nodiscard]] std::size_t schedule_decodes(BatchPlan& plan) const {
    std::size_t prefilling = 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) continue;
      if (!request.decoding()) {
        ++prefilling;
        continue;
      }
      if (chunked_ && budget_left(plan) == Tokens(0)) break;
      while (plan.free_blocks() == Blocks(0)) {
        if (give_way(plan, i) == Victim::itself) return prefilling;
      }
      if (plan.grow(request, Tokens(1))) plan.schedule(request, Tokens(1));
    }
    return prefilling;
  }

  [[nodiscard]] Victim give_way(BatchPlan& plan, std::size_t asking) const {
    const std::size_t victim = last_idle(plan, asking);
    const RequestView request = plan.running(victim);
    const bool may_swap = preemption_ == Preemption::swap &&
                          request.blocks() <= plan.free_host_blocks() &&
                          request.blocks() + Blocks(1) <= plan.total_blocks() - kept_;
    plan.preempt(request, may_swap ? Preemption::swap : Preemption::recompute);
    return victim == asking ? Victim::itself : Victim::another;
  }

  /// Prompts under way exist with `chunked_prefill` only; their blocks are there already.
  void continue_prefills(BatchPlan& plan) {
    for (std::size_t i = 0; i < plan.running_count() && budget_left(plan) > Tokens(0); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || request.decoding()) continue;
      plan.schedule(request, std::min(request.missing(), budget_left(plan)));
      computes_prompt_ = true;
    }
  }

  /// First swapped out, first back. `can_swap_in` counts one block more than were swapped, for the
  /// token to come.
  void swap_in(BatchPlan& plan) {
    while (plan.swapped_count() > 0 && plan.running_count() < max_num_seqs_ &&
           budget_left(plan) > Tokens(0)) {
      const RequestView request = plan.swapped(0);
      if (plan.free_blocks() - request.host_blocks() - Blocks(1) < kept_) return;
      note_order(plan, request);
      if (!plan.swap_in(request)) return;
      swapped_in_ = true;
      const Tokens tokens = std::min(request.missing(), budget_left(plan));
      if (plan.grow(request, tokens)) plan.schedule(request, tokens);
    }
  }

  /// The next step is the same while nothing comes or goes. A request that waits out its delay
  /// comes by itself.
  void promise(BatchPlan& plan, std::size_t decodes) {
    const bool same = decodes > 0 && decodes == plan.running_count() && !swapped_in_ &&
                      plan.preemptions() == 0 && plan.batches_in_flight() == 0;
    const bool delayed = delay_factor_ > 0 && plan.waiting_count() > 0;
    if (same && !delayed) {
      plan.steady(Blocks(0),
                  plan.swapped_count() > 0 ? Arrivals::wait : arrivals_behind_head(plan));
    }
    swapped_in_ = false;
  }

  /// To be called before `incoming` joins the end of the running list.
  void note_order(const BatchPlan& plan, const RequestView& incoming) {
    if (plan.running_count() == 0) return;
    out_of_order_ |= plan.running(plan.running_count() - 1).arrival() > incoming.arrival();
  }

  Tokens max_tokens_;
  std::size_t max_num_seqs_;
  Watermark watermark_;
  Preemption preemption_;
  double delay_factor_;
  bool chunked_;

  Tokens budget_;                 ///< of the step being planned
  Blocks kept_;                   ///< free blocks that an admission leaves
  bool computes_prompt_ = false;  ///< the step being planned does
  bool had_prompt_ = false;       ///< the step before did
  Instant last_step_;
  Duration last_prompt_latency_;
  bool out_of_order_ = false;  ///< a victim came back behind younger requests
  bool swapped_in_ = false;
};

const RegisterBatchPolicy kRegistered{
    "vllm-v0", "vLLM v0: whole prompts before decodes, watermark, preemption by recompute or swap",
    kParameters, [](const Parameters& p) { return std::make_unique<VllmV0>(p); }};

}  // namespace
}  // namespace headroom
