// Pending events in total order.
//
// Law: events leave in order of (time, phase, sequence number of insertion); two runs that insert the same events in the
// same order see the same order out. The clock never goes back: inserting before the last popped time is a bug.
// Cost: a binary heap in one vector, O(log n) with n about the number of replicas; no allocation once warm.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/check.h"
#include "sim/units.h"

namespace headroom {

/// At equal times, earlier phases go first: what ended frees room before what arrives, and decisions see both.
enum class Phase : std::uint8_t { completion, arrival, decision, observation };

enum class EventKind : std::uint8_t {
  iteration_end,    ///< subject: replica, detail: generation of its run
  stage_free,       ///< subject: replica; the first pipeline stage can take another batch
  retry_admission,  ///< subject: slot of a held request
  decide,           ///< subject: replica; plan its next iteration
  observe,          ///< sample the cluster for time series
};

struct Event {
  Instant time;
  std::uint64_t order = 0;  ///< phase in the top 8 bits, insertion number below
  EventKind kind = EventKind::decide;
  std::uint32_t subject = 0;
  std::uint32_t detail = 0;

  [[nodiscard]] Phase phase() const { return static_cast<Phase>(order >> 56); }
};

class EventQueue {
 public:
  void push(Instant time, Phase phase, EventKind kind, std::uint32_t subject,
            std::uint32_t detail = 0) {
    SIM_CHECK(time >= now_, "the clock never goes back");
    const std::uint64_t order = (static_cast<std::uint64_t>(phase) << 56) | inserted_++;
    heap_.push_back(Event{time, order, kind, subject, detail});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  [[nodiscard]] const Event& top() const { return heap_.front(); }
  /// Removes and returns the first event and moves the clock to it. Requires !empty().
  Event pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    advance(event.time);
    return event;
  }
  /// Moves the clock for an event kept outside the queue (the next arrival).
  void advance(Instant time) {
    SIM_CHECK(time >= now_, "the clock never goes back");
    now_ = time;
  }
  [[nodiscard]] Instant now() const { return now_; }

 private:
  static bool later(const Event& a, const Event& b) {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }
  std::vector<Event> heap_;
  std::uint64_t inserted_ = 0;
  Instant now_;
};

}  // namespace headroom
