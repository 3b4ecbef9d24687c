// Pending events in total order.
//
// Law: events leave in order of (time, phase, subject, sequence number of insertion). The subject
// comes before the sequence so that simultaneous events of different replicas keep their order when
// runs of iterations are compressed and fewer events are inserted. The clock never goes back:
// inserting before the last popped time is a bug.
// Cost: a binary heap in one vector, O(log n) with n about the number of replicas; no allocation
// once warm.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/check.h"
#include "sim/units.h"

namespace headroom {

/// At equal times, earlier phases go first: what ended frees room before what arrives, and
/// decisions see both.
enum class Phase : std::uint8_t { completion, arrival, decision, observation };

enum class EventKind : std::uint8_t {
  iteration_end,    ///< subject: replica, detail: generation of its run
  stage_free,       ///< subject: replica; the first pipeline stage can take another batch
  retry_admission,  ///< subject: slot of a held request
  dynamics,         ///< detail: which forecast of the next change of who serves
  network,          ///< subject: kNetworkSubject, detail: which forecast of the next landing
  failure,          ///< subject: replica, detail: which of its failures
};

/// Behind every replica of the same instant.
constexpr std::uint32_t kNetworkSubject = (1U << 24) - 1;

struct Event {
  Instant time;
  std::uint64_t order = 0;  ///< phase (4 bits), subject (24 bits), insertion number (36 bits)
  EventKind kind = EventKind::iteration_end;
  std::uint32_t subject = 0;
  std::uint32_t detail = 0;

  [[nodiscard]] Phase phase() const { return static_cast<Phase>(order >> 60); }
};

class EventQueue {
 public:
  void push(Instant time, Phase phase, EventKind kind, std::uint32_t subject,
            std::uint32_t detail = 0) {
    SIM_CHECK(time >= now_, "the clock never goes back");
    SIM_CHECK(subject < (1U << 24) && inserted_ < (std::uint64_t{1} << 36),
              "event subjects fit 24 bits and insertions 36");
    const std::uint64_t order = (static_cast<std::uint64_t>(phase) << 60) |
                                (static_cast<std::uint64_t>(subject) << 36) | inserted_++;
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
  /// Removes the first event without moving the clock. Requires !empty().
  void drop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
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
