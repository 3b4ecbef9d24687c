// llama.cpp's server: a fixed number of slots, whose requests generate together while prompts fill
// what the batch leaves.
//
// ggml-org/llama.cpp, tools/server, release 0.5.0: a waiting request takes the lowest free slot;
// each step adds one token for every generating slot, then prompts in the order of slots up to
// n_batch. Two other orders of the same loop are published elsewhere: prompts and generation in
// calls of their own, in turn, or every prompt first. A slot is a sequence of the KV cache;
// neighbouring slots are computed as one piece, so each hole between generating slots costs a piece
// of its own, reported as a padded row (models/step_cost.h prices pieces; other cost models price a
// row). Where KV runs out the server gives a request up; here the newest starts again later, so
// that plans show it as preemptions.
#include <algorithm>
#include <string>
#include <vector>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

// Defaults: the server's (common/common.h: n_batch; four slots where none are asked for).
const std::vector<ParameterSpec> kParameters{
    {"n_parallel", ParameterSpec::Kind::integer, 1, 1 << 20, "4", {}, "slots: requests at most"},
    {"n_batch",
     ParameterSpec::Kind::integer,
     1,
     1 << 28,
     "2048",
     {},
     "tokens of a call that a prompt may fill up"},
    {"order",
     ParameterSpec::Kind::choice,
     0,
     0,
     "together",
     {"together", "in-turn", "prompts-first"},
     "prompts beside generated tokens in one call (as the server does), in calls of their own in "
     "turn, or before any generation"},
};

class LlamaCpp final : public BatchPolicy {
 public:
  explicit LlamaCpp(const Parameters& parameters)
      : slots_(static_cast<std::size_t>(parameters.integer("n_parallel"))),
        batch_(parameters.integer("n_batch")),
        together_(parameters.choice("order") == "together"),
        prompts_first_(parameters.choice("order") == "prompts-first") {}

  void next_batch(BatchPlan& plan) override {
    free_slots(plan);
    admit_waiting(plan);
    const bool prompts = any(plan, Phase::prompt);
    const bool generates = any(plan, Phase::generating);
    const bool prompts_now = prompts && (prompts_first_ || last_generated_ || !generates);
    if (together_ || !prompts_now) generate(plan);
    const std::size_t generating = plan.scheduled_requests();
    if (together_ || prompts_now) compute_prompts(plan);
    if (plan.scheduled_requests() > 0) last_generated_ = generating > 0;
    const bool all_generate = generating > 0 && generating == plan.running_count();
    if (all_generate && plan.preemptions() == 0) {
      plan.steady(Blocks(0), arrivals_behind_head(plan));
    }
  }

  [[nodiscard]] std::size_t most_running() const override { return slots_; }

 private:
  enum class Phase : std::uint8_t { prompt, generating };
  static constexpr std::size_t kFree = ~std::size_t{0};

  [[nodiscard]] static bool is_in(RequestView request, Phase phase) {
    return !request.in_flight() && request.decoding() == (phase == Phase::generating);
  }
  [[nodiscard]] static bool any(const BatchPlan& plan, Phase phase) {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      if (is_in(plan.running(i), phase)) return true;
    }
    return false;
  }

  /// Frees the slots of requests that have left. The running list keeps its order, so that one walk
  /// over both finds them.
  void free_slots(const BatchPlan& plan) {
    std::size_t kept = 0;
    std::fill(place_.begin(), place_.end(), kFree);
    for (const Holder& holder : holders_) {
      if (kept == plan.running_count()) break;
      if (holder.id != plan.running(kept).id()) continue;
      place_[holder.slot] = kept;
      holders_[kept++] = holder;
    }
    holders_.resize(kept);
  }

  void take_slot(RequestId id, std::size_t place) {
    const auto lowest =
        static_cast<std::size_t>(std::find(place_.begin(), place_.end(), kFree) - place_.begin());
    if (lowest == place_.size()) place_.push_back(kFree);
    place_[lowest] = place;
    holders_.push_back({id, lowest});
  }

  void admit_waiting(BatchPlan& plan) {
    while (plan.waiting_count() > 0 && plan.running_count() < slots_) {
      const RequestView head = plan.waiting(0);
      if (drop_impossible(plan, head)) continue;
      if (!plan.grow(head, head.missing())) return;
      plan.admit(head);
      take_slot(head.id(), plan.running_count() - 1);
    }
  }

  /// One token for each generating slot. The newest request gives way where a block is missing.
  void generate(BatchPlan& plan) {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (!is_in(request, Phase::generating)) continue;
      bool grown = plan.grow(request, Tokens(1));
      while (!grown) {
        const Victim victim = preempt_last(plan, i);
        free_slots(plan);
        if (victim == Victim::itself) break;
        grown = plan.grow(request, Tokens(1));
      }
      if (grown) plan.schedule(request, Tokens(1));
    }
    if (const std::int64_t pieces = scheduled_pieces(plan); pieces > 1) plan.pad(pieces - 1);
  }

  /// Runs of neighbouring slots among those scheduled so far.
  [[nodiscard]] std::int64_t scheduled_pieces(const BatchPlan& plan) const {
    std::int64_t pieces = 0;
    bool inside = false;
    for (const std::size_t place : place_) {
      const bool scheduled = place != kFree && plan.running(place).in_flight();
      if (scheduled && !inside) ++pieces;
      inside = scheduled;
    }
    return pieces;
  }

  void compute_prompts(BatchPlan& plan) const {
    for (const std::size_t place : place_) {
      const Tokens room = batch_ - plan.scheduled_tokens();
      if (room <= Tokens(0)) return;
      if (place == kFree || !is_in(plan.running(place), Phase::prompt)) continue;
      const RequestView request = plan.running(place);
      plan.schedule(request, std::min(request.missing(), room));
    }
  }

  struct Holder {
    RequestId id;
    std::size_t slot = 0;
  };

  std::size_t slots_;
  Tokens batch_;
  bool together_;
  bool prompts_first_;
  bool last_generated_ = false;     ///< the call before held generated tokens
  std::vector<Holder> holders_{};   ///< in the order of the running list
  std::vector<std::size_t> place_;  ///< of each slot's request in the running list, or kFree
};

const RegisterBatchPolicy kRegistered{
    "llama-cpp", "llama.cpp's server: slots generate together, prompts fill the rest of a batch",
    kParameters, [](const Parameters& p) { return std::make_unique<LlamaCpp>(p); }};

}  // namespace
}  // namespace headroom
