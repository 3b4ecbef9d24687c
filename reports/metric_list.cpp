#include "reports/metric_list.h"

#include <cmath>
#include <optional>
#include <utility>

namespace headroom {
namespace {

class List {
 public:
  void add(std::string name, const char* unit, double value, Better better) {
    if (std::isfinite(value)) metrics_.push_back({std::move(name), unit, value, better});
  }
  void add(std::string name, const char* unit, const std::optional<double>& value, Better better) {
    if (value) add(std::move(name), unit, *value, better);
  }
  template <class Integer>
  void count(std::string name, Integer value, Better better) {
    add(std::move(name), "1", static_cast<double>(value), better);
  }
  [[nodiscard]] std::vector<NamedMetric> take() { return std::move(metrics_); }

 private:
  std::vector<NamedMetric> metrics_;
};

void add_latency(List& list, const Summary& s) {
  for (int m = 0; m < kLatencyMetrics; ++m) {
    const auto metric = static_cast<LatencyMetric>(m);
    const DurationSummary& d = s.of(metric);
    if (d.count == 0) continue;
    const std::string prefix = std::string("latency.") + key_of(metric);
    list.add(prefix + ".mean", "ms", d.mean, Better::lower);
    list.add(prefix + ".p50", "ms", d.p50, Better::lower);
    list.add(prefix + ".p90", "ms", d.p90, Better::lower);
    list.add(prefix + ".p95", "ms", d.p95, Better::lower);
    list.add(prefix + ".p99", "ms", d.p99, Better::lower);
    list.add(prefix + ".max", "ms", d.max, Better::lower);
  }
  for (const ConfidenceRow& row : s.confidence) {
    if (row.interval.quality == IntervalQuality::too_few) continue;
    const std::string prefix = std::string("interval.") + key_of(row.metric);
    list.add(prefix + ".mean", "ms", row.interval.mean / 1e6, Better::lower);
    list.add(prefix + ".half_width", "ms", row.interval.half_width / 1e6, Better::neither);
  }
  for (const PartShare& part : s.parts) {
    list.add(std::string("part.") + part.key, "ms", part.mean_ms, Better::lower);
  }
}

void add_slo(List& list, const Summary& s) {
  const SloLimits& limits = s.context.slo;
  if (limits.joint()) list.add("slo.joint", "share", s.slo.joint, Better::higher);
  if (limits.ttft) list.add("slo.ttft", "share", s.slo.ttft, Better::higher);
  if (limits.tpot) list.add("slo.tpot", "share", s.slo.tpot, Better::higher);
  if (limits.end_to_end) list.add("slo.end_to_end", "share", s.slo.end_to_end, Better::higher);
}

void add_load(List& list, const Summary& s) {
  list.count("requests.arrived", s.arrived, Better::neither);
  list.count("requests.finished", s.finished, Better::higher);
  list.count("requests.rejected", s.total_rejected(), Better::lower);
  list.count("requests.unfinished", s.unfinished, Better::lower);
  list.count("requests.truncated", s.truncated, Better::lower);
  list.count("tokens.input", s.input_tokens, Better::neither);
  list.count("tokens.output", s.output_tokens, Better::neither);
  list.add("span", "s", s.span_s, Better::neither);
  list.add("throughput.requests", "1/s", s.throughput.requests.per_second, Better::higher);
  list.add("throughput.goodput", "1/s", s.throughput.good_requests.per_second, Better::higher);
  list.add("throughput.input_tokens", "1/s", s.throughput.input_tokens.per_second, Better::higher);
  list.add("throughput.output_tokens", "1/s", s.throughput.output_tokens.per_second,
           Better::higher);
}

void add_engine(List& list, const Summary& s) {
  const EngineUse& e = s.engine;
  list.add("engine.busy", "share", e.busy_share, Better::neither);
  list.add("engine.mean_batch", "1", e.mean_batch, Better::neither);
  list.count("engine.iterations", e.iterations, Better::neither);
  list.count("engine.preemptions_recompute", e.preemptions_recompute, Better::lower);
  list.count("engine.preemptions_swap", e.preemptions_swap, Better::lower);
  list.add("engine.kv_mean", "share", e.kv_mean, Better::neither);
  list.add("engine.kv_peak", "share", e.kv_peak, Better::neither);
  if (e.prefixes) {
    list.add("engine.prefix_hits", "share", e.prefixes->hit_share, Better::higher);
    list.count("engine.prefix_blocks_evicted", e.prefixes->evicted_blocks, Better::lower);
    list.count("engine.prefix_blocks_from_host", e.prefixes->loaded.host.value(), Better::neither);
    list.count("engine.prefix_blocks_from_disk", e.prefixes->loaded.disk.value(), Better::neither);
  }
  if (!s.time.any) return;
  for (int i = 0; i < kEvidences; ++i) {
    list.add(std::string("evidence.") + to_string(static_cast<Evidence>(i)), "share",
             s.time.by_evidence[static_cast<std::size_t>(i)], Better::neither);
  }
}

void add_cost(List& list, const Summary& s) {
  list.add("cost.gpu_hours", "h", s.cost.gpu_hours, Better::lower);
  list.add("cost.usd", "USD", s.cost.usd, Better::lower);
  list.add("cost.usd_per_hour", "USD/h", s.cost.usd_per_hour, Better::lower);
  list.add("cost.usd_per_million_output_tokens", "USD", s.cost.usd_per_million_output,
           Better::lower);
  list.add("energy.kwh", "kWh", s.cost.energy_kwh, Better::lower);
  list.add("energy.joules_per_output_token", "J", s.cost.joules_per_output_token, Better::lower);
  if (s.lower_bound) list.count("lower_bound.gpus", s.lower_bound->gpus, Better::neither);
}

}  // namespace

const char* to_string(Better better) {
  switch (better) {
    case Better::lower:
      return "lower";
    case Better::higher:
      return "higher";
    case Better::neither:
      return "neither";
  }
  return "neither";
}

Better better_from(std::string_view word) {
  for (const Better better : {Better::lower, Better::higher}) {
    if (word == to_string(better)) return better;
  }
  return Better::neither;
}

std::string short_head(const std::string& name) {
  for (const std::string prefix : {"latency.", "throughput.", "cost."}) {
    if (name.rfind(prefix, 0) == 0) return name.substr(prefix.size());
  }
  return name;
}

std::vector<NamedMetric> metric_list(const Summary& summary) {
  List list;
  add_latency(list, summary);
  add_slo(list, summary);
  add_load(list, summary);
  add_engine(list, summary);
  add_cost(list, summary);
  return list.take();
}

}  // namespace headroom
