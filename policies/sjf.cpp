// Shortest prompt first: continuous batching that admits the shortest waiting prompt, whole, beside
// the decodes.
//
// Shortest-job-first order minimises the mean waiting time of a single server whose jobs are known
// (Smith, "Various optimizers for single-stage production", 1956); the prompt is the part of a
// request's work that is known. It pays where prompts differ widely and the replica is loaded; long
// prompts pay for it and may starve.
#include <algorithm>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"max_num_seqs",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "256",
     {},
     "running requests at most"},
    {"window",
     ParameterSpec::Kind::integer,
     1,
     1 << 20,
     "256",
     {},
     "how many requests from the head of the queue compete; bounds the cost of a choice"},
};

class ShortestPromptFirst final : public BatchPolicy {
 public:
  explicit ShortestPromptFirst(const Parameters& parameters)
      : max_num_seqs_(static_cast<std::size_t>(parameters.integer("max_num_seqs"))),
        window_(static_cast<std::size_t>(parameters.integer("window"))) {}

  void next_batch(BatchPlan& plan) override {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (request.in_flight()) continue;
      while (!plan.grow(request, request.missing())) {
        if (preempt_last(plan, i) == Victim::itself) return;
      }
      plan.schedule(request, request.missing());
    }
    if (plan.preemptions() > 0) return;
    const std::size_t decodes = plan.scheduled_requests();
    admit(plan);
    if (decodes > 0 && decodes == plan.running_count()) plan.steady();
  }

  [[nodiscard]] std::size_t most_running() const override { return max_num_seqs_; }

 private:
  void admit(BatchPlan& plan) const {
    while (plan.waiting_count() > 0 && plan.running_count() < max_num_seqs_) {
      const RequestView shortest = plan.waiting(shortest_waiting(plan));
      if (drop_impossible(plan, shortest)) continue;
      if (!plan.grow(shortest, shortest.missing())) return;
      plan.admit(shortest);
      plan.schedule(shortest, shortest.missing());
    }
  }

  /// Ties go to the request nearer the head. O(window).
  [[nodiscard]] std::size_t shortest_waiting(const BatchPlan& plan) const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < std::min(window_, plan.waiting_count()); ++i) {
      if (plan.waiting(i).missing() < plan.waiting(best).missing()) best = i;
    }
    return best;
  }

  std::size_t max_num_seqs_;
  std::size_t window_;
};

const RegisterBatchPolicy kRegistered{
    "sjf", "shortest prompt first: decodes, and the shortest waiting prompts whole beside them",
    kParameters, [](const Parameters& p) { return std::make_unique<ShortestPromptFirst>(p); }};

}  // namespace
}  // namespace headroom
