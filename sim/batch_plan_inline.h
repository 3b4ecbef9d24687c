// Bodies of BatchPlan: thin, checked steps on the replica. Included at the end of sim/policy.h
// only.
#pragma once

#include "sim/replica.h"

namespace headroom {

inline Instant BatchPlan::now() const { return replica_.state_.now(); }
inline Tokens BatchPlan::block_tokens() const { return Tokens(replica_.block_tokens_); }
inline Tokens BatchPlan::max_model_len() const { return replica_.setup_.max_model_len; }
inline Blocks BatchPlan::total_blocks() const { return replica_.kv_.total(); }
inline Blocks BatchPlan::free_blocks() const { return replica_.kv_.free(); }
inline Blocks BatchPlan::free_host_blocks() const { return replica_.kv_.host_free(); }
inline std::int64_t BatchPlan::batches_in_flight() const { return replica_.in_flight_; }
inline std::int64_t BatchPlan::iterations() const { return replica_.totals_.iterations; }

inline std::size_t BatchPlan::waiting_count() const { return replica_.waiting_.size(); }
inline RequestView BatchPlan::waiting(std::size_t i) const {
  return replica_.state_.requests.view(replica_.waiting_[i]);
}
inline std::size_t BatchPlan::running_count() const { return replica_.running_.size(); }
inline RequestView BatchPlan::running(std::size_t i) const {
  return replica_.state_.requests.view(replica_.running_[i]);
}
inline std::size_t BatchPlan::swapped_count() const { return replica_.swapped_.size(); }
inline RequestView BatchPlan::swapped(std::size_t i) const {
  return replica_.state_.requests.view(replica_.swapped_[i]);
}

inline void BatchPlan::reuse(RequestView request) {
  if (replica_.state_.requests.knows_prefixes()) replica_.reuse(request.slot());
}
inline void BatchPlan::let_go(RequestView request) { replica_.let_go(request.slot()); }
inline bool BatchPlan::grow(RequestView request, Tokens tokens, Blocks lookahead) {
  return replica_.grow(replica_.state_.requests[request.slot()], tokens.value(), lookahead.value());
}
inline bool BatchPlan::reserve(RequestView request, Blocks total) {
  return replica_.raise_to(replica_.state_.requests[request.slot()], total.value());
}
inline void BatchPlan::admit(RequestView request) { replica_.admit(request.slot()); }
inline void BatchPlan::schedule(RequestView request, Tokens tokens) {
  replica_.add_to_batch(request.slot(), static_cast<std::int32_t>(tokens.value()));
  tokens_ += tokens.value();
  ++requests_;
}
inline void BatchPlan::preempt(RequestView request, Preemption how) {
  replica_.preempt(request.slot(), how);
  ++preemptions_;
}
inline bool BatchPlan::swap_in(RequestView request) { return replica_.swap_in(request.slot()); }
inline void BatchPlan::drop(RequestView request, RejectReason reason) {
  replica_.drop(request.slot(), reason);
}
inline void BatchPlan::order_running_by_arrival() { replica_.order_running_by_arrival(); }
inline void BatchPlan::rotate_scheduled() { replica_.rotate_scheduled(); }
inline std::span<const std::uint64_t> BatchPlan::prefix_hashes(RequestView request) const {
  return replica_.state_.requests.prefix(request.slot()).hashes;
}
inline Tokens BatchPlan::prefix_hash_tokens(RequestView request) const {
  return replica_.state_.requests.prefix(request.slot()).each;
}
inline void BatchPlan::share_within(RequestView request, std::uint64_t group, Tokens tokens) {
  replica_.share_within(request.slot(), group, tokens);
}
inline void BatchPlan::order_waiting(std::span<const RequestSlot> order) {
  replica_.order_waiting(order);
}

inline void BatchPlan::reset() {
  tokens_ = 0;
  requests_ = 0;
  preemptions_ = 0;
  padded_ = 0;
  padded_context_ = 0;
  together_ = 0;
  steady_ = false;
  arrivals_ = Arrivals::matter;
  room_ = Room::grows;
  lookahead_ = 0;
  wake_ = Instant::never();
}

// The steps of every decode in every iteration.

inline bool Replica::take_blocks(Blocks n) {
  if (!kv_.try_take(n)) return false;
  if (kv_.unheld() > kv_.free()) prefixes_->make_room(kv_.free());
  return true;
}

inline bool Replica::grow(LiveRequest& request, std::int64_t tokens, std::int64_t lookahead) {
  const std::int64_t needed = request.computed + tokens;
  if (request.blocks * block_tokens_ >= needed) return true;
  const std::int64_t missing = (needed + block_tokens_ - 1) / block_tokens_ - request.blocks;
  if (missing > kv_.free().value()) return false;
  std::int64_t take = missing + lookahead;
  if (take > kv_.free().value()) take = kv_.free().value();
  if (request.blocks + take > max_blocks_) take = max_blocks_ - request.blocks;
  if (take < missing) take = missing;
  SIM_CHECK(take_blocks(Blocks(take)), "KV blocks are conserved");
  request.blocks += static_cast<std::int32_t>(take);
  return true;
}

inline void Replica::add_to_batch(RequestSlot slot, std::int32_t tokens) {
  LiveRequest& request = state_.requests[slot];
  SIM_CHECK(request.state == RequestState::running, "only running requests are scheduled");
  SIM_CHECK(request.in_flight == 0, "a request is in at most one batch, once");
  SIM_CHECK(tokens >= 1 && tokens <= request.missing(),
            "scheduled tokens lie between 1 and what is missing");
  SIM_CHECK((request.computed + tokens) <= request.blocks * block_tokens_,
            "KV room is taken before tokens are scheduled");
  request.in_flight = 1;
  Batch& batch = *planning_;
  if (request.decoding()) {
    const std::int64_t remaining = request.output - request.generated;
    if (batch.decodes.empty() || remaining < batch.min_remaining) batch.min_remaining = remaining;
    batch.decode_context += request.target();
    batch.decodes.push_back(slot);
  } else {
    batch.prefills.push_back({slot, tokens});
    batch.chunks.push_back({tokens, request.computed, tokens == request.missing() ? 1 : 0});
    if (prefixes_ && state_.requests.knows_prefixes()) publish(slot, request.computed + tokens);
  }
}

}  // namespace headroom
