// What the replicas of one simulation share: clock, live requests, account of results.
//
// Not here: decisions. Those are made in sim/simulation.cpp (arrivals) and sim/replica.cpp
// (iterations).
#pragma once

#include <cstdint>
#include <vector>

#include "sim/event_queue.h"
#include "sim/metrics.h"
#include "sim/milestone.h"
#include "sim/request_source.h"
#include "sim/request_table.h"

namespace headroom {

/// Whether runs of equal iterations are summed in closed form or stepped through; the results are
/// the same bytes.
enum class RunCompression : std::uint8_t { on, off };

struct SimulationState {
  EventQueue queue;
  RequestTable requests;
  Metrics metrics;
  std::vector<MetricsSink*> sinks;
  MilestoneSink* milestones = nullptr;  ///< told of each milestone, where there is one
  RequestSource* source = nullptr;
  Phase phase = Phase::arrival;  ///< of the event being handled
  /// Replicas to ask for a decision once this instant's events are in.
  std::vector<ReplicaId> ready;
  /// Prompts that prefill replicas finished in this instant (sim/pools.h).
  std::vector<RequestSlot> handed_over;

  [[nodiscard]] Instant now() const { return queue.now(); }

  /// Mixes one milestone into the decision digest.
  void record(Milestone milestone, RequestSlot slot) {
    std::uint64_t h = metrics.decision_digest;
    h = (h ^ static_cast<std::uint64_t>(now().ns())) * 0x9E3779B97F4A7C15ULL;
    h ^= h >> 32;
    const auto what = static_cast<std::uint64_t>(milestone) << 32 | requests[slot].id;
    h = (h ^ what) * 0xD6E8FEB86659FD93ULL;
    metrics.decision_digest = h ^ (h >> 29);
    if (milestones != nullptr) [[unlikely]]
      tell(milestone, slot);
  }

  /// Takes a finished request out and books it.
  void finish(RequestSlot slot);
  /// Takes a request out that gets no answer.
  void reject(RequestSlot slot, RejectReason reason);

 private:
  void tell(Milestone milestone, RequestSlot slot);
  void tell_source(RequestSlot slot);
};

}  // namespace headroom
