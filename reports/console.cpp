#include "reports/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "reports/number_text.h"
#include "reports/sparkline.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kLabelColumns = 18;  // of every table, indent included
constexpr std::size_t kFigureColumns = 10;

class Page {
 public:
  explicit Page(Colour colour) : colour_(colour) {}

  void blank() { text_ += '\n'; }
  void line(std::string_view content) {
    std::string kept = shortened(content, kConsoleColumns);
    kept.erase(kept.find_last_not_of(' ') + 1);
    text_ += kept;
    text_ += '\n';
  }
  void heading(std::string_view title) {
    blank();
    paint("1", std::string(title));
  }
  /// A line in a colour; `content` must fit.
  void paint(std::string_view code, const std::string& content) {
    if (colour_ == Colour::off) return line(content);
    text_ += fmt::format("\033[{}m{}\033[0m\n", code, shortened(content, kConsoleColumns));
  }
  /// "  label   text", the text wrapped under itself; nothing when there is no text.
  void labelled(std::string_view label, std::string_view content) {
    std::string_view head = label;
    for (const std::string& part : wrapped(content, kConsoleColumns - kLabelColumns)) {
      line(left_cell(fmt::format("  {}", head), kLabelColumns) + part);
      head = "";
    }
  }
  void bullet(std::string_view mark, std::string_view content) {
    std::string_view head = mark;
    for (const std::string& part : wrapped(content, kConsoleColumns - 2 - mark.size())) {
      line(fmt::format("  {:{}}{}", head, mark.size(), part));
      head = "";
    }
  }
  void row(std::string_view label, const std::vector<std::string>& cells) {
    std::string content = left_cell(fmt::format("  {}", label), kLabelColumns);
    for (const std::string& cell : cells) content += right_cell(cell, kFigureColumns);
    line(content);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  Colour colour_;
  std::string text_;
};

void print_header(Page& page, const Summary& s) {
  const ReportContext& c = s.context;
  page.paint("1", shortened("Headroom run: " + c.scenario, kConsoleColumns));
  page.labelled("model", c.model);
  page.labelled("cluster", cluster_text(c));
  if (c.kv_blocks_per_replica.value() > 0) {
    page.labelled("KV capacity",
                  fmt::format("{} blocks of {} tokens a replica", c.kv_blocks_per_replica.value(),
                              c.kv_block_tokens.value()));
  }
  page.labelled("costs", c.cost_model);
  page.labelled("seed", fmt::format("{}, headroom {}", c.seed, c.tool_version));
  page.labelled("digests",
                fmt::format("scenario {}, costs {}, decisions {}", c.scenario_digest,
                            c.cost_digest.empty() ? "-" : c.cost_digest, s.decision_digest));
  for (const std::string& warning : s.warnings) page.bullet("warning: ", warning);
  for (const std::string& note : s.notes) page.bullet("note: ", note);
}

std::string limit_text(std::string_view name, const std::optional<Duration>& limit) {
  return fmt::format("{} <= {} ms", name, significant(milliseconds(*limit)));
}

void print_slo(Page& page, const Summary& s) {
  const SloLimits& limits = s.context.slo;
  page.blank();
  switch (s.slo.verdict) {
    case SloVerdict::not_set:
      page.line("Service level: none set; every answered request counts");
      return;
    case SloVerdict::no_requests:
      page.line("Service level: no answer, no request arrived");
      return;
    case SloVerdict::met:
      page.paint("1;32", "Service level: MET");
      break;
    case SloVerdict::missed:
      page.paint("1;31", "Service level: MISSED");
      break;
  }
  if (limits.joint()) {
    page.labelled("all limits",
                  fmt::format("{} of {} arrived requests (target {})", percent(s.slo.joint),
                              s.arrived, percent(limits.attainment)));
  }
  const auto one = [&](const char* name, const std::optional<Duration>& limit, double share) {
    if (limit) page.line(fmt::format("  {:<24}  {:>9}", limit_text(name, limit), percent(share)));
  };
  one("TTFT", limits.ttft, s.slo.ttft);
  one("TPOT", limits.tpot, s.slo.tpot);
  one("end-to-end", limits.end_to_end, s.slo.end_to_end);
  for (const PercentileResult& each : s.slo.percentiles) {
    page.line(fmt::format("  {:<24}  {:>9}  {}", limit_text(each.limit), percent(each.share),
                          each.held ? "held" : "missed"));
  }
}

void print_latency(Page& page, const Summary& s) {
  page.heading("Latency, ms");
  page.row("", {"mean", "p50", "p90", "p95", "p99", "max"});
  for (int m = 0; m < kLatencyMetrics; ++m) {
    const auto metric = static_cast<LatencyMetric>(m);
    const DurationSummary& d = s.of(metric);
    if (d.count == 0) {
      page.row(label_of(metric), {"-", "-", "-", "-", "-", "-"});
      continue;
    }
    page.row(label_of(metric), {significant(d.mean), significant(d.p50), significant(d.p90),
                                significant(d.p95), significant(d.p99), significant(d.max)});
  }
}

void print_confidence(Page& page, const Summary& s) {
  const bool any = std::any_of(s.confidence.begin(), s.confidence.end(), [](const auto& row) {
    return row.interval.quality != IntervalQuality::too_few;
  });
  if (!any) {
    page.bullet(
        "", fmt::format("no confidence interval: fewer than {} answered requests", kLeastValues));
    return;
  }
  page.row("95 % interval", {"mean", "+/-", "cut", "used", "batches"});
  for (const ConfidenceRow& row : s.confidence) {
    const MeanInterval& i = row.interval;
    if (i.quality == IntervalQuality::too_few) {
      page.row(label_of(row.metric), {"-", "-", "-", "-", "-"});
      continue;
    }
    page.row(label_of(row.metric),
             {significant(i.mean / 1e6), significant(i.half_width / 1e6, 3), std::to_string(i.cut),
              std::to_string(i.used), std::to_string(i.batches)});
  }
  page.bullet("", kIntervalScope);
}

void print_parts(Page& page, const Summary& s) {
  page.heading("Where latency went (mean of a request)");
  page.row("", {"ms", "share"});
  for (const PartShare& part : s.parts) {
    page.row(part.key, {significant(part.mean_ms), percent(part.share)});
  }
}

void print_load(Page& page, const Summary& s) {
  page.heading("Requests and throughput");
  std::string counts = fmt::format("{} arrived, {} answered", s.arrived, s.finished);
  for (int r = 0; r < kRejectReasons; ++r) {
    const std::uint64_t count = s.rejected[static_cast<std::size_t>(r)];
    if (count > 0) {
      counts += fmt::format(", {} rejected ({})", count, to_string(static_cast<RejectReason>(r)));
    }
  }
  if (s.unfinished > 0) counts += fmt::format(", {} not done", s.unfinished);
  page.labelled("requests", counts);
  page.labelled("tokens", fmt::format("{} in, {} out", s.input_tokens, s.output_tokens));
  page.labelled("span", fmt::format("{} s", significant(s.span_s, 6)));
  page.row("", {"per s", "per GPU s"});
  const auto rate = [&](const char* label, const Rate& r) {
    page.row(label, {significant(r.per_second), significant(r.per_gpu_second)});
  };
  rate("answered", s.throughput.requests);
  rate("goodput", s.throughput.good_requests);
  rate("input tokens", s.throughput.input_tokens);
  rate("output tokens", s.throughput.output_tokens);
  page.bullet("", kSpanDefinition);
}

std::string load_text(const Saturation& s) {
  if (s.hint == SaturationHint::unknown) return "UNKNOWN: too few samples while requests arrived";
  return fmt::format("{}: mean queue {} in the first third of arrivals, {} in the last",
                     to_string(s.hint), significant(s.first_third, 3),
                     significant(s.last_third, 3));
}

void print_engine(Page& page, const Summary& s) {
  const EngineUse& e = s.engine;
  page.heading("Cluster");
  page.labelled("busy", fmt::format("{} (replicas {} to {})", percent(e.busy_share),
                                    percent(e.least_busy), percent(e.most_busy)));
  page.labelled("batch",
                fmt::format("{} requests on average, {} iterations ({} with prefill)",
                            significant(e.mean_batch), e.iterations, e.prefill_iterations));
  page.labelled("KV use", fmt::format("mean {}, peak {} in one replica",
                                      e.kv_mean ? percent(*e.kv_mean) : "-",
                                      e.kv_peak ? percent(*e.kv_peak) : "-"));
  page.labelled("preemptions", fmt::format("{} by recompute, {} by swap", e.preemptions_recompute,
                                           e.preemptions_swap));
  if (e.prefixes) {
    page.labelled("prefix cache",
                  fmt::format("{} of {} prompt tokens found, {} computed less, {} blocks evicted",
                              percent(e.prefixes->hit_share), e.prefixes->asked_tokens,
                              e.prefixes->saved_tokens, e.prefixes->evicted_blocks));
    const TierBlocks& loaded = e.prefixes->loaded;
    if (loaded.host + loaded.disk > Blocks(0))
      page.labelled("KV tiers", fmt::format("{} blocks from host memory, {} from disk",
                                            loaded.host.value(), loaded.disk.value()));
  }
  page.labelled("load", load_text(s.saturation));
}

void print_pools(Page& page, const Summary& s) {
  if (s.pools.empty()) return;
  page.heading("Pools");
  page.row("", {"GPUs", "busy", "least", "most", "batch", "KV peak"});
  for (const PoolUse& one : s.pools) {
    const EngineUse& e = one.use;
    page.row(one.pool.name, {std::to_string(one.pool.gpus), percent(e.busy_share),
                             percent(e.least_busy), percent(e.most_busy),
                             significant(e.mean_batch, 3), e.kv_peak ? percent(*e.kv_peak) : "-"});
  }
  const TransferUse& t = s.transfers;
  page.labelled("KV moved",
                fmt::format("{} prompts, {} GB", t.moves, significant(t.bytes.as_double() * 1e-9)));
  page.labelled("wait, move", fmt::format("p50 {} and {} ms, p99 {} and {} ms",
                                          significant(t.waited.p50), significant(t.moved.p50),
                                          significant(t.waited.p99), significant(t.moved.p99)));
}

void print_series(Page& page, const Summary& s) {
  if (s.series.size() < 2) return;
  std::vector<double> queue;
  std::vector<double> kv;
  for (const SeriesPoint& point : s.series) {
    queue.push_back(point.waiting);
    kv.push_back(point.kv_share);
  }
  constexpr std::size_t kSparkColumns = 44;
  const auto spark = [&](const char* label, const std::vector<double>& values, double top,
                         const std::string& top_text) {
    const std::string drawn = sparkline(values, top, kSparkColumns);
    page.line(fmt::format("{}|{}| {}", left_cell(fmt::format("  {}", label), kLabelColumns), drawn,
                          top_text));
  };
  const double most = *std::max_element(queue.begin(), queue.end());
  spark("queue over time", queue, most, fmt::format("@ {}", significant(most, 3)));
  spark("KV over time", kv, 1, "@ 100 %");
}

void print_dynamics(Page& page, const Summary& s) {
  if (!s.dynamics) return;
  const DynamicsTotals& t = s.dynamics->totals;
  page.heading("Replicas that came and went");
  page.labelled("rules", s.context.dynamics);
  page.labelled("GPUs paid",
                fmt::format("{} on average of {}; at most {} replicas served at a time",
                            significant(s.dynamics->mean_paid), s.context.gpus, t.most_up));
  page.labelled("changes",
                fmt::format("{} started, {} drained, {} failed, {} reclaimed, {} restarted",
                            t.starts, t.drains, t.failures, t.reclaims, t.restarts));
  page.labelled("lost", fmt::format("{} requests were on a replica that failed", t.lost));
  if (!s.pools.empty())
    page.labelled("KV", fmt::format("{} moves were called off", s.dynamics->moves_called_off));
}

void print_cost(Page& page, const Summary& s) {
  const CostResult& c = s.cost;
  const ReportContext& context = s.context;
  page.heading("Cost");
  page.labelled("GPU-hours", significant(c.gpu_hours));
  if (c.usd) {
    page.labelled("USD", fmt::format("{} for this run, {} an hour, {} a million output tokens",
                                     significant(*c.usd), or_dash(c.usd_per_hour),
                                     or_dash(c.usd_per_million_output)));
    page.labelled(
        "price", fmt::format("{} USD a GPU-hour ({})", significant(context.gpu_hour_price->value()),
                             context.price_source));
  } else {
    page.labelled("USD", "no price known for this device; set price.device_hour");
  }
  if (c.energy_kwh) {
    page.labelled("energy",
                  fmt::format("{} kWh, {} J an output token ({})", significant(*c.energy_kwh),
                              or_dash(c.joules_per_output_token), context.power_source));
  }
  if (c.usd && !context.currency.empty()) {
    page.labelled(printable(context.currency),
                  fmt::format("{} for this run ({} for 1 USD)",
                              significant(*c.usd * context.per_usd), significant(context.per_usd)));
  }
  if (c.facility) {
    std::string text = fmt::format("{} kWh at PUE {}", significant(c.facility->kwh),
                                   significant(context.facility->pue, 3));
    if (c.facility->usd)
      text += fmt::format(", {} USD of electricity", significant(*c.facility->usd));
    if (c.facility->carbon_kg)
      text += fmt::format(", {} kg CO2e", significant(*c.facility->carbon_kg));
    page.labelled("facility", text + fmt::format(" ({})", context.facility->source));
  }
  if (s.lower_bound) {
    const LowerBoundResult& bound = *s.lower_bound;
    page.labelled(
        "lower bound",
        fmt::format("a perfect system needs {} GPU{}, this run used {} ({} times){}", bound.gpus,
                    bound.gpus == 1 ? "" : "s", context.gpus, significant(bound.gpu_ratio, 3),
                    bound.usd ? fmt::format("; {} USD", significant(*bound.usd)) : ""));
    page.labelled("", context.lower_bound->reason);
  }
}

void print_time(Page& page, const Summary& s) {
  if (!s.time.any) return;
  page.heading("What simulated time rests on");
  page.row("", {"share", "measured", "interpol.", "extrapol."});
  for (int o = 0; o < kOperatorClasses; ++o) {
    const auto index = static_cast<std::size_t>(o);
    if (s.time.by_operator[index] <= 0) continue;
    std::vector<std::string> cells{percent(s.time.by_operator[index])};
    for (const double share : s.time.cells[index]) cells.push_back(percent(share));
    page.row(to_string(static_cast<OperatorClass>(o)), cells);
  }
  std::vector<std::string> cells{percent(1)};
  for (const double share : s.time.by_evidence) cells.push_back(percent(share));
  page.row("all", cells);
}

void print_advice(Page& page, const Summary& s) {
  if (s.advice.empty()) return;
  page.heading("What to change");
  for (const std::string& sentence : s.advice) page.bullet("- ", sentence);
}

}  // namespace

std::string console_report(const Summary& summary, Colour colour) {
  Page page(colour);
  print_header(page, summary);
  print_slo(page, summary);
  print_latency(page, summary);
  print_confidence(page, summary);
  print_parts(page, summary);
  print_load(page, summary);
  print_engine(page, summary);
  print_pools(page, summary);
  print_series(page, summary);
  print_dynamics(page, summary);
  print_cost(page, summary);
  print_time(page, summary);
  print_advice(page, summary);
  return page.take();
}

}  // namespace headroom
