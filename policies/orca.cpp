// Orca: iteration-level scheduling with selective batching.
//
// Yu et al., "Orca: A Distributed Serving System for Transformer-Based Generative Models", OSDI
// 2022, algorithm 1. Each iteration takes up to max_batch_size requests in order of arrival: a
// whole prompt for those that start, one token for the others, together in one batch. A request
// starts only if its whole reservation fits; selection stops at the first that does not. Reserved
// once, released at the end: nobody is preempted. Token slots are KV blocks here: with blocks of 1
// token a reservation is exact, with larger ones it rounds up. Beyond the paper: where a prediction
// was too short, a request grows block by block; with no block free it pauses, and if all pause,
// the last one starts again. Under the `oracle` predictor and under `max` that cannot happen.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "policies/reservation.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"max_batch_size",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "256",
     {},
     "requests in one batch at most"},
    Reservation::kind_spec(),
    Reservation::length_spec(),
    Reservation::allocation_spec(),
};

class Orca final : public BatchPolicy {
 public:
  explicit Orca(const Parameters& parameters)
      : max_batch_size_(static_cast<std::size_t>(parameters.integer("max_batch_size"))),
        reservation_(parameters) {}

  void next_batch(BatchPlan& plan) override {
    bool all_scheduled = schedule_running(plan);
    if (plan.scheduled_requests() == 0 && plan.running_count() > 0 &&
        plan.batches_in_flight() == 0) {
      advance_first(plan);
      all_scheduled = false;
    }
    const std::size_t decodes = plan.scheduled_requests();
    admit_waiting(plan);
    if (all_scheduled && decodes > 0 && plan.scheduled_requests() == decodes) {
      plan.steady(Blocks(0), arrivals_behind_head(plan), Room::reserved);
    }
  }

  /// On a decode replica the same reservation, before the KV comes.
  [[nodiscard]] Tokens joining_room(const RequestView& request,
                                    Tokens max_model_len) const override {
    return std::max(reservation_.tokens(request, max_model_len), request.computed() + Tokens(1));
  }
  [[nodiscard]] std::size_t most_running() const override { return max_batch_size_; }

 private:
  /// True when every running request takes part.
  [[nodiscard]] bool schedule_running(BatchPlan& plan) const {
    bool all = true;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight() || plan.scheduled_requests() == max_batch_size_ ||
          !plan.grow(request, request.missing())) {
        all = false;
        continue;
      }
      plan.schedule(request, request.missing());
    }
    return all;
  }

  void admit_waiting(BatchPlan& plan) const {
    while (plan.scheduled_requests() < max_batch_size_ && plan.waiting_count() > 0 &&
           plan.preemptions() == 0) {
      const RequestView head = plan.waiting(0);
      const Blocks blocks =
          blocks_for(reservation_.tokens(head, plan.max_model_len()), plan.block_tokens());
      if (drop_impossible(plan, head, plan.max_model_len(), blocks, plan.total_blocks())) continue;
      if (!plan.reserve(head, blocks)) return;
      plan.admit(head);
      plan.schedule(head, head.missing());
    }
  }

  std::size_t max_batch_size_;
  Reservation reservation_;
};

const RegisterBatchPolicy kRegistered{
    "orca", "Orca (OSDI 2022): whole prompts and decodes together, KV reserved once, no preemption",
    kParameters, [](const Parameters& p) { return std::make_unique<Orca>(p); }};

}  // namespace
}  // namespace headroom
