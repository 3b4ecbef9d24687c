// Flover: temporal fusion. Every iteration decodes all requests, and at most one new one joins; KV
// lies in fixed slots, side by side.
//
// Yao et al., "Flover: A Temporal Fusion Framework for Efficient Autoregressive Model Parallel
// Inference", arXiv 2305.13484, and its released code. A request takes a slot of the longest
// sequence; the slots in use form one range, as the kernels want it. A request that ends at the
// range's border shrinks it. One that ends inside leaves a hole, which is computed on until a
// border comes by; with `shuffle` the requests outside the narrowest window are copied into holes
// first. Beyond the original: prompts run inside an iteration rather than beside it, more requests
// than slots wait, and where an answer outgrows its slot see policies/orca.cpp.
#include <algorithm>
#include <vector>

#include "policies/first_come.h"
#include "policies/preempt_last.h"
#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    // The released code's max_concurrency.
    {"slots", ParameterSpec::Kind::integer, 1, 1024, "32", {}, "requests at a time at most"},
    {"slot_length",
     ParameterSpec::Kind::integer,
     0,
     double{1 << 28},
     "0",
     {},
     "tokens of a slot; 0: the model's maximum length"},
    {"shuffle",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "copy requests into holes so that the slots in use stay side by side"},
};

/// A copy reads and writes each byte.
constexpr std::int64_t kCopyPasses = 2;

class Flover final : public BatchPolicy {
 public:
  explicit Flover(const Parameters& parameters)
      : slots_(static_cast<std::size_t>(parameters.integer("slots"))),
        slot_length_(parameters.integer("slot_length")),
        shuffle_(parameters.flag("shuffle")) {}

  void next_batch(BatchPlan& plan) override {
    if (plan.batches_in_flight() > 0) return;
    look_at_slots(plan);
    const std::size_t moved = shuffle_ ? close_holes() : 0;
    const bool all = decode(plan);
    const std::size_t decodes = plan.scheduled_requests();
    const bool holes = pad_holes(plan);
    if (moved > 0) plan.pad(0, length(plan) * static_cast<std::int64_t>(moved) * kCopyPasses);
    fuse_one(plan);
    const bool fused = plan.scheduled_requests() > decodes;
    if (all && decodes > 0 && !fused && !holes && moved == 0 && !more_to_fuse(plan)) {
      plan.steady(Blocks(0), arrivals_behind_head(plan), Room::reserved);
    }
  }

  [[nodiscard]] std::size_t most_running() const override { return slots_.size(); }
  [[nodiscard]] Tokens joining_room(const RequestView& request,
                                    Tokens max_model_len) const override {
    return std::max(slot_length_ > Tokens(0) ? slot_length_ : max_model_len,
                    request.computed() + Tokens(1));
  }

 private:
  struct Slot {
    RequestId request;
    bool used = false;
    Tokens context{0};  ///< KV that its row reads, hole or not
  };

  [[nodiscard]] Tokens length(const BatchPlan& plan) const {
    return slot_length_ > Tokens(0) ? slot_length_ : plan.max_model_len();
  }

  /// Frees the slots of those that are gone, gives slots to those that came with their KV, and
  /// draws the range's borders in.
  void look_at_slots(const BatchPlan& plan) {
    const Tokens passed(plan.iterations() - iterations_);
    iterations_ = plan.iterations();
    for (std::size_t i = begin_; i < end_; ++i) {
      slots_[i].used = false;
      slots_[i].context = std::min(slots_[i].context + passed, length(plan));
    }
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      Slot* slot = slot_of(request.id());
      if (slot == nullptr && has_place()) slot = &slots_[place()];
      if (slot != nullptr) *slot = {request.id(), true, request.computed()};
    }
    while (begin_ < end_ && !slots_[begin_].used) ++begin_;
    while (begin_ < end_ && !slots_[end_ - 1].used) --end_;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  [[nodiscard]] Slot* slot_of(RequestId request) {
    for (std::size_t i = begin_; i < end_; ++i) {
      if (slots_[i].request == request) return &slots_[i];
    }
    return nullptr;
  }

  [[nodiscard]] bool has_place() const { return end_ < slots_.size() || begin_ > 0; }
  /// The slot beside the range that a new request takes: above it, else below.
  [[nodiscard]] std::size_t place() { return end_ < slots_.size() ? end_++ : --begin_; }

  [[nodiscard]] std::size_t one_if_used(std::size_t i) const { return slots_[i].used ? 1U : 0U; }

  /// Moves the fewest requests that leave no hole; returns how many.
  std::size_t close_holes() {
    std::size_t active = 0;
    for (std::size_t i = begin_; i < end_; ++i) active += one_if_used(i);
    if (active == end_ - begin_) return 0;
    std::size_t inside = 0;
    for (std::size_t i = begin_; i < begin_ + active; ++i) inside += one_if_used(i);
    std::size_t most = inside;
    std::size_t window = begin_;
    for (std::size_t first = begin_ + 1; first + active <= end_; ++first) {
      inside += one_if_used(first + active - 1);
      inside -= one_if_used(first - 1);
      if (inside > most) {
        most = inside;
        window = first;
      }
    }
    move_into(window, window + active);
    return active - most;
  }

  void move_into(std::size_t first, std::size_t last) {
    std::size_t hole = first;
    for (std::size_t i = begin_; i < end_; ++i) {
      if ((i >= first && i < last) || !slots_[i].used) continue;
      while (slots_[hole].used) ++hole;
      slots_[hole] = slots_[i];
      slots_[i].used = false;
    }
    begin_ = first;
    end_ = last;
  }

  /// True when every running request takes part.
  [[nodiscard]] static bool decode(BatchPlan& plan) {
    bool all = true;
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (plan.grow(request, request.missing())) {
        plan.schedule(request, request.missing());
      } else {
        all = false;
      }
    }
    if (plan.scheduled_requests() == 0) advance_first(plan);
    return all;
  }

  /// True where there are holes. Their rows go on as if their requests did, to the slot's end.
  [[nodiscard]] bool pad_holes(BatchPlan& plan) const {
    bool any = false;
    for (std::size_t i = begin_; i < end_; ++i) {
      if (slots_[i].used) continue;
      plan.pad(1, slots_[i].context + Tokens(1));
      any = true;
    }
    return any;
  }

  [[nodiscard]] bool more_to_fuse(const BatchPlan& plan) const {
    return plan.waiting_count() > 0 && has_place() && slot_blocks(plan) <= plan.free_blocks();
  }
  [[nodiscard]] Blocks slot_blocks(const BatchPlan& plan) const {
    return blocks_for(length(plan), plan.block_tokens());
  }

  void fuse_one(BatchPlan& plan) {
    while (plan.waiting_count() > 0 && has_place() && plan.preemptions() == 0) {
      const RequestView head = plan.waiting(0);
      const Blocks blocks =
          std::max(slot_blocks(plan), blocks_for(head.missing(), plan.block_tokens()));
      if (drop_impossible(plan, head, plan.max_model_len(), blocks, plan.total_blocks())) continue;
      if (!plan.reserve(head, blocks)) return;
      slots_[place()] = {head.id(), true, head.missing()};
      plan.admit(head);
      plan.schedule(head, head.missing());
      return;
    }
  }

  std::vector<Slot> slots_;
  std::size_t begin_ = 0;  ///< the range of slots that are computed is [begin_, end_)
  std::size_t end_ = 0;
  Tokens slot_length_;
  bool shuffle_;
  std::int64_t iterations_ = 0;  ///< of the replica at the last decision
};

const RegisterBatchPolicy kRegistered{
    "flover",
    "Flover (2023): one request joins an iteration; KV in contiguous slots, holes or shuffled",
    kParameters, [](const Parameters& p) { return std::make_unique<Flover>(p); }};

}  // namespace
}  // namespace headroom
