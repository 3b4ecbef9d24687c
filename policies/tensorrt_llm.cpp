// TensorRT-LLM's scheduler: in-flight batching, with memory promised to the end before a request
// starts.
//
// TensorRT-LLM 1.0 (PyTorch backend), tensorrt_llm/_torch/pyexecutor/scheduler.py and
// cpp/tensorrt_llm/batch_manager/{capacityScheduler,microBatchScheduler}.cpp. Requests that run go
// first, one token each; then new ones in order of arrival, until one does not fit into the rest
// of the iteration's tokens, the batch, or the KV blocks. `guaranteed-no-evict` asks for the blocks
// of a request's whole answer, so nobody is ever evicted; `max-utilization` asks for those of its
// prompt and pauses the request started last when blocks run out. A prompt is computed whole
// unless `chunked_prefill`. With batch waiting, prompts wait for company while others decode: until
// enough tokens are together or enough iterations have passed. Not here: attention data
// parallelism's balancing, beam search, KV reuse.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: tensorrt_llm/llmapi/llm_args.py of 1.0.
const std::vector<ParameterSpec> kParameters{
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "8192",
     {},
     "tokens of an iteration (max_num_tokens); longer prompts are refused unless chunked_prefill"},
    {"max_batch_size",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "2048",
     {},
     "requests of an iteration at most"},
    {"capacity",
     ParameterSpec::Kind::choice,
     0,
     0,
     "guaranteed-no-evict",
     {"guaranteed-no-evict", "max-utilization"},
     "KV blocks a request must find before it starts: of its whole answer, or of its prompt"},
    {"chunked_prefill",
     ParameterSpec::Kind::flag,
     0,
     1,
     "false",
     {},
     "prompts may be computed in parts (enable_chunked_prefill)"},
    {"batch_wait_iterations",
     ParameterSpec::Kind::integer,
     0,
     1 << 20,
     "0",
     {},
     "iterations that prompts wait for company while others decode (batch_wait_timeout_iters)"},
    {"batch_wait_tokens_ratio",
     ParameterSpec::Kind::number,
     0,
     1,
     "0",
     {},
     "share of an iteration's tokens that ends that wait (batch_wait_max_tokens_ratio)"},
};

class TensorRtLlm final : public BatchPolicy {
 public:
  explicit TensorRtLlm(const Parameters& parameters)
      : budget_(parameters.integer("max_num_batched_tokens")),
        max_batch_size_(static_cast<std::size_t>(parameters.integer("max_batch_size"))),
        no_evict_(parameters.choice("capacity") == "guaranteed-no-evict"),
        chunked_(parameters.flag("chunked_prefill")),
        wait_iterations_(parameters.integer("batch_wait_iterations")),
        wait_tokens_(parameters.number("batch_wait_tokens_ratio") * budget_.as_double()) {}

  void next_batch(BatchPlan& plan) override {
    bool all_decode = schedule_running(plan);
    if (plan.scheduled_requests() == 0 && plan.running_count() > 0 &&
        plan.batches_in_flight() == 0) {
      advance_first(plan);  // predictions were too short, or blocks ran out for everyone
      all_decode = false;
    }
    const std::size_t running = plan.scheduled_requests();
    if (plan.preemptions() == 0) admit_waiting(plan);
    if (all_decode && plan.scheduled_requests() == running && waited_ == 0) {
      plan.steady(Blocks(0), arrivals_behind_head(plan), no_evict_ ? Room::reserved : Room::grows);
    }
  }

  [[nodiscard]] Tokens joining_room(const RequestView& request,
                                    Tokens max_model_len) const override {
    const Tokens next = request.computed() + Tokens(1);
    return no_evict_ ? std::max(whole_life(request, max_model_len), next) : next;
  }
  [[nodiscard]] std::size_t most_running() const override { return max_batch_size_; }

 private:
  /// Prompt and answer, as far as anyone can tell.
  [[nodiscard]] static Tokens whole_life(const RequestView& request, Tokens max_model_len) {
    const Tokens output = std::max(request.predicted_output(), request.generated() + Tokens(1));
    return std::max(std::min(request.prompt() + output, max_model_len), request.missing());
  }

  [[nodiscard]] Tokens budget_left(const BatchPlan& plan) const {
    return budget_ - plan.scheduled_tokens();
  }

  /// True when every running request decodes in this iteration.
  [[nodiscard]] bool schedule_running(BatchPlan& plan) const {
    bool all_decode = plan.running_count() > 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || budget_left(plan) == Tokens(0) ||
          plan.scheduled_requests() == max_batch_size_) {
        all_decode = false;
        continue;
      }
      const Tokens tokens = std::min(request.missing(), budget_left(plan));
      while (!plan.grow(request, tokens)) {
        if (no_evict_ || last_idle(plan, i) == i) break;
        plan.preempt(plan.running(last_idle(plan, i)), Preemption::recompute);
      }
      if (!plan.grow(request, tokens)) return false;
      all_decode = all_decode && request.decoding();
      plan.schedule(request, tokens);
    }
    return all_decode && plan.preemptions() == 0;
  }

  /// Blocks that a waiting request must find.
  [[nodiscard]] Blocks wanted(const BatchPlan& plan, const RequestView& request) const {
    const Tokens tokens = no_evict_ ? whole_life(request, plan.max_model_len()) : request.missing();
    return blocks_for(tokens, plan.block_tokens());
  }

  void admit_waiting(BatchPlan& plan) {
    drop_heads(plan);
    const std::size_t fitting = fitting_heads(plan);
    if (fitting == 0 || waits_for_company(plan)) return;
    for (std::size_t i = 0; i < fitting; ++i) {
      const RequestView head = plan.waiting(0);
      if (!plan.reserve(head, wanted(plan, head))) return;
      plan.admit(head);
      plan.schedule(head, std::min(head.missing(), budget_left(plan)));
    }
  }

  /// Heads of the queue that can never run would stop it.
  void drop_heads(BatchPlan& plan) const {
    const Tokens longest =
        chunked_ ? plan.max_model_len() : std::min(plan.max_model_len(), budget_);
    while (plan.waiting_count() > 0) {
      const RequestView head = plan.waiting(0);
      if (!drop_impossible(plan, head, longest, wanted(plan, head), plan.total_blocks())) return;
    }
  }

  /// How many requests at the front of the queue fit into this iteration; `fitting_tokens_` is
  /// what they compute.
  [[nodiscard]] std::size_t fitting_heads(const BatchPlan& plan) {
    Blocks free = plan.free_blocks();
    Tokens left = budget_left(plan);
    std::size_t room = max_batch_size_ - std::min(max_batch_size_, plan.scheduled_requests());
    std::size_t count = 0;
    fitting_tokens_ = Tokens(0);
    for (; count < plan.waiting_count() && room > 0 && left > Tokens(0); ++count, --room) {
      const RequestView head = plan.waiting(count);
      const Blocks blocks = wanted(plan, head);
      const bool whole = head.missing() <= left;
      if (blocks > free || (!whole && !chunked_)) break;
      free -= blocks;
      const Tokens tokens = std::min(head.missing(), left);
      left -= tokens;
      fitting_tokens_ += tokens;
    }
    return count;
  }

  /// `_waiting_requests` of py_executor.py.
  [[nodiscard]] bool waits_for_company(const BatchPlan& plan) {
    const Tokens together = plan.scheduled_tokens() + fitting_tokens_;
    const bool waits = plan.scheduled_requests() > 0 && waited_ < wait_iterations_ &&
                       together.as_double() < wait_tokens_;
    waited_ = waits ? waited_ + 1 : 0;
    return waits;
  }

  Tokens budget_;
  std::size_t max_batch_size_;
  bool no_evict_;
  bool chunked_;
  std::int64_t wait_iterations_;
  double wait_tokens_;

  std::int64_t waited_ = 0;  ///< iterations that prompts have waited for company
  Tokens fitting_tokens_;    ///< of the requests that `fitting_heads` counted
};

const RegisterBatchPolicy kRegistered{
    "tensorrt-llm",
    "TensorRT-LLM: in-flight batching, KV promised to the end (no evict) or by need (max util)",
    kParameters, [](const Parameters& p) { return std::make_unique<TensorRtLlm>(p); }};

}  // namespace
}  // namespace headroom
