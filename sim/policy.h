// The decision points: what policies see and what they may answer.
//
// Laws: views show neither true output lengths nor later arrivals; every answer is checked by the
// core, and an illegal one stops the run by name. A policy is deterministic: same views, same
// answers, no clock or randomness but the stream it is given.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "sim/batch_plan.h"
#include "sim/prefix_cache.h"
#include "sim/random.h"
#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

/// When a request's result leaves the replica.
enum class ResultRelease : std::uint8_t {
  when_done,   ///< as soon as its last token exists
  with_batch,  ///< when every request of its batch is done (request-level batching)
};

/// Decides the next iteration's batch of one replica.
class BatchPolicy {
 public:
  virtual ~BatchPolicy() = default;

  /// Called whenever the replica may start an iteration. Everything is said through `plan`:
  /// admissions, tokens per request, preemptions, swaps, drops, and whether the same answer would
  /// follow again (`steady`).
  virtual void next_batch(BatchPlan& plan) = 0;

  [[nodiscard]] virtual ResultRelease result_release() const { return ResultRelease::when_done; }

  /// Whether prompts share KV blocks, which `BatchPlan::reuse` then takes up. Asked once.
  [[nodiscard]] virtual PrefixRules prefix_rules() const { return {}; }

  // On a decode replica requests join the running ones with their KV (sim/pools.h).
  /// Tokens whose room is taken before such a request's KV moves here; at least the next one's.
  [[nodiscard]] virtual Tokens joining_room(const RequestView& request,
                                            Tokens /*max_model_len*/) const {
    return request.computed() + Tokens(1);
  }
  /// None joins while so many run or are on their way.
  [[nodiscard]] virtual std::size_t most_running() const {
    return std::numeric_limits<std::size_t>::max();
  }
};

/// What a router or an admission policy may see of the replicas, as of now.
class ClusterView {
 public:
  virtual ~ClusterView() = default;
  [[nodiscard]] virtual Instant now() const = 0;
  [[nodiscard]] virtual std::uint32_t replicas() const = 0;
  /// Requests routed to the replica and not yet gone.
  [[nodiscard]] virtual std::int64_t outstanding_requests(ReplicaId replica) const = 0;
  /// Prompt tokens of those requests (what a router knows when it sends them).
  [[nodiscard]] virtual Tokens outstanding_prompt_tokens(ReplicaId replica) const = 0;
  /// Requests waiting in the replica's queue.
  [[nodiscard]] virtual std::int64_t waiting_requests(ReplicaId replica) const = 0;
  /// KV blocks in use, as of the replica's last iteration boundary at or before now.
  [[nodiscard]] virtual Blocks used_blocks(ReplicaId replica) const = 0;
  [[nodiscard]] virtual Blocks total_blocks(ReplicaId replica) const = 0;
  /// Whether the replica also generates the answers of the prompts that it computes.
  [[nodiscard]] virtual bool is_joint(ReplicaId replica) const = 0;
  /// Leading prompt tokens of the request whose KV is on the replica, as of its last iteration
  /// boundary at or before now. O(blocks found).
  [[nodiscard]] virtual Tokens cached_prefix(const RequestView& request,
                                             ReplicaId replica) const = 0;
};

/// Decides which replica serves a request.
class RoutingPolicy {
 public:
  virtual ~RoutingPolicy() = default;
  /// Returns a replica below cluster.replicas(). `random` is this policy's own stream.
  [[nodiscard]] virtual ReplicaId route(const RequestView& request, const ClusterView& cluster,
                                        RandomStream& random) = 0;
};

struct AdmissionDecision {
  enum class Verdict : std::uint8_t { accept, reject, hold };
  Verdict verdict = Verdict::accept;
  Instant retry;  ///< for hold: when to ask again, later than now

  [[nodiscard]] static AdmissionDecision accept() { return {}; }
  [[nodiscard]] static AdmissionDecision reject() { return {Verdict::reject, Instant()}; }
  [[nodiscard]] static AdmissionDecision hold_until(Instant retry) {
    return {Verdict::hold, retry};
  }
};

/// Decides whether a request enters at all.
class AdmissionPolicy {
 public:
  virtual ~AdmissionPolicy() = default;
  [[nodiscard]] virtual AdmissionDecision admit(const RequestView& request,
                                                const ClusterView& cluster) = 0;
};

}  // namespace headroom

#include "sim/batch_plan_inline.h"
