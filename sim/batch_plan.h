// The answer of a batch policy, built step by step against the replica's state.
//
// Law: nothing illegal can be planned. Each call checks its requirements; a broken one stops the
// run naming the policy. What a call changes (blocks taken, queue order) is visible to the next
// call of the same decision.
// Cost: O(1) a call except where stated; no allocation once warm.
#pragma once

#include <cstdint>
#include <span>

#include "sim/cost_model.h"
#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

class Replica;

/// How a running request gives its KV blocks back.
enum class Preemption : std::uint8_t {
  recompute,  ///< KV dropped; to the front of the waiting queue; prompt and output so far are
              ///< computed again
  swap,       ///< KV moved to host memory
};

/// Whether a request that joins the queue could change a steady decision.
enum class Arrivals : std::uint8_t {
  matter,  ///< plan again at the next iteration boundary
  wait,    ///< it would only wait behind a head that is blocked until something finishes
};

/// Whether a steady batch may look for free blocks.
enum class Room : std::uint8_t {
  grows,     ///< each scheduled request may need a block at each step
  reserved,  ///< all KV room was reserved before; free blocks do not enter the decision
};

/// When a scheduler sees a request that arrives while an iteration runs.
enum class Scheduling : std::uint8_t {
  in_step,     ///< at that iteration's end: the next one may compute it
  overlapped,  ///< one iteration later: the next one was planned already ("async" scheduling)
};

class BatchPlan {
 public:
  explicit BatchPlan(Replica& replica) : replica_(replica) {}
  BatchPlan(const BatchPlan&) = delete;
  BatchPlan& operator=(const BatchPlan&) = delete;

  // What is known
  // -----------------------------------------------------------------------------------------------
  [[nodiscard]] Instant now() const;
  [[nodiscard]] Tokens block_tokens() const;
  [[nodiscard]] Tokens max_model_len() const;
  [[nodiscard]] Blocks total_blocks() const;
  [[nodiscard]] Blocks free_blocks() const;
  [[nodiscard]] Blocks free_host_blocks() const;
  /// Batches already running on this replica (more than 0 only with pipeline parallelism).
  [[nodiscard]] std::int64_t batches_in_flight() const;
  /// Iterations this replica has ended so far.
  [[nodiscard]] std::int64_t iterations() const;

  /// Queue of requests without KV, front first. Indices shift when one leaves.
  [[nodiscard]] std::size_t waiting_count() const;
  [[nodiscard]] RequestView waiting(std::size_t i) const;
  /// Requests that hold KV, in order of admission (see `order_running_by_arrival`).
  [[nodiscard]] std::size_t running_count() const;
  [[nodiscard]] RequestView running(std::size_t i) const;
  /// Requests whose KV is in host memory, longest swapped out first.
  [[nodiscard]] std::size_t swapped_count() const;
  [[nodiscard]] RequestView swapped(std::size_t i) const;

  /// Chained block hashes of a request's prompt, and the tokens of each; empty where prefixes are
  /// not shared here or the source has none.
  [[nodiscard]] std::span<const std::uint64_t> prefix_hashes(RequestView request) const;
  [[nodiscard]] Tokens prefix_hash_tokens(RequestView request) const;

  /// Tokens and requests scheduled so far in this plan.
  [[nodiscard]] Tokens scheduled_tokens() const { return Tokens(tokens_); }
  [[nodiscard]] std::size_t scheduled_requests() const { return requests_; }
  [[nodiscard]] std::size_t preemptions() const { return preemptions_; }

  // What to do
  // --------------------------------------------------------------------------------------------------
  /// Lets a waiting request that holds nothing take up what the replica has of its prompt's
  /// prefix: it then holds those blocks, and `missing()` is what is left. Does nothing where there
  /// is none. O(blocks found).
  void reuse(RequestView request);
  /// From now on a waiting request that holds nothing shares the first `tokens` of its prompt at
  /// most, and only with requests of the same `group`.
  void share_within(RequestView request, std::uint64_t group, Tokens tokens);
  /// Undoes `reuse` and `grow` of a request that stays in the queue after all.
  void let_go(RequestView request);
  /// Makes room for the KV of `tokens` more tokens of a waiting or running request. When blocks are
  /// missing, takes them and up to `lookahead` more (as far as free blocks and max_model_len
  /// allow). False, and nothing changed, when the missing ones are not free.
  [[nodiscard]] bool grow(RequestView request, Tokens tokens, Blocks lookahead = Blocks(0));
  /// Raises the holding of a waiting or running request to `total` blocks; false, and nothing
  /// changed, when they are not free. A holding above `total` stays.
  [[nodiscard]] bool reserve(RequestView request, Blocks total);
  /// Moves a waiting request to the end of the running list. O(position) for requests behind the
  /// front.
  void admit(RequestView request);
  /// Computes `tokens` of a running request in this iteration: 1 <= tokens <= request.missing(), KV
  /// room must have been taken, at most once a plan, not while in flight.
  void schedule(RequestView request, Tokens tokens);
  /// Takes a running request that is neither in flight nor scheduled off the device. O(running).
  /// Requires enough free host blocks for a swap.
  void preempt(RequestView request, Preemption how);
  /// Brings a swapped request back to the end of the running list; false when its blocks are not
  /// free. O(swapped).
  [[nodiscard]] bool swap_in(RequestView request);
  /// Gives up on a waiting request. O(position).
  void drop(RequestView request, RejectReason reason);
  /// Sorts the running list by arrival. O(running) when already sorted.
  void order_running_by_arrival();
  /// Puts the requests scheduled so far behind those that are not, both in their order (a rotating
  /// decode queue).
  void rotate_scheduled();
  /// Puts the queue of requests without KV in this order. O(waiting).
  void order_waiting(std::span<const RequestSlot> order);
  /// Says that the scheduled decodes together read `context` tokens of KV less than each for
  /// itself, because some read shared blocks together.
  void read_together(Tokens context) { together_ += context.value(); }
  /// Adds rows that are computed without use; they read the KV of `context` tokens in all.
  void pad(std::int64_t rows, Tokens context = Tokens(0)) {
    padded_ += rows;
    padded_context_ += context.value();
  }
  /// Promise: as long as nothing arrives (if that matters), finishes or is preempted and free
  /// blocks last, this policy would schedule one token for exactly the requests scheduled now,
  /// growing each by `grow(request, 1, lookahead)` (or not at all, where the room is reserved).
  /// Lets the core run many iterations at once; requires that only decodes are scheduled. "Free
  /// blocks last" means: the core leaves more than one free block per scheduled request until the
  /// run ends.
  void steady(Blocks lookahead = Blocks(0), Arrivals arrivals = Arrivals::matter,
              Room room = Room::grows) {
    steady_ = true;
    room_ = room;
    arrivals_ = arrivals;
    lookahead_ = lookahead.value();
  }
  /// Asks to be called again at `when` (> now) if nothing happens before.
  void wake_at(Instant when) { wake_ = when; }

 private:
  friend class Replica;
  void reset();

  Replica& replica_;
  std::int64_t tokens_ = 0;
  std::size_t requests_ = 0;
  std::size_t preemptions_ = 0;
  std::int64_t padded_ = 0;
  std::int64_t padded_context_ = 0;
  std::int64_t together_ = 0;
  bool steady_ = false;
  Arrivals arrivals_ = Arrivals::matter;
  Room room_ = Room::grows;
  std::int64_t lookahead_ = 0;
  Instant wake_ = Instant::never();
};

}  // namespace headroom
