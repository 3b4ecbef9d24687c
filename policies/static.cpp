// Static batching: a batch is taken when the replica is idle and runs until all of it is done.
//
// Request-level batching as in NVIDIA FasterTransformer, the baseline of Orca (OSDI 2022, section
// 3) and of vLLM (SOSP 2023, section 6). Rows of requests that are done are still computed, and
// every result waits for the last one. A collection window lets a batch wait for company; the
// window opens when its first request arrives. Beyond the original: where a prediction was too
// short for the reservation, see policies/orca.cpp.
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
     "32",
     {},
     "requests in one batch at most"},
    {"window",
     ParameterSpec::Kind::duration,
     0,
     86400,
     "0 s",
     {},
     "how long an idle replica waits for a fuller batch"},
    Reservation::kind_spec(),
    Reservation::length_spec(),
};

class Static final : public BatchPolicy {
 public:
  explicit Static(const Parameters& parameters)
      : max_batch_size_(static_cast<std::size_t>(parameters.integer("max_batch_size"))),
        window_(parameters.duration("window")),
        reservation_(parameters) {}

  void next_batch(BatchPlan& plan) override {
    if (plan.batches_in_flight() > 0) return;
    if (plan.running_count() > 0) {
      continue_batch(plan);
    } else if (window_closed(plan)) {
      take_batch(plan);
    }
  }

  [[nodiscard]] ResultRelease result_release() const override { return ResultRelease::with_batch; }

 private:
  [[nodiscard]] bool window_closed(BatchPlan& plan) const {
    if (plan.waiting_count() == 0) return false;
    if (plan.waiting_count() >= max_batch_size_) return true;
    const Instant closes = plan.waiting(0).arrival() + window_;
    if (plan.now() >= closes) return true;
    plan.wake_at(closes);
    return false;
  }

  void take_batch(BatchPlan& plan) {
    while (plan.scheduled_requests() < max_batch_size_ && plan.waiting_count() > 0) {
      const RequestView head = plan.waiting(0);
      const Blocks blocks =
          blocks_for(reservation_.tokens(head, plan.max_model_len()), plan.block_tokens());
      if (drop_impossible(plan, head, plan.max_model_len(), blocks, plan.total_blocks())) continue;
      if (!plan.reserve(head, blocks)) break;
      plan.admit(head);
      plan.schedule(head, head.missing());
    }
    rows_ = plan.scheduled_requests();
  }

  void continue_batch(BatchPlan& plan) const {
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (plan.grow(request, request.missing())) plan.schedule(request, request.missing());
    }
    const bool all_scheduled = plan.scheduled_requests() == plan.running_count();
    if (plan.scheduled_requests() == 0) advance_first(plan);
    plan.pad(static_cast<std::int64_t>(rows_ - plan.scheduled_requests()));
    if (all_scheduled) plan.steady(Blocks(0), Arrivals::wait, Room::reserved);
  }

  std::size_t max_batch_size_;
  Duration window_;
  Reservation reservation_;
  std::size_t rows_ = 0;  ///< requests of the current batch, done ones included
};

const RegisterBatchPolicy kRegistered{
    "static", "FasterTransformer: a batch runs until all of it is done, results leave together",
    kParameters, [](const Parameters& p) { return std::make_unique<Static>(p); }};

}  // namespace
}  // namespace headroom
