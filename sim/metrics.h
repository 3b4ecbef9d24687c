// What a simulation leaves behind: the vocabulary between the core and reports/.
//
// `Metrics` collects; `MetricsSink` lets others (a requests CSV, a timeline) look on while it runs.
// Law: arrived == finished + rejected + live, at all times. Memory: 56 bytes a finished request,
// the rest constant.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/cost_model.h"
#include "sim/histogram.h"
#include "sim/prefix_cache.h"
#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

/// One finished request as kept for quantiles; times in ns.
struct RequestRow {
  std::int64_t arrival_ns = 0;
  std::int64_t queued_ns = 0;
  std::int64_t ttft_ns = 0;
  std::int64_t end_to_end_ns = 0;
  std::int64_t stalled_ns = 0;
  std::uint32_t prompt = 0;
  std::uint32_t output = 0;
  std::uint32_t id = 0;
  std::uint16_t replica = 0;
  std::uint16_t class_index = 0;

  /// Mean time per output token after the first, 0 for a single token, rounded towards zero.
  [[nodiscard]] std::int64_t tpot_ns() const {
    return output > 1 ? (end_to_end_ns - ttft_ns) / (static_cast<std::int64_t>(output) - 1) : 0;
  }
};
static_assert(sizeof(RequestRow) == 56);

/// Rows in chunks, so that growth neither copies nor doubles memory.
class RequestRows {
 public:
  static constexpr std::size_t kChunk = std::size_t{1} << 14;
  void push(const RequestRow& row) {
    if (size_ % kChunk == 0) chunks_.push_back(std::make_unique<RequestRow[]>(kChunk));
    chunks_.back()[size_ % kChunk] = row;
    ++size_;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const RequestRow& operator[](std::size_t i) const {
    return chunks_[i / kChunk][i % kChunk];
  }

 private:
  std::vector<std::unique_ptr<RequestRow[]>> chunks_;
  std::size_t size_ = 0;
};

/// Totals of one replica.
struct ReplicaTotals {
  Duration busy{0};  ///< time with at least one batch in flight
  std::int64_t iterations = 0;
  std::int64_t prefill_iterations = 0;  ///< iterations with at least one prefill chunk
  std::int64_t batched_requests = 0;    ///< sum over iterations of requests in the batch
  std::int64_t prefill_tokens = 0;      ///< computed, recomputation included
  std::int64_t decode_tokens = 0;
  std::int64_t preemptions_recompute = 0;
  std::int64_t preemptions_swap = 0;
  std::int64_t finished = 0;
  std::int64_t handed_over = 0;  ///< prompts done here, to be decoded elsewhere
  Blocks peak_blocks{0};
  Blocks total_blocks{0};
  Bytes swapped{0};  ///< bytes moved to and from host memory
  PrefixTotals prefixes;
  Duration paid{0};  ///< where replicas come and go: from start-up until off
};

/// KV moved from prefill to decode replicas.
struct TransferTotals {
  std::int64_t started = 0;
  std::int64_t landed = 0;
  std::int64_t called_off = 0;  ///< source or target failed meanwhile
  Bytes bytes{0};               ///< of all started
  LogHistogram waited;          ///< ns from the end of the prompt to the start of the move
  LogHistogram moved;           ///< ns from there until landed
};

/// Replicas that came and went (sim/dynamics.h).
struct DynamicsTotals {
  std::int64_t starts = 0;    ///< start-ups begun, after the run's first instant
  std::int64_t drains = 0;    ///< asked for by the scaling policy
  std::int64_t failures = 0;  ///< drawn or recorded
  std::int64_t reclaims = 0;  ///< of spot capacity
  std::int64_t restarts = 0;  ///< of a rolling restart
  std::int64_t lost = 0;      ///< requests on replicas that failed, each time
  std::int64_t most_up = 0;
};

/// The cluster at one instant, for time series.
struct ClusterSample {
  Instant time;
  std::int64_t waiting = 0;  ///< requests, over all replicas
  std::int64_t running = 0;
  std::int64_t swapped = 0;
  std::int64_t used_blocks = 0;
  std::int64_t busy_replicas = 0;
  std::int64_t up_replicas = 0;       ///< that take requests
  std::uint64_t decision_digest = 0;  ///< of all decisions up to here
};

/// A run of equal decode iterations, or a single iteration of any kind, as the timeline sees it.
struct IterationRun {
  ReplicaId replica;
  Instant start;
  Instant end;
  std::int64_t iterations = 1;
  std::int64_t decodes = 0;
  std::int64_t prefill_tokens = 0;
  std::int64_t used_blocks = 0;
  std::int64_t prefills = 0;  ///< requests
};

/// Looks on; empty bodies by default.
class MetricsSink {
 public:
  virtual ~MetricsSink() = default;
  virtual void on_finished(const FinishedRequest& request) { static_cast<void>(request); }
  virtual void on_rejected(const RejectedRequest& request) { static_cast<void>(request); }
  virtual void on_iterations(const IterationRun& run) { static_cast<void>(run); }
  virtual void on_sample(const ClusterSample& sample) { static_cast<void>(sample); }
};

/// Sums over finished requests of the parts of their latency, in ns.
struct LatencyParts {
  Int128 queued = 0, prefill = 0, preempted = 0, transfer = 0, stalled = 0, decode = 0;
};

/// Everything a finished simulation knows.
struct Metrics {
  std::uint64_t arrived = 0;
  std::uint64_t finished = 0;
  std::array<std::uint64_t, kRejectReasons> rejected{};
  std::vector<std::uint64_t> rejected_of_class{};  ///< by class index, as far as any was
  std::uint64_t hashed = 0;                        ///< requests whose prefixes could be shared
  std::uint64_t truncated = 0;                     ///< outputs cut at the engine's maximum length
  std::uint64_t live_at_end = 0;                   ///< not done when a time limit ended the run
  std::int64_t input_tokens = 0;                   ///< of finished requests
  std::int64_t output_tokens = 0;                  ///< of finished requests
  Instant first_arrival = Instant::never();
  Instant last_arrival;
  Instant last_finish;
  Instant end;  ///< simulated time at which the run ended
  RequestRows rows;
  LogHistogram token_gaps;  ///< inter-token latencies of all output tokens after the first, ns
  LatencyParts parts;
  std::vector<ReplicaTotals> replicas;
  TransferTotals transfers;
  bool dynamic = false;  ///< replicas could come and go
  DynamicsTotals dynamics;
  std::vector<ClusterSample> samples;  ///< evenly spaced; spacing doubles when there are too many
  Duration sample_interval{0};
  CostLedger ledger;
  /// Handled; depends on the compression of runs, so reports leave it out.
  std::uint64_t events = 0;
  /// Over every admission, token milestone, preemption, finish with its time.
  std::uint64_t decision_digest = 0;

  [[nodiscard]] std::uint64_t total_rejected() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : rejected) sum += count;
    return sum;
  }
};

}  // namespace headroom
