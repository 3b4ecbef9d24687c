// What a replica of a pool does with KV that comes from, or goes to, another replica.
#include <algorithm>

#include "sim/policy.h"
#include "sim/replica.h"
#include "sim/transfer.h"

namespace headroom {

// A prefill replica
// ------------------------------------------------------------------------------------------------

void Replica::hand_over(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  RequestHistory& history = state_.requests.history(slot);
  request.state = RequestState::migrating;
  history.handed_over = state_.now();
  history.stall_mark = RequestHistory::kNotDecoding;
  running_changed_ = true;
  ++handed_over_;
  ++totals_.handed_over;
  state_.handed_over.push_back(slot);
}

void Replica::release(const Departed& departed) {
  const LiveRequest& request = state_.requests[departed.slot];
  if (departed.shared_units == 0) {
    kv_.give_back(departed.blocks);
  } else {
    prefixes_->release(departed.blocks.value(), departed.shared_units, request,
                       state_.requests.prefix(departed.slot));
  }
  --handed_over_;
  count_out(request);
  request_decision();
}

// A decode replica
// ------------------------------------------------------------------------------------------------

Bytes Replica::kv_bytes(Tokens tokens) const {
  const Int128 bytes = static_cast<Int128>(setup_.block_bytes.value()) * tokens.value();
  return Bytes(static_cast<std::int64_t>((bytes + block_tokens_ - 1) / block_tokens_));
}

Blocks Replica::joining_blocks(RequestSlot slot) const {
  const Tokens room = setup_.batch->joining_room(state_.requests.view(slot), setup_.max_model_len);
  return blocks_for(room, setup_.block_tokens);
}

bool Replica::could_hold(RequestSlot slot) const { return joining_blocks(slot) <= kv_.total(); }

void Replica::offer(RequestSlot slot) {
  offered_.push_back(slot);
  count_in(state_.requests[slot]);
  look_again();
}

void Replica::withdraw(RequestSlot slot) {
  const auto place = std::find(offered_.begin(), offered_.end(), slot);
  SIM_CHECK(place != offered_.end(), "who leaves a line stood in it");
  offered_.erase(place);
  count_out(state_.requests[slot]);
  look_again();
}

void Replica::call_off(RequestSlot slot) {
  // What runs has held it up to now.
  totals_.peak_blocks = std::max(totals_.peak_blocks, used_blocks_now());
  const LiveRequest& request = state_.requests[slot];
  inbound_blocks_ -= kv_of(request);
  inbound_room_ -= Blocks(request.blocks);
  --inbound_;
  give_back_all(slot);
  count_out(request);
  look_again();
}

void Replica::look_again() {
  if (in_flight_ == setup_.pipeline_stages) {
    cut_run_now();
  } else {
    request_decision();
  }
}

/// Of what has been computed: the prompt, and the answer so far where both were computed again.
Blocks Replica::kv_of(const LiveRequest& request) const {
  return blocks_for(Tokens(request.computed), setup_.block_tokens);
}

/// Whether the rules, room apart, let one more request in. Who was preempted goes first.
bool Replica::accepts_more() {
  if (offered_.empty() || !waiting_.empty() || !swapped_.empty()) return false;
  if (running_.size() + static_cast<std::size_t>(inbound_) >= setup_.batch->most_running()) {
    return false;
  }
  const double held = (inbound_blocks_ + fresh_blocks_).as_double();
  return held < setup_.transfer.waiting_share * kv_.total().as_double();
}

void Replica::accept(Transfers& transfers) {
  // Only at a boundary: inside a compressed run the growth of its requests is not yet taken.
  if (in_flight_ == setup_.pipeline_stages) return;
  check_context().policy = setup_.batch_name.c_str();
  while (accepts_more()) {
    const RequestSlot slot = offered_.front();
    const Blocks room = joining_blocks(slot);
    if (!take_blocks(room)) return;
    offered_.pop_front();
    ++inbound_;
    inbound_blocks_ += kv_of(state_.requests[slot]);
    inbound_room_ += room;
    totals_.peak_blocks = std::max(totals_.peak_blocks, kv_.used());
    transfers.start(slot, id_, room);
  }
}

bool Replica::pull_is_open() const {
  return !offered_.empty() && (plan_changed_something_ || fresh_blocks_ > Blocks(0));
}

void Replica::join(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  --inbound_;
  inbound_blocks_ -= kv_of(request);
  inbound_room_ -= Blocks(request.blocks);
  fresh_blocks_ += kv_of(request);
  request.state = RequestState::running;
  running_.push_back(slot);
  // What runs now is not held up by others for it: it could not have run before the boundary.
  const Batch& running = batches_.front();
  state_.requests.history(slot).stall_mark =
      stall_clock_ + (running.active ? running.stall : Duration(0));
  look_again();
}

}  // namespace headroom
