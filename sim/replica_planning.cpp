// What a batch policy's plan does to its replica: admissions, preemptions, swaps, drops, order of
// the queues.
#include <algorithm>

#include "sim/policy.h"
#include "sim/replica.h"

namespace headroom {

bool Replica::raise_to(LiveRequest& request, std::int64_t blocks) {
  const std::int64_t missing = blocks - request.blocks;
  if (missing <= 0) return true;
  if (!kv_.try_take(Blocks(missing))) return false;
  request.blocks = static_cast<std::int32_t>(blocks);
  return true;
}

void Replica::admit(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::waiting, "only waiting requests are admitted");
  if (!waiting_.empty() && waiting_.front() == slot) {
    waiting_.pop_front();
  } else {
    const auto place = std::find(waiting_.begin(), waiting_.end(), slot);
    SIM_CHECK(place != waiting_.end(), "an admitted request waits in this replica's queue");
    waiting_.erase(place);
  }
  request.state = RequestState::running;
  running_.push_back(slot);
  plan_changed_something_ = true;
  resume_accounts(slot);
}

void Replica::resume_accounts(RequestSlot slot) {
  RequestHistory& history = state_.requests.history(slot);
  if (history.preempted_since == Instant::never()) return;
  const Duration away = state_.now() - history.preempted_since;
  history.preempted_since = Instant::never();
  if (history.first_token == Instant::never()) {
    history.preempted_before_first += away;
  } else {
    history.preempted_after_first += away;
  }
}

void Replica::preempt(RequestSlot slot, Preemption how) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::running && request.in_flight == 0,
            "only running requests outside every batch are preempted");
  const auto place = std::find(running_.rbegin(), running_.rend(), slot);
  SIM_CHECK(place != running_.rend(), "a preempted request runs on this replica");
  running_.erase(std::next(place).base());
  RequestHistory& history = state_.requests.history(slot);
  // Who was never computed is still queued, not away.
  if (history.first_scheduled != Instant::never()) history.preempted_since = state_.now();
  if (history.stall_mark != RequestHistory::kNotDecoding &&
      history.first_token != Instant::never()) {
    history.stalled += stall_clock_ - history.stall_mark;
  }
  history.stall_mark = RequestHistory::kNotDecoding;
  ++request.preemptions;
  kv_.give_back(Blocks(request.blocks));
  if (how == Preemption::recompute) {
    request.state = RequestState::waiting;
    request.computed = 0;
    request.restarted = request.target();
    waiting_.push_front(slot);
    ++totals_.preemptions_recompute;
  } else {
    SIM_CHECK(kv_.try_take_host(Blocks(request.blocks)), "host KV blocks are conserved");
    request.host_blocks = request.blocks;
    request.state = RequestState::swapped;
    swapped_.push_back(slot);
    plan_swapped_ += setup_.block_bytes * request.blocks;
    ++totals_.preemptions_swap;
  }
  request.blocks = 0;
  plan_changed_something_ = true;
  state_.record(Milestone::preempted, slot);
}

bool Replica::swap_in(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::swapped, "only swapped requests are swapped in");
  if (!kv_.try_take(Blocks(request.host_blocks))) return false;
  const auto place = std::find(swapped_.begin(), swapped_.end(), slot);
  SIM_CHECK(place != swapped_.end(), "a request is swapped in where it was swapped out");
  swapped_.erase(place);
  kv_.give_back_host(Blocks(request.host_blocks));
  plan_swapped_ += setup_.block_bytes * request.host_blocks;
  request.blocks = request.host_blocks;
  request.host_blocks = 0;
  request.state = RequestState::running;
  running_.push_back(slot);
  plan_changed_something_ = true;
  resume_accounts(slot);
  if (state_.requests.history(slot).first_token != Instant::never()) {
    state_.requests.history(slot).stall_mark = stall_clock_;
  }
  return true;
}

void Replica::drop(RequestSlot slot, RejectReason reason) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::waiting, "only waiting requests are dropped");
  const auto place = std::find(waiting_.begin(), waiting_.end(), slot);
  SIM_CHECK(place != waiting_.end(), "a dropped request waits in this replica's queue");
  waiting_.erase(place);
  kv_.give_back(Blocks(request.blocks));
  request.blocks = 0;
  --outstanding_;
  outstanding_prompt_ -= Tokens(request.prompt);
  plan_changed_something_ = true;
  state_.reject(slot, reason);
}

void Replica::order_running_by_arrival() {
  const auto earlier = [this](RequestSlot a, RequestSlot b) {
    return state_.requests[a].id < state_.requests[b].id;
  };
  if (!std::is_sorted(running_.begin(), running_.end(), earlier)) {
    std::sort(running_.begin(), running_.end(), earlier);
  }
}

void Replica::rotate_scheduled() {
  std::stable_partition(running_.begin(), running_.end(),
                        [this](RequestSlot slot) { return state_.requests[slot].in_flight == 0; });
}

}  // namespace headroom
