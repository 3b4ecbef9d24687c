#include "reports/summary.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "reports/advice.h"
#include "reports/number_text.h"
#include "reports/request_figures.h"
#include "sim/check.h"

namespace headroom {

const char* const kIntervalScope =
    "95 % intervals by batch means of this run, warm-up cut by MSER-5; they cover workload "
    "variation only, not the error "
    "of the cost model";
const char* const kSpanDefinition =
    "rates are over the span from first arrival to last finish (to the end of the run if a time "
    "limit left requests "
    "unfinished)";

const char* key_of(LatencyMetric metric) {
  constexpr const char* kKeys[] = {"ttft", "tpot", "itl", "end_to_end", "queueing", "normalised"};
  return kKeys[static_cast<std::size_t>(metric)];
}

const char* label_of(LatencyMetric metric) {
  constexpr const char* kLabels[] = {"TTFT",       "TPOT",           "ITL (all tokens)",
                                     "end-to-end", "queueing delay", "e2e per token"};
  return kLabels[static_cast<std::size_t>(metric)];
}

std::string cluster_text(const ReportContext& context) {
  return std::to_string(context.gpus) + (context.gpus == 1 ? " GPU (" : " GPUs (") +
         context.device + ") in " + std::to_string(context.replicas) +
         (context.replicas == 1 ? " replica" : " replicas");
}

const char* to_string(SloVerdict verdict) {
  switch (verdict) {
    case SloVerdict::not_set:
      return "not_set";
    case SloVerdict::met:
      return "met";
    case SloVerdict::missed:
      return "missed";
    case SloVerdict::no_requests:
      return "no_requests";
  }
  return "unknown";
}

Duration span_of(const Metrics& metrics) {
  if (metrics.arrived == 0) return Duration(0);
  Instant last = std::max(metrics.last_finish, metrics.first_arrival);
  if (metrics.live_at_end > 0) last = std::max(last, metrics.end);
  return last - metrics.first_arrival;
}

namespace {

double ratio(double a, double b) { return b > 0 ? a / b : 0; }
double as_double(std::uint64_t v) { return static_cast<double>(v); }
double as_double(std::int64_t v) { return static_cast<double>(v); }

SloResult slo_result(const Metrics& metrics, const SloLimits& limits, const HeldLimits& held) {
  SloResult result;
  result.requests_met = held.all;
  const double arrived = as_double(metrics.arrived);
  result.joint = ratio(as_double(held.all), arrived);
  result.ttft = ratio(as_double(held.ttft), arrived);
  result.tpot = ratio(as_double(held.tpot), arrived);
  result.end_to_end = ratio(as_double(held.end_to_end), arrived);
  if (metrics.arrived == 0) {
    result.verdict = SloVerdict::no_requests;
  } else if (limits.any()) {
    result.percentiles = percentile_results(metrics, limits.percentiles);
    const bool together = !limits.joint() || result.joint >= limits.attainment;
    const bool each = std::all_of(result.percentiles.begin(), result.percentiles.end(),
                                  [](const PercentileResult& one) { return one.held; });
    result.verdict = together && each ? SloVerdict::met : SloVerdict::missed;
  }
  return result;
}

Rate rate_of(double amount, double span_s, double gpus) {
  const double per_second = ratio(amount, span_s);
  return Rate{per_second, ratio(per_second, gpus)};
}

void fill_parts(const Metrics& metrics, Summary& out) {
  const LatencyParts& p = metrics.parts;
  const std::array<std::pair<const char*, Int128>, kLatencyParts> parts{{{"queue", p.queued},
                                                                         {"prefill", p.prefill},
                                                                         {"preempted", p.preempted},
                                                                         {"transfer", p.transfer},
                                                                         {"decode", p.decode},
                                                                         {"stalled", p.stalled}}};
  Int128 total = 0;
  for (const auto& part : parts) total += part.second;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto ns = static_cast<double>(parts[i].second);
    out.parts[i] = PartShare{parts[i].first, ratio(ns / 1e6, as_double(metrics.finished)),
                             ratio(ns, static_cast<double>(total))};
  }
}

ReplicaUse replica_use(const ReplicaTotals& totals, double span_s) {
  ReplicaUse use;
  use.busy_share = ratio(seconds(totals.busy), span_s);
  use.mean_batch = ratio(as_double(totals.batched_requests), as_double(totals.iterations));
  use.iterations = totals.iterations;
  use.finished = totals.finished;
  use.preemptions = totals.preemptions_recompute + totals.preemptions_swap;
  use.peak_blocks = totals.peak_blocks.value();
  use.total_blocks = totals.total_blocks.value();
  return use;
}

PrefixUse prefix_use(std::span<const ReplicaTotals> replicas) {
  PrefixUse use;
  for (const ReplicaTotals& totals : replicas) {
    use.asked_tokens += totals.prefixes.asked.value();
    use.saved_tokens += totals.prefixes.hit.value();
    use.evicted_blocks += totals.prefixes.evicted.value();
    use.loaded.host += totals.prefixes.loaded.host;
    use.loaded.disk += totals.prefixes.loaded.disk;
  }
  use.hit_share = ratio(as_double(use.saved_tokens), as_double(use.asked_tokens));
  return use;
}

/// Use of some replicas together; without the mean KV use, which only the cluster has.
EngineUse use_of(std::span<const ReplicaTotals> replicas, double span_s) {
  EngineUse use;
  std::int64_t batched = 0;
  double busy = 0;
  bool first = true;
  for (const ReplicaTotals& totals : replicas) {
    const double share = ratio(seconds(totals.busy), span_s);
    use.least_busy = first ? share : std::min(use.least_busy, share);
    use.most_busy = std::max(use.most_busy, share);
    first = false;
    busy += share;
    batched += totals.batched_requests;
    use.iterations += totals.iterations;
    use.prefill_iterations += totals.prefill_iterations;
    use.prefill_tokens += totals.prefill_tokens;
    use.decode_tokens += totals.decode_tokens;
    use.preemptions_recompute += totals.preemptions_recompute;
    use.preemptions_swap += totals.preemptions_swap;
    use.swapped += totals.swapped;
    if (totals.total_blocks.value() > 0) {
      const double peak = totals.peak_blocks.as_double() / totals.total_blocks.as_double();
      use.kv_peak = std::max(use.kv_peak.value_or(0), peak);
    }
  }
  use.busy_share = ratio(busy, static_cast<double>(replicas.size()));
  use.mean_batch = ratio(as_double(batched), as_double(use.iterations));
  return use;
}

void fill_engine(const Metrics& metrics, Summary& out) {
  out.engine = use_of(metrics.replicas, out.span_s);
  if (metrics.hashed > 0) out.engine.prefixes = prefix_use(metrics.replicas);
  for (const ReplicaTotals& totals : metrics.replicas) {
    out.replicas.push_back(replica_use(totals, out.span_s));
  }
}

void fill_pools(const Metrics& metrics, Summary& out) {
  const std::span<const ReplicaTotals> all(metrics.replicas);
  std::size_t first = 0;
  for (const ReplicaPool& pool : out.context.pools) {
    const auto count = static_cast<std::size_t>(pool.replicas);
    SIM_CHECK(first + count <= all.size(), "pools cover the replicas");
    PoolUse one{pool, use_of(all.subspan(first, count), out.span_s)};
    for (const ReplicaTotals& totals : all.subspan(first, count)) {
      one.handed_over += totals.handed_over;
      one.finished += totals.finished;
    }
    out.pools.push_back(std::move(one));
    first += count;
  }
  const TransferTotals& moves = metrics.transfers;
  out.transfers = {moves.started, moves.bytes, summary_of(moves.waited), summary_of(moves.moved)};
}

void fill_series(const Metrics& metrics, Summary& out) {
  const std::vector<ClusterSample>& samples = metrics.samples;
  if (samples.empty() || metrics.arrived == 0) return;
  std::int64_t blocks = 0;
  for (const ReplicaTotals& totals : metrics.replicas) blocks += totals.total_blocks.value();
  const std::size_t stride = (samples.size() + kSeriesPoints - 1) / kSeriesPoints;
  double kv_sum = 0;
  double tight = 0;
  for (std::size_t i = 0; i < samples.size(); i += stride) {
    const std::size_t end = std::min(samples.size(), i + stride);
    const double weight = 1.0 / static_cast<double>(end - i);
    SeriesPoint point;
    point.time_s = seconds(samples[i].time - metrics.first_arrival);
    for (std::size_t j = i; j < end; ++j) {
      const ClusterSample& sample = samples[j];
      const double kv = ratio(as_double(sample.used_blocks), as_double(blocks));
      if (kv > kTightKv) tight += 1;
      point.waiting += as_double(sample.waiting) * weight;
      point.running += as_double(sample.running) * weight;
      point.swapped += as_double(sample.swapped) * weight;
      point.busy_replicas += as_double(sample.busy_replicas) * weight;
      point.kv_share += kv * weight;
      point.up_replicas += as_double(sample.up_replicas) * weight;
      kv_sum += kv;
      out.peak_waiting = std::max(out.peak_waiting, as_double(sample.waiting));
    }
    out.series.push_back(point);
  }
  if (blocks == 0) return;
  out.engine.kv_mean = kv_sum / static_cast<double>(samples.size());
  out.engine.kv_tight = tight / static_cast<double>(samples.size());
}

/// GPUs over the span: all there are, or the mean of those paid.
double mean_gpus(const ReportContext& context, double span_s) {
  return context.paid_gpu_hours ? ratio(*context.paid_gpu_hours * 3600, span_s)
                                : as_double(context.gpus);
}

void fill_cost(const Metrics& metrics, const ReportContext& context, Summary& out) {
  CostResult& cost = out.cost;
  cost.gpu_hours = context.paid_gpu_hours.value_or(as_double(context.gpus) * out.span_s / 3600);
  if (metrics.dynamic)
    out.dynamics =
        DynamicsUse{metrics.dynamics, mean_gpus(context, out.span_s), metrics.transfers.called_off};
  const double tokens = as_double(out.output_tokens);
  if (context.gpu_hour_price) {
    const double price = context.gpu_hour_price->value();
    cost.usd_per_hour = price * mean_gpus(context, out.span_s);
    cost.usd = price * cost.gpu_hours;
    if (tokens > 0) cost.usd_per_million_output = *cost.usd / tokens * 1e6;
  }
  if (context.energy) {
    constexpr double kJoulesPerKwh = 3.6e6;
    cost.energy_kwh = context.energy->value() / kJoulesPerKwh;
    if (tokens > 0) cost.joules_per_output_token = context.energy->value() / tokens;
    if (context.facility) {
      cost.facility =
          facility_use(*context.facility, *context.energy, context.idle_energy, metrics);
    }
  }
  if (!context.lower_bound) return;
  LowerBoundResult bound;
  bound.gpus = context.lower_bound->gpus;
  bound.gpu_ratio = ratio(as_double(context.gpus), as_double(bound.gpus));
  if (context.lower_bound->usd) {
    bound.usd = context.lower_bound->usd->value();
  } else if (context.gpu_hour_price) {
    bound.usd = as_double(bound.gpus) * context.gpu_hour_price->value() * out.span_s / 3600;
  }
  out.lower_bound = bound;
}

TimeShares time_shares(const CostLedger& ledger) {
  TimeShares shares;
  Int128 total = 0;
  for (const auto& row : ledger.fixed_ns) {
    for (const Int128 amount : row) total += amount;
  }
  if (total <= 0) return shares;
  shares.any = true;
  for (std::size_t o = 0; o < ledger.fixed_ns.size(); ++o) {
    for (std::size_t e = 0; e < ledger.fixed_ns[o].size(); ++e) {
      const double share = static_cast<double>(ledger.fixed_ns[o][e]) / static_cast<double>(total);
      shares.cells[o][e] = share;
      shares.by_operator[o] += share;
      shares.by_evidence[e] += share;
    }
  }
  return shares;
}

DecisionCheckpoints checkpoints_of(const Metrics& metrics) {
  DecisionCheckpoints points;
  const std::vector<ClusterSample>& samples = metrics.samples;
  // Spaces double, so that those of any two runs have instants in common.
  std::size_t stride = 1;
  while (samples.size() / stride > kMostCheckpoints) stride *= 2;
  points.spacing_ns = metrics.sample_interval.value() * static_cast<std::int64_t>(stride);
  for (std::size_t i = 0; i < samples.size(); i += stride) {
    points.digests.push_back(hex64(samples[i].decision_digest));
  }
  return points;
}

void fill_totals(const Metrics& metrics, Summary& out) {
  out.decision_digest = hex64(metrics.decision_digest);
  out.arrived = metrics.arrived;
  out.finished = metrics.finished;
  out.truncated = metrics.truncated;
  out.unfinished = metrics.live_at_end;
  out.rejected = metrics.rejected;
  out.input_tokens = metrics.input_tokens;
  out.output_tokens = metrics.output_tokens;
  out.span_s = seconds(span_of(metrics));
}

}  // namespace

Summary summarise(const Metrics& metrics, const ReportContext& context) {
  Summary out;
  out.context = context;
  fill_totals(metrics, out);
  const RequestFigures requests = request_figures(metrics, context);
  out.workload_digest = requests.workload_digest;
  out.latency = requests.latency;
  out.latency[static_cast<std::size_t>(LatencyMetric::itl)] = summary_of(metrics.token_gaps);
  out.confidence = requests.confidence;
  out.slo = slo_result(metrics, context.slo, requests.held);
  out.checkpoints = checkpoints_of(metrics);
  const auto rate = [&](double amount) {
    return rate_of(amount, out.span_s, mean_gpus(context, out.span_s));
  };
  out.throughput.requests = rate(as_double(metrics.finished));
  out.throughput.good_requests = rate(as_double(out.slo.requests_met));
  out.throughput.input_tokens = rate(as_double(metrics.input_tokens));
  out.throughput.output_tokens = rate(as_double(metrics.output_tokens));
  fill_parts(metrics, out);
  fill_engine(metrics, out);
  fill_pools(metrics, out);
  fill_series(metrics, out);
  fill_cost(metrics, context, out);
  out.time = time_shares(metrics.ledger);
  out.saturation = saturation_of(metrics);
  add_remarks(out);
  return out;
}

}  // namespace headroom
