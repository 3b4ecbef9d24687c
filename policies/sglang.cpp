// SGLang's scheduler: prompts in waves of their own, decodes wait meanwhile; memory bet on answers
// being shorter than allowed.
//
// SGLang 0.5, python/sglang/srt/managers/{scheduler,schedule_policy,schedule_batch}.py with mixed
// chunks off and requests in order of arrival. A wave takes waiting prompts in order up to
// `max_num_batched_tokens` together, the last one in part. Whoever is taken must find free tokens
// for its prompt and its whole answer beside what those that run may still need: their allowed rest
// times a ratio that shrinks with every decode step from 0.7 to 0.098 (times `conservativeness`).
// If the bet is lost, requests with the fewest answer tokens start again and the ratio rises. With
// `recv_interval` n the scheduler looks for new requests only after a wave or every n decode steps.
// The radix cache (Zheng et al., NeurIPS 2024) is that of sim/prefix_cache.h: what a prompt shares
// with earlier ones is neither computed nor asked for, and requests of one wave share as well. Not
// here: data parallelism.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: python/sglang/srt/server_args.py of 0.5 on 80 GB devices.
const std::vector<ParameterSpec> kParameters{
    {"max_num_batched_tokens",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "8192",
     {},
     "prompt tokens of a wave at most (chunked_prefill_size)"},
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "4096",
     {},
     "running requests at most (max_running_requests)"},
    {"conservativeness",
     ParameterSpec::Kind::number,
     0,
     10,
     "1",
     {},
     "factor on the share of their rest that running requests are held to need"},
    {"recv_interval",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "1",
     {},
     "decode steps between two looks for new requests (scheduler_recv_interval)"},
    {"radix_cache",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "prompts share the KV of equal prefixes, as far as the trace has their hashes "
     "(disable_radix_cache turns it off)"},
};

// global_config.py and schedule_policy.py.
constexpr double kFirstRatio = 0.7;
constexpr double kLeastRatioFactor = 0.14;
constexpr double kDecaySteps = 600;
constexpr Tokens kLongestBet{4096};
constexpr std::int64_t kRetractSteps = 20;

class Sglang final : public BatchPolicy {
 public:
  explicit Sglang(const Parameters& parameters)
      : budget_(parameters.integer("max_num_batched_tokens")),
        max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        first_ratio_(std::min(kFirstRatio * parameters.number("conservativeness"), 1.0)),
        recv_interval_(parameters.integer("recv_interval")),
        reuse_(parameters.flag("radix_cache") ? PrefixReuse::cached : PrefixReuse::none),
        ratio_(first_ratio_) {}

  void next_batch(BatchPlan& plan) override {
    start_step(plan);
    prefill_wave(plan);
    wave_ = plan.scheduled_requests() > 0;
    if (wave_) return;
    const std::size_t decodes = decode_all(plan);
    const bool same = decodes > 0 && decodes == plan.running_count() && plan.preemptions() == 0;
    const bool unseen = plan.waiting_count() > 0 && (!full_ || !all_received(plan));
    if (same && !unseen) plan.steady();
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }
  [[nodiscard]] PrefixRules prefix_rules() const override { return {reuse_, 1}; }

 private:
  /// Counts the steps since the last decision, and looks for new requests where that is due.
  void start_step(BatchPlan& plan) {
    const std::int64_t steps = plan.iterations() - iterations_;
    iterations_ = plan.iterations();
    const bool idle = plan.running_count() == 0;
    if (idle || plan.running_count() < running_) full_ = false;
    if (!wave_) decay(steps);
    if (idle) ratio_ = first_ratio_;
    since_poll_ = wave_ || idle ? recv_interval_ : since_poll_ + steps;
    since_poll_ %= recv_interval_;
    if (since_poll_ == 0) receive(plan);
  }

  void receive(const BatchPlan& plan) {
    if (recv_interval_ == 1) return;
    for (std::size_t i = 0; i < plan.waiting_count(); ++i)
      received_ = std::max(received_, plan.waiting(i).id().index() + 1U);
  }

  /// Whether the scheduler knows of a waiting request.
  [[nodiscard]] bool knows(const RequestView& request) const {
    return recv_interval_ == 1 || request.id().index() < received_;
  }

  void decay(std::int64_t steps) {
    const double least = first_ratio_ * kLeastRatioFactor;
    for (std::int64_t i = 0; i < steps && ratio_ > least; ++i)
      ratio_ = std::max(ratio_ - (first_ratio_ - least) / kDecaySteps, least);
  }

  [[nodiscard]] bool all_received(const BatchPlan& plan) const {
    return knows(plan.waiting(plan.waiting_count() - 1));
  }

  /// What a request's answer may still take.
  [[nodiscard]] static Tokens rest(const RequestView& request) {
    return std::clamp(request.predicted_output() - request.generated(), Tokens(0), kLongestBet);
  }

  /// Free tokens beyond what those that run are held to need.
  [[nodiscard]] double spare_tokens(const BatchPlan& plan) const {
    const auto block = plan.block_tokens().as_double();
    double spare = plan.free_blocks().as_double() * block;
    for (std::size_t i = 0; i < plan.running_count(); ++i)
      spare -= rest(plan.running(i)).as_double() * ratio_;
    return spare;
  }

  void prefill_wave(BatchPlan& plan) {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || request.decoding()) continue;
      const Tokens left = budget_ - plan.scheduled_tokens();
      if (left == Tokens(0)) return;
      plan.schedule(request, std::min(request.missing(), left));
    }
    if (!full_ && plan.waiting_count() > 0) admit_waiting(plan);
    running_ = plan.running_count();
  }

  void admit_waiting(BatchPlan& plan) {
    double spare = spare_tokens(plan);
    while (plan.waiting_count() > 0 && plan.scheduled_tokens() < budget_) {
      const RequestView head = plan.waiting(0);
      if (!knows(head)) return;
      if (drop_impossible(plan, head)) continue;
      const Blocks whole = blocks_for(head.missing(), plan.block_tokens());
      const Blocks free = plan.free_blocks();
      plan.reuse(head);
      // What it found and nobody held was free until now.
      const Tokens found = plan.block_tokens() * (free - plan.free_blocks()).value();
      const double asked = (found + head.missing() + rest(head)).as_double();
      const bool alone = plan.running_count() == 0;
      full_ = plan.running_count() >= max_num_seqs_ || (asked >= spare && !alone) ||
              !plan.reserve(head, whole);
      if (full_) return plan.let_go(head);
      spare -= asked;
      plan.admit(head);
      plan.schedule(head, std::min(head.missing(), budget_ - plan.scheduled_tokens()));
    }
  }

  /// Returns how many decode.
  [[nodiscard]] std::size_t decode_all(BatchPlan& plan) {
    if (plan.free_blocks() < blocks_needed(plan)) retract(plan);
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (!request.in_flight() && plan.grow(request, Tokens(1))) plan.schedule(request, Tokens(1));
    }
    running_ = plan.running_count();
    return plan.scheduled_requests();
  }

  [[nodiscard]] static Blocks blocks_needed(const BatchPlan& plan) {
    Blocks needed(0);
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) continue;
      const Tokens kv = request.computed() + Tokens(1);
      if (blocks_for(kv, plan.block_tokens()) > request.blocks()) needed += Blocks(1);
    }
    return needed;
  }

  /// `retract_decode`: requests give way until the others have room for some steps.
  void retract(BatchPlan& plan) {
    while (plan.running_count() > 0) {
      const auto running = static_cast<std::int64_t>(plan.running_count());
      const Blocks room = blocks_for(Tokens(running * kRetractSteps), plan.block_tokens());
      const bool last = running == 1;
      if (plan.free_blocks() >= (last ? blocks_needed(plan) : room)) break;
      const std::size_t victim = fewest_tokens(plan);
      if (victim == plan.running_count()) break;
      plan.preempt(plan.running(victim), Preemption::recompute);
    }
    double made = 0;
    double allowed = 0;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      made += plan.running(i).generated().as_double() + kRetractSteps;
      allowed += plan.running(i).predicted_output().as_double();
    }
    ratio_ = std::min(1.0, made / (allowed + 1));
    full_ = false;
  }

  /// Fewest answer tokens, then the longest prompt; running_count() when nobody is idle.
  [[nodiscard]] static std::size_t fewest_tokens(const BatchPlan& plan) {
    std::size_t found = plan.running_count();
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView one = plan.running(i);
      if (one.in_flight()) continue;
      if (found == plan.running_count()) {
        found = i;
        continue;
      }
      const RequestView best = plan.running(found);
      const bool fewer = one.generated() < best.generated();
      if (fewer || (one.generated() == best.generated() && one.prompt() > best.prompt())) found = i;
    }
    return found;
  }

  Tokens budget_;
  std::size_t max_num_seqs_;
  double first_ratio_;
  std::int64_t recv_interval_;
  PrefixReuse reuse_;

  double ratio_;                 ///< of their allowed rest that running requests are held to need
  std::int64_t iterations_ = 0;  ///< ended at the last decision
  std::int64_t since_poll_ = 0;  ///< decode steps since the last look for new requests
  std::uint32_t received_ = 0;   ///< requests below this number have been seen
  std::size_t running_ = 0;      ///< at the last decision
  bool wave_ = false;            ///< the last decision was a wave of prompts
  bool full_ = false;            ///< nobody is admitted until somebody leaves
};

const RegisterBatchPolicy kRegistered{
    "sglang", "SGLang: waves of prompts that pause decodes, memory bet on a ratio, retraction",
    kParameters, [](const Parameters& p) { return std::make_unique<Sglang>(p); }};

}  // namespace
}  // namespace headroom
