// What a batch policy's plan does to its replica: admissions, preemptions, swaps, drops, order of
// the queues.
#include <algorithm>

#include "sim/mix.h"
#include "sim/policy.h"
#include "sim/replica.h"

namespace headroom {
namespace {

/// Hashes for the whole blocks of a prompt that is like no other.
std::vector<std::uint64_t> own_hashes(const LiveRequest& request, std::int64_t block_tokens) {
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(request.prompt / block_tokens));
  for (std::size_t i = 0; i < hashes.size(); ++i)
    hashes[i] = mixed((std::uint64_t{request.id} << 32) + i);
  return hashes;
}

}  // namespace

void Replica::give_back_all(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  if (request.shared_units == 0) {
    kv_.give_back(Blocks(request.blocks));
  } else {
    prefixes_->release(request.blocks, request.shared_units, request, state_.requests.prefix(slot));
  }
  request.blocks = 0;
  request.shared_units = 0;
}

void Replica::reuse(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::waiting, "only waiting requests take up a prefix");
  if (!prefixes_) return;
  const TierBlocks loaded = prefixes_->attach(request, state_.requests.prefix(slot));
  plan_loaded_ += setup_.block_bytes * (loaded.host + loaded.disk).value();
  if (loaded.disk == Blocks(0)) return;
  const Bytes from_disk = setup_.block_bytes * loaded.disk.value();
  plan_disk_wait_ += duration_from_seconds(from_disk.as_double() / setup_.disk_bandwidth.value());
}

void Replica::let_go(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::waiting, "only waiting requests let go of a prefix");
  give_back_all(slot);
  request.computed = 0;
}

void Replica::share_within(RequestSlot slot, std::uint64_t group, Tokens tokens) {
  const LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::waiting && request.shared_units == 0,
            "only a waiting request that holds nothing changes what it shares");
  if (prefixes_) narrow(state_.requests.prefix(slot), group, tokens);
}

void Replica::order_waiting(std::span<const RequestSlot> order) {
  std::vector<RequestSlot> before(waiting_.begin(), waiting_.end());
  std::vector<RequestSlot> after(order.begin(), order.end());
  waiting_.assign(order.begin(), order.end());
  std::sort(before.begin(), before.end());
  std::sort(after.begin(), after.end());
  SIM_CHECK(before == after, "a queue put in order has the requests that it had");
}

void Replica::publish(RequestSlot slot, std::int64_t computed) {
  prefixes_->publish(state_.requests[slot], state_.requests.prefix(slot), computed);
}

Tokens Replica::cached_prefix(RequestSlot slot) {
  if (!prefixes_) return Tokens(0);
  // Inside a compressed run the growth so far has not yet evicted anything.
  prefixes_->make_room(kv_.free() - (used_blocks_now() - kv_.used()));
  return prefixes_->found(state_.requests[slot], state_.requests.prefix(slot));
}

bool Replica::raise_to(LiveRequest& request, std::int64_t blocks) {
  const std::int64_t missing = blocks - request.blocks;
  if (missing <= 0) return true;
  if (!take_blocks(Blocks(missing))) return false;
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
  if (prefixes_) {
    prefixes_->totals().asked += Tokens(request.target());
    prefixes_->totals().hit += Tokens(request.computed);
  }
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

void Replica::suspend_accounts(RequestSlot slot) {
  RequestHistory& history = state_.requests.history(slot);
  // Who was never computed is still queued, not away.
  if (history.first_scheduled != Instant::never()) history.preempted_since = state_.now();
  if (history.stall_mark != RequestHistory::kNotDecoding &&
      history.first_token != Instant::never()) {
    // Who has joined a decode replica and is gone before its first boundary was stalled by nobody.
    history.stalled += std::max(Duration(0), stall_clock_ - history.stall_mark);
  }
  history.stall_mark = RequestHistory::kNotDecoding;
}

void Replica::preempt(RequestSlot slot, Preemption how) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::running && request.in_flight == 0,
            "only running requests outside every batch are preempted");
  const auto place = std::find(running_.rbegin(), running_.rend(), slot);
  SIM_CHECK(place != running_.rend(), "a preempted request runs on this replica");
  running_.erase(std::next(place).base());
  suspend_accounts(slot);
  ++request.preemptions;
  if (how == Preemption::recompute && prefixes_ && state_.requests.prefix(slot).hashes.empty()) {
    // Where prompts stay, one without hashes is found again at least by its own request.
    state_.requests.set_prefix(slot, own_hashes(request, block_tokens_), setup_.block_tokens);
    publish(slot, std::min(request.computed, request.prompt));
  }
  const std::int32_t blocks = request.blocks;
  give_back_all(slot);
  if (how == Preemption::recompute) {
    request.state = RequestState::waiting;
    request.computed = 0;
    request.restarted = request.target();
    waiting_.push_front(slot);
    ++totals_.preemptions_recompute;
  } else {
    SIM_CHECK(kv_.try_take_host(Blocks(blocks)), "host KV blocks are conserved");
    request.host_blocks = blocks;
    request.state = RequestState::swapped;
    swapped_.push_back(slot);
    plan_swapped_ += setup_.block_bytes * blocks;
    ++totals_.preemptions_swap;
  }
  plan_changed_something_ = true;
  state_.record(Milestone::preempted, slot);
}

bool Replica::swap_in(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::swapped, "only swapped requests are swapped in");
  if (!take_blocks(Blocks(request.host_blocks))) return false;
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
  give_back_all(slot);
  count_out(request);
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
