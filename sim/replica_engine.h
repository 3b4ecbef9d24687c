// What the simulation asks of a replica, whatever happens inside.
//
// Two kinds exist: `Replica` (sim/replica.h), iteration-level batching under a batch policy, and
// `StageQueues` (sim/stage_queues.h), FIFO queues before each pipeline stage.
// Cost: one virtual call an event, none a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/metrics.h"
#include "sim/units.h"

namespace headroom {

class Transfers;

/// What a request that was handed over held on its prefill replica.
struct Departed {
  RequestSlot slot;
  Blocks blocks{0};
  std::int32_t shared_units = 0;  ///< of those (sim/prefix_cache.h)
};

/// What a replica does with a request.
enum class ReplicaRole : std::uint8_t {
  joint,    ///< all of it
  prefill,  ///< its prompt and first token; then its KV moves to a decode replica
  decode,   ///< its further tokens, once its KV is here
};

/// When a decode replica pulls what is offered to it.
struct TransferRules {
  enum class Loop : std::uint8_t {
    runs_on,  ///< iterations go on while KV arrives
    waits,    ///< no iteration starts while KV arrives, as in DistServe's released runtime
  };
  /// Nothing more is pulled while prompts under way, and landed ones before their first iteration,
  /// hold this share of the KV blocks or more; above 0. DistServe's released runtime: 5 %.
  double waiting_share = 0.05;
  Loop loop = Loop::runs_on;
};

/// A worker of a replica dies and is replaced.
struct ReplicaFailure {
  Instant at;
  Duration downtime{0};  ///< until its replacement works; nothing runs in between
  /// Requests whose KV dies with it: all (1), one in so many (more), none (0).
  std::uint32_t one_in = 1;
};

class ReplicaEngine {
 public:
  virtual ~ReplicaEngine() = default;

  /// A request joins; the replica asks for a decision when it may act on it.
  virtual void enqueue(RequestSlot slot) = 0;
  /// Starts what may start; called once all completions and arrivals of this instant are in.
  virtual void decide() = 0;
  /// Whether an iteration-end event with this detail still stands.
  [[nodiscard]] virtual bool is_current(std::uint32_t detail) const = 0;
  /// Requires is_current(detail).
  virtual void on_iteration_end(std::uint32_t detail) = 0;
  /// The time asked for through EventKind::stage_free has come.
  virtual void on_stage_free() = 0;

  /// A worker dies: what runs ends with its iteration, and KV that is lost is computed again from
  /// prompts and the tokens made so far. Only replicas that were set up with failures are told.
  virtual void on_failure(const ReplicaFailure& failure) { static_cast<void>(failure); }

  // Pools (sim/pools.h); a joint replica is never asked.
  [[nodiscard]] virtual ReplicaRole role() const = 0;
  /// Bytes of KV of `tokens` tokens, all layers and devices; 0 where KV is not modelled.
  [[nodiscard]] virtual Bytes kv_bytes(Tokens tokens) const = 0;
  /// Decode: whether the request's KV could ever be here.
  [[nodiscard]] virtual bool could_hold(RequestSlot slot) const = 0;
  /// Decode: a finished prompt stands in line from now on.
  virtual void offer(RequestSlot slot) = 0;
  /// Decode: starts the moves of offered requests, first come first served, as far as there is room
  /// now. Does nothing but at an iteration boundary.
  virtual void accept(Transfers& transfers) = 0;
  /// Decode: the KV of an accepted request has landed.
  virtual void join(RequestSlot slot) = 0;
  /// Prefill: the KV of a request that was handed over has left.
  virtual void release(const Departed& departed) = 0;
  /// Decode: the requests that stand in line, first come first.
  [[nodiscard]] virtual std::vector<RequestSlot> in_line() const = 0;
  /// Decode: one of them leaves the line.
  virtual void withdraw(RequestSlot slot) = 0;
  /// Decode: the KV of an accepted request will not land; gives back its room.
  virtual void call_off(RequestSlot slot) = 0;

  /// The replica fails, or turns off: its requests leave it, in order of arrival, with nothing
  /// computed and nothing held; it is as new afterwards. Not among them: requests whose KV is on
  /// another replica, which the pools around have taken back (sim/pools.h). `handed_over`: those
  /// of a prefill replica whose KV is still here.
  [[nodiscard]] virtual std::vector<RequestSlot> lose_all(
      const std::vector<RequestSlot>& handed_over) = 0;

  /// The run ends here: books the iterations that have ended by now, where several are one event.
  virtual void book_so_far() {}

  /// Requests enqueued or offered and not gone, and their prompt tokens. A prompt that was handed
  /// over is gone when its KV has left.
  [[nodiscard]] virtual std::int64_t outstanding() const = 0;
  [[nodiscard]] virtual Tokens outstanding_prompt() const = 0;
  /// Requests ever enqueued or offered, each time.
  [[nodiscard]] virtual std::uint64_t came() const = 0;
  [[nodiscard]] virtual std::size_t waiting() const = 0;
  [[nodiscard]] virtual std::size_t running() const = 0;
  [[nodiscard]] virtual std::size_t swapped() const = 0;
  /// Batches in flight.
  [[nodiscard]] virtual std::int64_t in_flight() const = 0;
  /// KV blocks held as of the last iteration boundary at or before now.
  [[nodiscard]] virtual Blocks used_blocks_now() const = 0;
  [[nodiscard]] virtual Blocks total_blocks() const = 0;
  [[nodiscard]] virtual Tokens max_model_len() const = 0;
  [[nodiscard]] virtual ReplicaTotals totals() const = 0;
  /// Whether prompts share KV blocks here.
  [[nodiscard]] virtual bool shares_prefixes() const { return false; }
  /// Leading prompt tokens whose KV is here, as of the last iteration boundary at or before now.
  [[nodiscard]] virtual Tokens cached_prefix(RequestSlot slot) {
    static_cast<void>(slot);
    return Tokens(0);
  }
};

}  // namespace headroom
