#include "reports/markdown.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "reports/number_text.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

class Document {
 public:
  void heading(std::string_view title) { text_ += fmt::format("\n### {}\n\n", title); }
  void paragraph(std::string_view content) { text_ += fmt::format("{}\n\n", content); }
  void gap() { text_ += '\n'; }
  /// First row of a table: first column text, the others figures.
  void columns(const std::vector<std::string>& names) {
    row(names);
    text_ += "|---|";
    for (std::size_t i = 1; i < names.size(); ++i) text_ += "---:|";
    text_ += '\n';
  }
  void row(const std::vector<std::string>& cells) {
    text_ += '|';
    for (const std::string& cell : cells) text_ += fmt::format(" {} |", markdown_cell(cell));
    text_ += '\n';
  }
  void bullets(std::string_view kind, const std::vector<std::string>& items) {
    for (const std::string& item : items) {
      text_ += fmt::format("- {}{}\n", kind, markdown_cell(item));
    }
    if (!items.empty()) text_ += '\n';
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string verdict_sentence(const Summary& s) {
  const std::string figures =
      s.context.slo.joint()
          ? fmt::format("{} of {} arrived requests hold all limits, target {}",
                        percent(s.slo.joint), s.arrived, percent(s.context.slo.attainment))
          : fmt::format("{} percentile limits, each on its own", s.slo.percentiles.size());
  switch (s.slo.verdict) {
    case SloVerdict::met:
      return "**Service level: MET** (" + figures + ")";
    case SloVerdict::missed:
      return "**Service level: MISSED** (" + figures + ")";
    case SloVerdict::no_requests:
      return "**Service level: no answer**, no request arrived";
    case SloVerdict::not_set:
      break;
  }
  return "**Service level: none set**";
}

void write_head(Document& page, const Summary& s) {
  const ReportContext& c = s.context;
  page.paragraph(fmt::format("## Headroom run: {}", markdown_cell(c.scenario)));
  page.paragraph(verdict_sentence(s));
  page.columns({"run", ""});
  page.row({"model", c.model});
  page.row({"cluster", cluster_text(c)});
  page.row(
      {"KV capacity", fmt::format("{} blocks of {} tokens a replica",
                                  c.kv_blocks_per_replica.value(), c.kv_block_tokens.value())});
  page.row({"costs", c.cost_model});
  page.row({"seed", std::to_string(c.seed)});
  page.row({"headroom", c.tool_version});
  page.row({"scenario digest", c.scenario_digest});
  page.row({"costs digest", c.cost_digest});
  page.row({"decisions digest", s.decision_digest});
  page.gap();
  page.bullets("warning: ", s.warnings);
  page.bullets("note: ", s.notes);
}

void write_slo(Document& page, const Summary& s) {
  const SloLimits& limits = s.context.slo;
  if (!limits.any()) return;
  page.heading("Service level");
  page.columns({"limit", "ms", "held by"});
  const auto one = [&](const char* name, const std::optional<Duration>& limit, double share) {
    if (limit) page.row({name, significant(milliseconds(*limit)), percent(share)});
  };
  one("TTFT", limits.ttft, s.slo.ttft);
  one("TPOT", limits.tpot, s.slo.tpot);
  one("end-to-end", limits.end_to_end, s.slo.end_to_end);
  if (limits.joint()) page.row({"all", "", percent(s.slo.joint)});
  for (const PercentileResult& each : s.slo.percentiles)
    page.row({limit_text(each.limit), "", percent(each.share)});
}

void write_latency(Document& page, const Summary& s) {
  page.heading("Latency, ms");
  page.columns({"", "mean", "p50", "p90", "p95", "p99", "max"});
  for (int m = 0; m < kLatencyMetrics; ++m) {
    const auto metric = static_cast<LatencyMetric>(m);
    const DurationSummary& d = s.of(metric);
    std::vector<std::string> cells{label_of(metric)};
    for (const double value : {d.mean, d.p50, d.p90, d.p95, d.p99, d.max}) {
      cells.push_back(d.count > 0 ? significant(value) : "-");
    }
    page.row(cells);
  }
  page.heading("Confidence of the means, ms");
  page.columns({"", "mean", "low", "high", "batches", "warm-up cut", "used", "quality"});
  for (const ConfidenceRow& row : s.confidence) {
    const MeanInterval& i = row.interval;
    if (i.quality == IntervalQuality::too_few) {
      page.row({label_of(row.metric), "-", "-", "-", "-", "-", "-", to_string(i.quality)});
      continue;
    }
    page.row({label_of(row.metric), significant(i.mean / 1e6),
              significant((i.mean - i.half_width) / 1e6),
              significant((i.mean + i.half_width) / 1e6), std::to_string(i.batches),
              std::to_string(i.cut), std::to_string(i.used), to_string(i.quality)});
  }
  page.gap();
  page.paragraph(fmt::format("{}.", kIntervalScope));
  page.heading("Where latency went, mean of a request");
  page.columns({"part", "ms", "share"});
  for (const PartShare& part : s.parts) {
    page.row({part.key, significant(part.mean_ms), percent(part.share)});
  }
}

void write_load(Document& page, const Summary& s) {
  page.heading("Requests and throughput");
  page.columns({"requests", "count"});
  page.row({"arrived", std::to_string(s.arrived)});
  page.row({"answered", std::to_string(s.finished)});
  for (int r = 0; r < kRejectReasons; ++r) {
    if (static_cast<RejectReason>(r) == RejectReason::replica_lost && !s.dynamics) continue;
    page.row({fmt::format("rejected: {}", to_string(static_cast<RejectReason>(r))),
              std::to_string(s.rejected[static_cast<std::size_t>(r)])});
  }
  page.row({"not done at the end", std::to_string(s.unfinished)});
  page.row({"input tokens", std::to_string(s.input_tokens)});
  page.row({"output tokens", std::to_string(s.output_tokens)});
  page.gap();
  page.columns({"rate", "per s", "per GPU s"});
  const auto rate = [&](const char* name, const Rate& r) {
    page.row({name, significant(r.per_second), significant(r.per_gpu_second)});
  };
  rate("answered requests", s.throughput.requests);
  rate("goodput", s.throughput.good_requests);
  rate("input tokens", s.throughput.input_tokens);
  rate("output tokens", s.throughput.output_tokens);
  page.gap();
  page.paragraph(fmt::format("Span {} s; {}.", significant(s.span_s, 6), kSpanDefinition));
}

void write_engine(Document& page, const Summary& s) {
  const EngineUse& e = s.engine;
  page.heading("Cluster");
  page.columns({"figure", "value"});
  page.row({"busy", percent(e.busy_share)});
  page.row({"busy, least and most of a replica",
            fmt::format("{} to {}", percent(e.least_busy), percent(e.most_busy))});
  page.row({"mean batch, requests", significant(e.mean_batch)});
  page.row({"iterations", std::to_string(e.iterations)});
  page.row({"preemptions by recompute", std::to_string(e.preemptions_recompute)});
  page.row({"preemptions by swap", std::to_string(e.preemptions_swap)});
  page.row({"KV use, mean", e.kv_mean ? percent(*e.kv_mean) : "-"});
  page.row({"KV use, peak of a replica", e.kv_peak ? percent(*e.kv_peak) : "-"});
  if (e.prefixes) {
    page.row({"prefix cache, prompt tokens found", percent(e.prefixes->hit_share)});
    page.row({"prefix cache, prefill tokens saved", std::to_string(e.prefixes->saved_tokens)});
    page.row({"prefix cache, blocks evicted", std::to_string(e.prefixes->evicted_blocks)});
    page.row(
        {"prefix cache, blocks from host memory", std::to_string(e.prefixes->loaded.host.value())});
    page.row({"prefix cache, blocks from disk", std::to_string(e.prefixes->loaded.disk.value())});
  }
  page.row({"load", to_string(s.saturation.hint)});
}

void write_pools(Document& page, const Summary& s) {
  if (s.pools.empty()) return;
  page.heading("Pools");
  page.columns(
      {"pool", "role", "GPUs", "busy", "least busy", "most busy", "mean batch", "KV peak"});
  for (const PoolUse& one : s.pools) {
    const EngineUse& e = one.use;
    page.row({one.pool.name, one.pool.role, std::to_string(one.pool.gpus), percent(e.busy_share),
              percent(e.least_busy), percent(e.most_busy), significant(e.mean_batch),
              e.kv_peak ? percent(*e.kv_peak) : "-"});
  }
  page.gap();
  const TransferUse& t = s.transfers;
  page.paragraph(fmt::format(
      "KV moved: {} prompts, {} GB; wait for room p50 {} ms, p99 {} ms; move p50 {} ms, p99 {} ms.",
      t.moves, significant(t.bytes.as_double() * 1e-9), significant(t.waited.p50),
      significant(t.waited.p99), significant(t.moved.p50), significant(t.moved.p99)));
}

void write_dynamics(Document& page, const Summary& s) {
  if (!s.dynamics) return;
  const DynamicsTotals& t = s.dynamics->totals;
  page.heading("Replicas that came and went");
  page.columns({"figure", "value"});
  page.row({"rules", s.context.dynamics});
  page.row({"GPUs paid on average", significant(s.dynamics->mean_paid)});
  page.row({"most replicas at a time", std::to_string(t.most_up)});
  page.row({"starts", std::to_string(t.starts)});
  page.row({"drains", std::to_string(t.drains)});
  page.row({"failures", std::to_string(t.failures)});
  page.row({"reclaims", std::to_string(t.reclaims)});
  page.row({"restarts", std::to_string(t.restarts)});
  page.row({"requests on a replica that failed", std::to_string(t.lost)});
  if (!s.pools.empty())
    page.row({"moves of KV called off", std::to_string(s.dynamics->moves_called_off)});
}

void write_cost(Document& page, const Summary& s) {
  const CostResult& c = s.cost;
  page.heading("Cost");
  page.columns({"figure", "value"});
  page.row({"GPU-hours", significant(c.gpu_hours)});
  page.row({"USD", or_dash(c.usd)});
  page.row({"USD an hour", or_dash(c.usd_per_hour)});
  page.row({"USD a million output tokens", or_dash(c.usd_per_million_output)});
  page.row({"price source", s.context.price_source.empty() ? "-" : s.context.price_source});
  page.row({"energy, kWh", or_dash(c.energy_kwh)});
  page.row({"J an output token", or_dash(c.joules_per_output_token)});
  page.row({"power source", s.context.power_source.empty() ? "-" : s.context.power_source});
  if (c.usd && !s.context.currency.empty()) {
    page.row({s.context.currency, significant(*c.usd * s.context.per_usd)});
  }
  if (c.facility) {
    page.row({"facility, kWh", significant(c.facility->kwh)});
    page.row({"electricity, USD", or_dash(c.facility->usd)});
    page.row({"carbon, kg CO2e", or_dash(c.facility->carbon_kg)});
    page.row({"facility source", s.context.facility->source});
  }
  if (s.lower_bound) {
    page.row({"GPUs, perfect system", std::to_string(s.lower_bound->gpus)});
    page.row({"GPUs, this run", std::to_string(s.context.gpus)});
    page.row({"USD, perfect system", or_dash(s.lower_bound->usd)});
    page.row({"the bound counts", s.context.lower_bound->reason});
  }
}

void write_time(Document& page, const Summary& s) {
  if (!s.time.any) return;
  page.heading("What simulated time rests on");
  page.columns({"operator", "share", "measured", "interpolated", "extrapolated"});
  for (int o = 0; o < kOperatorClasses; ++o) {
    const auto index = static_cast<std::size_t>(o);
    std::vector<std::string> cells{to_string(static_cast<OperatorClass>(o)),
                                   percent(s.time.by_operator[index])};
    for (const double share : s.time.cells[index]) cells.push_back(percent(share));
    page.row(cells);
  }
  std::vector<std::string> cells{"all", percent(1)};
  for (const double share : s.time.by_evidence) cells.push_back(percent(share));
  page.row(cells);
}

}  // namespace

std::string markdown_cell(std::string_view text) {
  constexpr std::string_view kMarkup = "\\`*_[]|#~!";
  std::string cell;
  for (const char c : printable(text)) {
    if (c == '<') {
      cell += "&lt;";
    } else if (c == '>') {
      cell += "&gt;";
    } else if (c == '&') {
      cell += "&amp;";
    } else {
      if (kMarkup.find(c) != std::string_view::npos) cell += '\\';
      cell += c;
    }
  }
  return cell;
}

std::string markdown_report(const Summary& summary) {
  Document page;
  write_head(page, summary);
  write_slo(page, summary);
  write_latency(page, summary);
  write_load(page, summary);
  write_engine(page, summary);
  write_pools(page, summary);
  write_dynamics(page, summary);
  write_cost(page, summary);
  write_time(page, summary);
  if (!summary.advice.empty()) {
    page.heading("What to change");
    page.bullets("", summary.advice);
  }
  return page.take();
}

}  // namespace headroom
