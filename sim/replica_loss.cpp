// A replica that fails or is turned off: what becomes of its requests and of its batch under way.
#include <algorithm>

#include "sim/policy.h"
#include "sim/replica.h"

namespace headroom {

// The iteration under way is left out, as it is where every iteration is an event.
void Replica::book_so_far() {
  Batch& batch = batches_.front();
  if (!batch.active || batch.iterations == 1) return;
  totals_.peak_blocks = std::max(totals_.peak_blocks, used_blocks_now());
  const Duration elapsed = state_.now() - batch.start;
  const std::int64_t begun = batch.run.iterations_to_reach(elapsed, batch.iterations);
  const std::int64_t done = batch.run.sum(begun) == elapsed ? begun : begun - 1;
  if (done == 0) return;
  batch.iterations = done;
  batch.end = batch.start + batch.run.sum(done);
  book(batch);
  finish_decodes(batch);
}

void Replica::forget(RequestSlot slot) {
  LiveRequest& request = state_.requests[slot];
  RequestHistory& history = state_.requests.history(slot);
  // What a held one was stalled for is booked already.
  if (request.state == RequestState::held) history.stall_mark = RequestHistory::kNotDecoding;
  if (request.state == RequestState::running || request.state == RequestState::held)
    suspend_accounts(slot);
  if (request.state == RequestState::migrating) {
    history.transfer += state_.now() - history.handed_over;
    history.preempted_since = state_.now();
  }
  kv_.give_back_host(Blocks(request.host_blocks));
  request.host_blocks = 0;
  give_back_all(slot);
  request.in_flight = 0;
  request.computed = 0;
  if (setup_.batch->result_release() == ResultRelease::with_batch &&
      setup_.role == ReplicaRole::joint) {
    // Nothing of its answer has left yet: it begins anew.
    request.generated = 0;
    history.first_token = Instant::never();
    history.preempted_before_first += history.preempted_after_first + history.transfer;
    history.preempted_after_first = history.stalled = history.transfer = Duration(0);
  }
  request.restarted = request.target();
  request.state = RequestState::waiting;
  state_.record(Milestone::lost, slot);
}

std::vector<RequestSlot> Replica::lose_all(const std::vector<RequestSlot>& handed_over) {
  SIM_CHECK(static_cast<std::int64_t>(handed_over.size()) == handed_over_,
            "the pools know who has been handed over");
  book_so_far();
  if (in_flight_ > 0) totals_.busy += state_.now() - busy_since_;
  in_flight_ = 0;
  for (Batch& batch : batches_) batch.active = false;
  std::fill(stage_free_.begin(), stage_free_.end(), state_.now());

  std::vector<RequestSlot> lost = handed_over;
  lost.insert(lost.end(), waiting_.begin(), waiting_.end());
  for (const Coming& coming : coming_) lost.push_back(coming.slot);
  for (const std::vector<RequestSlot>* queue : {&running_, &swapped_, &held_}) {
    lost.insert(lost.end(), queue->begin(), queue->end());
  }
  std::sort(lost.begin(), lost.end(), [this](RequestSlot a, RequestSlot b) {
    return state_.requests[a].id < state_.requests[b].id;
  });
  for (const RequestSlot slot : lost) forget(slot);
  waiting_.clear();
  coming_.clear();
  running_.clear();
  swapped_.clear();
  held_.clear();
  offered_.clear();
  kv_.give_back(inbound_room_);
  inbound_room_ = inbound_blocks_ = fresh_blocks_ = Blocks(0);
  inbound_ = handed_over_ = 0;
  outstanding_ = 0;
  outstanding_prompt_ = Tokens(0);
  plan_swapped_ = Bytes(0);
  plan_loaded_ = Bytes(0);
  plan_disk_wait_ = Duration(0);
  lost_.clear();  // what died with a worker is gone with the whole
  down_until_ = state_.now();
  running_changed_ = false;
  last_start_ = last_end_ = state_.now();
  last_prefill_tokens_ = 0;
  if (prefixes_) prefixes_->lose_all();
  if (setup_.new_batch) setup_.batch = setup_.new_batch();
  SIM_CHECK(kv_.used() == Blocks(0), "KV blocks are conserved: a replica that is off holds none");
  return lost;
}

}  // namespace headroom
