// What the simulation asks of a replica, whatever happens inside.
//
// Two kinds exist: `Replica` (sim/replica.h), iteration-level batching under a batch policy, and
// `StageQueues` (sim/stage_queues.h), FIFO queues before each pipeline stage.
// Cost: one virtual call an event, none a token.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/metrics.h"
#include "sim/units.h"

namespace headroom {

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

  /// Requests enqueued and not gone, and their prompt tokens.
  [[nodiscard]] virtual std::int64_t outstanding() const = 0;
  [[nodiscard]] virtual Tokens outstanding_prompt() const = 0;
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
};

}  // namespace headroom
