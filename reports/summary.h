// What a run says to a planner: every figure of every report, computed once.
//
// `summarise` boils Metrics and a ReportContext down to a Summary; each writer (console, JSON,
// Markdown, run record) prints this one structure, so that no table exists in one output only.
// Laws: quantiles ascend; goodput <= request throughput; joint attainment <= each separate one;
// shares of one table sum to 1; rejected and unfinished requests miss the SLO. Rates are over the
// span: first arrival to last finish (to the end of the run where a time limit left requests
// unfinished).
// Cost: O(requests), 8 bytes a request at a time.
// Not here: files, formatting, comparison of runs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/batch_means.h"
#include "reports/facility.h"
#include "reports/percentile_limits.h"
#include "reports/quantiles.h"
#include "reports/saturation.h"
#include "sim/metrics.h"
#include "sim/scenario.h"
#include "sim/units.h"

namespace headroom {

/// Limits that a request must hold; an absent one is always held.
struct SloLimits {
  std::optional<Duration> ttft{}, tpot{}, end_to_end{};
  double attainment = 0.9;  ///< share of arrived requests that must hold all limits
  std::vector<PercentileLimit> percentiles{};  ///< to be held each on its own, beside these
  [[nodiscard]] bool joint() const { return ttft || tpot || end_to_end; }
  [[nodiscard]] bool any() const { return joint() || !percentiles.empty(); }
};

/// Whether a finished request holds all limits; a single output token holds any TPOT.
[[nodiscard]] bool holds_all(const RequestRow& row, const SloLimits& limits);

/// What a perfect system would need for the same load.
struct PerfectSystem {
  std::int64_t gpus = 0;
  std::optional<Usd> usd{};  ///< over the run's span; empty: gpus times price times span
  std::string reason;        ///< what the bound counts, one sentence
};

/// How far predictions on these costs were from measured serving points: medians of absolute
/// errors, as shares, so half of the points lay nearer.
struct ValidationError {
  double ttft = 0, tpot = 0;
  std::int64_t points = 0;
  std::string scope;  ///< what was compared, one sentence
};

/// Replicas of one kind, in order of their numbers.
struct ReplicaPool {
  std::string name;
  std::string role;  ///< prefill, decode or joint
  std::int64_t replicas = 0;
  std::int64_t gpus = 0;  ///< of all of them
};

/// One effective value of a scenario.
struct RecordedInput {
  std::string pointer;  ///< "/deployment/0/replicas"
  std::string value;
  [[nodiscard]] bool operator==(const RecordedInput&) const = default;
};

/// The decision digest at even spaces of simulated time, from 0 on; equal runs have equal ones as
/// far as both go.
struct DecisionCheckpoints {
  std::int64_t spacing_ns = 0;
  std::vector<std::string> digests;  ///< hex
};
constexpr std::size_t kMostCheckpoints = 256;

/// What the report must know beside the metrics, as plain values.
struct ReportContext {
  std::string scenario;         ///< name
  std::string scenario_digest;  ///< hex
  /// Of the prices (sim/cost_digest.h), then of the profile store, if any.
  std::string cost_digest;
  std::uint64_t seed = 0;
  std::string tool_version;
  std::string model;
  std::string device;
  std::int64_t gpus = 0;
  std::int64_t replicas = 0;
  std::vector<ReplicaPool> pools{};  ///< where prefill and decode are apart; covers all replicas
  std::string cost_model;            ///< one sentence
  std::optional<ValidationError> validation{};  ///< of these costs, where any is known
  Blocks kv_blocks_per_replica{0};
  Tokens kv_block_tokens{0};
  std::optional<UsdPerHour> gpu_hour_price{};
  std::string price_source;
  /// Device time paid, where replicas come and go; else all GPUs over the span.
  std::optional<double> paid_gpu_hours{};
  std::string dynamics;  ///< what makes them come and go, one sentence
  std::optional<Joules> energy{};
  Joules idle_energy{0};  ///< of that, what idle devices would have drawn in the paid time
  std::string power_source;
  std::string currency;  ///< costs are also told in; empty: USD only
  double per_usd = 1;
  std::optional<FacilitySpec> facility{};
  SloLimits slo{};
  std::optional<PerfectSystem> lower_bound{};
  std::vector<std::string> notes{};  ///< announced defaults and the like
  std::vector<std::string> warnings{};
  std::vector<RecordedInput> inputs{};  ///< every effective value of the scenario
  std::string document{};               ///< the scenario as JSON, to run it again
  std::vector<std::string> gates{};     ///< of the scenario, for `headroom compare`
  bool arrivals_given = false;          ///< arrivals do not depend on the answers
};

enum class LatencyMetric : std::uint8_t { ttft, tpot, itl, end_to_end, queueing, normalised };
constexpr int kLatencyMetrics = 6;
/// Key in machine-readable outputs ("ttft") and name in tables ("TTFT").
[[nodiscard]] const char* key_of(LatencyMetric metric);
[[nodiscard]] const char* label_of(LatencyMetric metric);

enum class SloVerdict : std::uint8_t { not_set, met, missed, no_requests };
[[nodiscard]] const char* to_string(SloVerdict verdict);

/// Shares are of arrived requests; requests with a single output token hold any TPOT.
struct SloResult {
  SloVerdict verdict = SloVerdict::not_set;
  std::uint64_t requests_met = 0;  ///< hold all limits
  double joint = 0, ttft = 0, tpot = 0, end_to_end = 0;
  std::vector<PercentileResult> percentiles{};  ///< in the order of the limits
};

/// A second of the span, of the whole cluster and a GPU.
struct Rate {
  double per_second = 0;
  double per_gpu_second = 0;
};

struct Throughput {
  Rate requests, good_requests, input_tokens, output_tokens;
};

/// One part of the requests' latency.
struct PartShare {
  const char* key;
  double mean_ms = 0;  ///< over finished requests
  double share = 0;    ///< of the sum of all end-to-end latencies
};
constexpr int kLatencyParts = 6;

/// Prompts that shared KV, where any could.
struct PrefixUse {
  std::int64_t asked_tokens = 0;  ///< to compute at admissions, if nothing were shared
  std::int64_t saved_tokens = 0;  ///< of those, found in KV: their prefill was saved
  double hit_share = 0;
  std::int64_t evicted_blocks = 0;
  TierBlocks loaded{};  ///< brought back from host memory and disk
};

struct EngineUse {
  double busy_share = 0;                 ///< replica time with a batch in flight, of the span
  double least_busy = 0, most_busy = 0;  ///< over replicas
  double mean_batch = 0;                 ///< requests an iteration
  std::int64_t iterations = 0, prefill_iterations = 0;
  std::int64_t prefill_tokens = 0, decode_tokens = 0;  ///< computed, recomputation included
  std::int64_t preemptions_recompute = 0, preemptions_swap = 0;
  Bytes swapped{0};
  std::optional<PrefixUse> prefixes{};
  std::optional<double> kv_mean{};  ///< mean share of KV blocks in use, from samples
  std::optional<double> kv_peak{};  ///< highest share in any replica
  /// Share of the samples in which more than kTightKv of all KV blocks are in use.
  std::optional<double> kv_tight{};
};
constexpr double kTightKv = 0.9;

struct ReplicaUse {
  double busy_share = 0;
  double mean_batch = 0;
  std::int64_t iterations = 0, finished = 0, preemptions = 0;
  std::int64_t peak_blocks = 0, total_blocks = 0;
};

/// One of several pools; `use` over its replicas.
struct PoolUse {
  ReplicaPool pool;
  EngineUse use;
  std::int64_t handed_over = 0, finished = 0;  ///< requests
};

/// KV moved between pools.
struct TransferUse {
  std::int64_t moves = 0;
  Bytes bytes{0};
  DurationSummary waited;  ///< end of the prompt to the start of the move
  DurationSummary moved;   ///< from there until landed
};

/// Replicas that came and went.
struct DynamicsUse {
  DynamicsTotals totals;
  double mean_paid = 0;               ///< GPUs, over the span
  std::int64_t moves_called_off = 0;  ///< of KV between pools
};

struct CostResult {
  double gpu_hours = 0;
  std::optional<double> usd{}, usd_per_million_output{}, usd_per_hour{};
  std::optional<double> energy_kwh{}, joules_per_output_token{};
  std::optional<FacilityUse> facility{};
};

struct LowerBoundResult {
  std::int64_t gpus = 0;
  double gpu_ratio = 0;  ///< GPUs used over GPUs needed
  std::optional<double> usd{};
};

/// Shares of simulated iteration time; all zero when nothing was charged.
struct TimeShares {
  std::array<std::array<double, kEvidences>, kOperatorClasses> cells{};
  std::array<double, kOperatorClasses> by_operator{};
  std::array<double, kEvidences> by_evidence{};
  bool any = false;
};

struct ConfidenceRow {
  LatencyMetric metric = LatencyMetric::ttft;
  MeanInterval interval{};  ///< ns
};

/// The cluster over time, at most kSeriesPoints points, each the mean of the samples it stands for.
struct SeriesPoint {
  double time_s = 0;  ///< since the first arrival
  double waiting = 0, running = 0, swapped = 0, busy_replicas = 0;
  double kv_share = 0;
  double up_replicas = 0;  ///< that take requests
};
constexpr std::size_t kSeriesPoints = 240;

struct Summary {
  ReportContext context;
  std::string decision_digest;
  /// Of the requests that came, whatever became of them; empty unless all were served whole.
  std::string workload_digest;
  DecisionCheckpoints checkpoints;
  std::uint64_t arrived = 0, finished = 0, truncated = 0, unfinished = 0;
  std::array<std::uint64_t, kRejectReasons> rejected{};
  std::int64_t input_tokens = 0, output_tokens = 0;
  double span_s = 0;
  std::array<DurationSummary, kLatencyMetrics> latency{};
  SloResult slo;
  Throughput throughput;
  std::array<PartShare, kLatencyParts> parts{};
  EngineUse engine;
  std::vector<ReplicaUse> replicas;
  std::vector<PoolUse> pools;  ///< empty where all replicas are joint
  TransferUse transfers;
  std::optional<DynamicsUse> dynamics{};
  CostResult cost;
  std::optional<LowerBoundResult> lower_bound{};
  TimeShares time;
  std::array<ConfidenceRow, 3> confidence{};
  Saturation saturation;
  std::vector<SeriesPoint> series;
  double peak_waiting = 0;         ///< requests, over samples
  std::vector<std::string> notes;  ///< the context's and what the figures themselves call for
  std::vector<std::string> warnings;
  std::vector<std::string> advice;  ///< what to change, one sentence each

  [[nodiscard]] std::uint64_t total_rejected() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : rejected) sum += count;
    return sum;
  }
  [[nodiscard]] const DurationSummary& of(LatencyMetric metric) const {
    return latency[static_cast<std::size_t>(metric)];
  }
};

/// First arrival to last finish, to the end of the run where requests were still there; 0 where
/// nothing arrived or all were rejected. Rates are over it, and where no replica comes or goes, so
/// are energy and bills.
[[nodiscard]] Duration span_of(const Metrics& metrics);

/// Pure: the same metrics and context give the same summary.
[[nodiscard]] Summary summarise(const Metrics& metrics, const ReportContext& context);

/// "4 GPUs (NVIDIA H100 SXM) in 2 replicas".
[[nodiscard]] std::string cluster_text(const ReportContext& context);

/// What the confidence intervals cover, for every output that prints them.
extern const char* const kIntervalScope;
/// How rates are defined, for every output that prints them.
extern const char* const kSpanDefinition;

}  // namespace headroom
