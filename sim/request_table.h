// Live requests: those that arrived and have not left.
//
// Law: a slot belongs to one request from `add` to `remove`; slots are reused, so memory follows
// the number of live requests, not of all. Hot and cold parts are kept apart: an iteration touches
// one cache line a request. Block hashes are kept only where somebody looks for prefixes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/check.h"
#include "sim/prefix_cache.h"
#include "sim/request.h"

namespace headroom {

/// The part of a live request that only milestones touch.
struct RequestHistory {
  /// Reading of the stall clock that means "not decoding now".
  static constexpr Duration kNotDecoding{-1};

  Instant first_scheduled = Instant::never();
  Instant first_token = Instant::never();
  Instant preempted_since = Instant::never();  ///< never: not preempted now
  Duration preempted_before_first{0};
  Duration preempted_after_first{0};
  Duration stalled{0};     ///< up to `stall_mark`
  Duration stall_mark{0};  ///< reading of the replica's stall clock when decoding (re)started
  Instant handed_over;     ///< prefill replica: when its prompt was done
  Duration transfer{0};    ///< from there until its KV had landed on the decode replica
  std::uint64_t session = 0;
  std::uint32_t turn = 0;
  ReplicaId replica;
};

class RequestTable {
 public:
  [[nodiscard]] RequestSlot add() {
    if (free_.empty()) {
      hot_.emplace_back();
      cold_.emplace_back();
      return RequestSlot(static_cast<std::uint32_t>(hot_.size() - 1));
    }
    const RequestSlot slot = free_.back();
    free_.pop_back();
    hot_[slot.index()] = LiveRequest();
    cold_[slot.index()] = RequestHistory();
    return slot;
  }
  void remove(RequestSlot slot) {
    hot_[slot.index()].state = RequestState::finished;
    if (slot.index() < prefixes_.size()) prefixes_[slot.index()].hashes.clear();
    free_.push_back(slot);
  }
  [[nodiscard]] LiveRequest& operator[](RequestSlot slot) { return hot_[slot.index()]; }
  [[nodiscard]] const LiveRequest& operator[](RequestSlot slot) const { return hot_[slot.index()]; }
  [[nodiscard]] RequestHistory& history(RequestSlot slot) { return cold_[slot.index()]; }
  [[nodiscard]] RequestView view(RequestSlot slot) const {
    return RequestView(slot, hot_[slot.index()]);
  }
  /// Keeps the block hashes of a request's prompt until it leaves.
  void set_prefix(RequestSlot slot, std::span<const std::uint64_t> hashes, Tokens each) {
    if (prefixes_.size() <= slot.index()) prefixes_.resize(slot.index() + std::size_t{1});
    prefixes_[slot.index()].hashes.assign(hashes.begin(), hashes.end());
    prefixes_[slot.index()].each = each;
  }
  /// Whether any request so far came with hashes.
  [[nodiscard]] bool knows_prefixes() const { return !prefixes_.empty(); }
  /// Empty where none were set.
  [[nodiscard]] PromptPrefix& prefix(RequestSlot slot) {
    return slot.index() < prefixes_.size() ? prefixes_[slot.index()] : no_prefix_;
  }
  [[nodiscard]] std::size_t live() const { return hot_.size() - free_.size(); }

 private:
  std::vector<LiveRequest> hot_;
  std::vector<RequestHistory> cold_;
  std::vector<RequestSlot> free_;
  std::vector<PromptPrefix> prefixes_;  ///< as far as any has hashes
  PromptPrefix no_prefix_;
};

}  // namespace headroom
