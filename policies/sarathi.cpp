// Sarathi-Serve: chunked prefills piggybacked on decodes under a token budget, so that decodes
// never stall.
//
// Agrawal et al., "Taming Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve", OSDI
// 2024, algorithm 3, as its released code runs it (branch osdi-sarathi-serve): decodes first and
// not limited by the budget, then prompts under way, then new ones. Blocks of a whole prompt are
// taken at admission. A decode needs a free block even where its last one has room; if there is
// none, the last running request not yet visited starts again.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "policies/watermark.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: the paper's evaluation (section 5; strict latency target).
const std::vector<ParameterSpec> kParameters{
    {"token_budget",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "512",
     {},
     "tokens of an iteration (tau): the most that still meets the target for time between tokens"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "128",
     {},
     "running requests at most"},
    watermark_spec(),
    {"hybrid",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "prompts and decodes share iterations; false: they take turns (the paper's ablation)"},
};

class Sarathi final : public BatchPolicy {
 public:
  explicit Sarathi(const Parameters& parameters)
      : budget_(parameters.integer("token_budget")),
        max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        watermark_(parameters.number("watermark")),
        hybrid_(parameters.flag("hybrid")) {}

  void next_batch(BatchPlan& plan) override {
    if (out_of_order_) plan.order_running_by_arrival();
    out_of_order_ = false;
    if (hybrid_) {
      const std::size_t prefilling = schedule_decodes(plan);
      compute_prompts(plan, prefilling);
      promise(plan);
    } else {
      take_turns(plan);
    }
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }

 private:
  /// Passes B and C.
  void compute_prompts(BatchPlan& plan, std::size_t prefilling) {
    decodes_ = plan.scheduled_requests();
    if (prefilling > 0) continue_prefills(plan);
    admit_waiting(plan);
  }

  /// The next iteration is the same while nothing comes or goes. Requires that prompts were looked
  /// at.
  void promise(BatchPlan& plan) const {
    const bool all_decode = decodes_ > 0 && decodes_ == plan.running_count();
    if (all_decode && plan.preemptions() == 0) plan.steady(Blocks(0), arrivals_behind_head(plan));
  }

  /// Without hybrid batches: prompts after decodes, decodes after prompts or where there are none.
  void take_turns(BatchPlan& plan) {
    const bool prompts_first = prompts_turn_;
    prompts_turn_ = false;
    if (prompts_first) compute_prompts(plan, plan.running_count());
    if (plan.scheduled_requests() > 0) return;
    static_cast<void>(schedule_decodes(plan));
    decodes_ = plan.scheduled_requests();
    prompts_turn_ = decodes_ > 0;
    if (prompts_first) return promise(plan);
    if (decodes_ == 0) compute_prompts(plan, plan.running_count());
  }

  /// Pass A. Returns how many prompts under way were set aside; those cannot be victims any more.
  [[nodiscard]] static std::size_t schedule_decodes(BatchPlan& plan) {
    std::size_t set_aside = 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) continue;
      if (!request.decoding()) {
        ++set_aside;
        continue;
      }
      while (plan.free_blocks() == Blocks(0)) {
        if (preempt_last(plan, i) == Victim::itself) return set_aside;
      }
      if (plan.grow(request, Tokens(1))) plan.schedule(request, Tokens(1));
    }
    return set_aside;
  }

  /// Pass B. Their blocks exist already; with no budget left they idle.
  void continue_prefills(BatchPlan& plan) const {
    for (std::size_t i = 0; i < plan.running_count() && plan.scheduled_tokens() < budget_; ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || request.decoding()) continue;
      plan.schedule(request, std::min(request.missing(), budget_ - plan.scheduled_tokens()));
    }
  }

  /// Pass C.
  void admit_waiting(BatchPlan& plan) {
    const Blocks kept = watermark_.blocks(plan.total_blocks());
    while (plan.waiting_count() > 0 && plan.running_count() < max_num_seqs_ &&
           plan.scheduled_tokens() < budget_) {
      const RequestView head = plan.waiting(0);
      const Blocks prompt = blocks_for(head.missing(), plan.block_tokens());
      if (drop_impossible(plan, head, plan.max_model_len(), prompt, plan.total_blocks() - kept)) {
        continue;
      }
      if (plan.free_blocks() - prompt < kept || !plan.reserve(head, prompt)) return;
      if (plan.running_count() > 0) {
        out_of_order_ |= plan.running(plan.running_count() - 1).arrival() > head.arrival();
      }
      plan.admit(head);
      plan.schedule(head, std::min(head.missing(), budget_ - plan.scheduled_tokens()));
    }
  }

  Tokens budget_;
  std::size_t max_num_seqs_;
  Watermark watermark_;
  bool hybrid_;
  bool prompts_turn_ = true;   ///< without hybrid batches
  std::size_t decodes_ = 0;    ///< scheduled in this iteration
  bool out_of_order_ = false;  ///< a request that had been preempted came back behind younger ones
                               ///< (with pipeline stages, where not everyone can be a victim)
};

const RegisterBatchPolicy kRegistered{
    "sarathi", "Sarathi-Serve (OSDI 2024): chunked prefills beside every decode, no stalls",
    kParameters, [](const Parameters& p) { return std::make_unique<Sarathi>(p); }};

}  // namespace
}  // namespace headroom
