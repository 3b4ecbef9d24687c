// Dense batches: each iteration computes a fixed number of tokens, decodes first and then as much
// of prompts as fits exactly; requests enter only where the predicted peak of KV fits.
//
// Zhu et al., "NanoFlow: Towards Optimal Large Language Model Serving Throughput", OSDI 2025 (arXiv
// 2408.12757), section 4.2, the batches that its pipelines are made for (nanoflow.cpp). Output
// lengths are believed as `mean_output` or the scenario's predictor say; where that was too low and
// KV runs out, a request moves to host memory and comes back without computing anything again. The
// next batch is formed before the last one's tokens are seen, so a request that ends computes one
// token too many in the iteration after. Its KV leaves at once here, an iteration early.
// The released code differs: it predicts no memory and stops where KV runs out.
#include <algorithm>
#include <vector>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "2048",
     {},
     "tokens of an iteration (the paper: 2048 for 70B models on eight A100s)"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "4096",
     {},
     "running requests at most"},
    {"mean_output",
     ParameterSpec::Kind::integer,
     0,
     1 << 28,
     "0",
     {},
     "tokens an answer is believed to have; 0: as the scenario's predictor says"},
    {"async",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "batches are formed an iteration ahead: one wasted token a request"},
};

/// Peak of the KV of a set of requests that all go on decoding, each to its believed end.
class PeakPredictor {
 public:
  void clear() { ends_.clear(); }
  /// A request that holds `held` tokens once its prompt is done and ends `iterations` from now.
  void add(std::int64_t held, std::int64_t iterations) {
    const Ends one{iterations, held};
    ends_.insert(std::upper_bound(ends_.begin(), ends_.end(), one, later), one);
  }
  /// In tokens, a whole block counted for each begun one.
  [[nodiscard]] std::int64_t peak(std::int64_t block) const {
    std::int64_t held = 0, peak = 0, alive = 0;
    // Latest end first: when this one ends, all before it are still there and have grown as far.
    for (const Ends& one : ends_) {
      held += one.held + block - 1;
      ++alive;
      peak = std::max(peak, held + alive * one.iterations);
    }
    return peak;
  }

 private:
  struct Ends {
    std::int64_t iterations, held;
  };
  static bool later(const Ends& a, const Ends& b) { return a.iterations > b.iterations; }
  std::vector<Ends> ends_;
};

class DenseBatch final : public BatchPolicy {
 public:
  explicit DenseBatch(const Parameters& parameters)
      : budget_(parameters.integer("max_num_batched_tokens")),
        max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        mean_output_(parameters.integer("mean_output")),
        async_(parameters.flag("async")) {}

  void next_batch(BatchPlan& plan) override {
    const std::size_t ended =
        expected_ > plan.running_count() ? expected_ - plan.running_count() : 0;
    const bool all_decode = schedule_decodes(plan);
    const std::size_t decodes = plan.scheduled_requests();
    // Who gave way in this step returns in a later one, unless nothing runs without it.
    const bool idle = decodes == 0 && plan.batches_in_flight() == 0;
    const bool open = plan.preemptions() == 0 || idle;
    if (open) swap_in(plan);
    if (!all_decode) continue_prompts(plan);
    if (open && plan.swapped_count() == 0) admit(plan);
    if (plan.scheduled_requests() == 0 && plan.batches_in_flight() == 0) advance_first(plan);
    const bool wasted = async_ && ended > 0 && plan.scheduled_requests() > 0;
    if (wasted) plan.pad(static_cast<std::int64_t>(ended));
    // A request may enter as soon as those that run are nearer to their ends, so who waits matters.
    const bool alone = all_decode && plan.scheduled_requests() == decodes &&
                       plan.waiting_count() == 0 && plan.swapped_count() == 0;
    if (alone && !wasted && decodes > 0) plan.steady();
    expected_ = plan.running_count();
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }

 private:
  [[nodiscard]] Tokens left(const BatchPlan& plan) const {
    return budget_ - plan.scheduled_tokens();
  }

  /// Iterations from now until a request is believed to end.
  [[nodiscard]] std::int64_t iterations_left(const RequestView& request) const {
    const std::int64_t output =
        mean_output_ > 0 ? mean_output_ : request.predicted_output().value();
    return std::max<std::int64_t>(output - request.generated().value(), 1);
  }

  /// True when every running request decodes in this iteration.
  [[nodiscard]] bool schedule_decodes(BatchPlan& plan) const {
    bool all = plan.running_count() > 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || !request.decoding() || left(plan) == Tokens(0)) {
        all = false;
        continue;
      }
      while (!plan.grow(request, Tokens(1))) {
        if (give_way(plan, i) == Victim::itself) return false;
      }
      plan.schedule(request, Tokens(1));
    }
    return all && plan.preemptions() == 0;
  }

  /// The last running request moves to the host; where that is full, it starts again.
  static Victim give_way(BatchPlan& plan, std::size_t asking) {
    const std::size_t victim = last_idle(plan, asking);
    const RequestView request = plan.running(victim);
    const bool fits = request.blocks() <= plan.free_host_blocks() &&
                      request.blocks() + Blocks(1) <= plan.total_blocks();
    plan.preempt(request, fits ? Preemption::swap : Preemption::recompute);
    return victim == asking ? Victim::itself : Victim::another;
  }

  /// Back from the host, longest away first, with a block to spare for the next token: without it
  /// they would only leave again.
  static void swap_in(BatchPlan& plan) {
    while (plan.swapped_count() > 0 && plan.free_blocks() > plan.swapped(0).host_blocks()) {
      if (!plan.swap_in(plan.swapped(0))) return;
    }
  }

  void continue_prompts(BatchPlan& plan) const {
    for (std::size_t i = 0; i < plan.running_count() && left(plan) > Tokens(0); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || request.decoding()) continue;
      compute(plan, request);
    }
  }

  void compute(BatchPlan& plan, const RequestView& request) const {
    const Tokens tokens = std::min(request.missing(), left(plan));
    if (plan.grow(request, tokens)) plan.schedule(request, tokens);
  }

  void admit(BatchPlan& plan) {
    if (plan.waiting_count() == 0 || left(plan) == Tokens(0)) return;
    // Prompts under way end later by the iterations that they and those before them still need.
    const std::int64_t room = std::max<std::int64_t>(
        1, budget_.value() - static_cast<std::int64_t>(plan.running_count()));
    std::int64_t prompts = 0;
    const auto believed_end = [&](const RequestView& request) {
      if (!request.decoding()) prompts += request.missing().value();
      return iterations_left(request) + (request.decoding() ? 0 : 1 + prompts / room);
    };
    peak_.clear();
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      peak_.add((request.prompt() + request.generated()).value(), believed_end(request));
    }
    const std::int64_t block = plan.block_tokens().value();
    while (plan.waiting_count() > 0 && plan.running_count() < max_num_seqs_ &&
           left(plan) > Tokens(0)) {
      const RequestView head = plan.waiting(0);
      if (drop_impossible(plan, head)) continue;
      peak_.add((head.prompt() + head.generated()).value(), believed_end(head));
      const bool fits = peak_.peak(block) <= plan.total_blocks().value() * block;
      // Whoever is alone may try, however long.
      if (!fits && plan.running_count() > 0) return;
      const Tokens tokens = std::min(head.missing(), left(plan));
      if (!plan.grow(head, tokens)) return;
      plan.admit(head);
      plan.schedule(head, tokens);
    }
  }

  Tokens budget_;
  std::size_t max_num_seqs_;
  std::int64_t mean_output_;
  bool async_;
  std::size_t expected_ = 0;  ///< requests that ran after the last decision
  PeakPredictor peak_;
};

const RegisterBatchPolicy kRegistered{
    "dense-batch",
    "NanoFlow's batches: always the same number of tokens; admission by the predicted peak of KV",
    kParameters, [](const Parameters& p) { return std::make_unique<DenseBatch>(p); }};

}  // namespace
}  // namespace headroom
