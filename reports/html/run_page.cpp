#include "reports/html/run_page.h"

#include <fmt/format.h>

#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

std::string ms_or_dash(const DurationSummary& d, double ms) {
  return d.count > 0 ? significant(ms) : "-";
}

std::string money_text(const Summary& s) {
  std::string text;
  if (s.cost.usd_per_hour) text += significant(*s.cost.usd_per_hour) + " USD/h";
  if (s.cost.usd_per_million_output) {
    text += fmt::format("{}{} USD a million output tokens", text.empty() ? "" : ", ",
                        significant(*s.cost.usd_per_million_output));
  }
  return text;
}

std::string margin_text(const LimitMargin& margin) {
  const char* label = label_of(margin.metric);
  if (margin.left() < 0) {
    return fmt::format("{} misses first: {} ms against a limit of {} ms", label,
                       significant(margin.at_target_ms), significant(margin.limit_ms));
  }
  return fmt::format("{} binds first, {:.0f} % below its limit", label, margin.left() * 100);
}

std::string held_text(const Summary& s) {
  const SloLimits& limits = s.context.slo;
  std::string text;
  if (limits.joint()) {
    text = fmt::format("{} of {} requests hold all limits (target {})", percent(s.slo.joint),
                       grouped(s.arrived), percent(limits.attainment));
  }
  if (limits.percentiles.empty()) return text;
  std::size_t held = 0;
  for (const PercentileResult& one : s.slo.percentiles) held += one.held ? 1U : 0U;
  return text + fmt::format("{}{} of {} percentile limits held", text.empty() ? "" : ", ", held,
                            s.slo.percentiles.size());
}

std::string verdict_text(const Summary& s) {
  switch (s.slo.verdict) {
    case SloVerdict::met:
      return "Holds: " + held_text(s);
    case SloVerdict::missed:
      return "Does not hold: " + held_text(s);
    case SloVerdict::no_requests:
      return "No answer: no request arrived";
    case SloVerdict::not_set:
      break;
  }
  return fmt::format("No service level set: {} of {} requests answered", grouped(s.finished),
                     grouped(s.arrived));
}

PageVerdict verdict_of(const Summary& s) {
  if (s.slo.verdict == SloVerdict::met) return PageVerdict::yes;
  return s.slo.verdict == SloVerdict::missed ? PageVerdict::no : PageVerdict::open;
}

PageVerdict holds(const std::optional<Duration>& limit, double share, const Summary& s) {
  if (!limit) return PageVerdict::open;
  return share >= s.context.slo.attainment ? PageVerdict::yes : PageVerdict::no;
}

KeyFigure latency_figure(const Summary& s, LatencyMetric metric,
                         const std::optional<Duration>& limit, double share) {
  const DurationSummary& d = s.of(metric);
  KeyFigure figure{std::string(label_of(metric)) + " p99",
                   ms_or_dash(d, d.p99) + " ms",
                   {},
                   holds(limit, share, s)};
  if (limit) {
    figure.note =
        fmt::format("limit {} ms, held by {}", significant(milliseconds(*limit)), percent(share));
  }
  return figure;
}

std::vector<KeyFigure> key_figures(const Summary& s) {
  std::vector<KeyFigure> figures;
  if (s.context.slo.joint()) {
    figures.push_back({"Joint attainment", percent(s.slo.joint),
                       "target " + percent(s.context.slo.attainment), verdict_of(s)});
  }
  const SloLimits& limits = s.context.slo;
  figures.push_back(latency_figure(s, LatencyMetric::ttft, limits.ttft, s.slo.ttft));
  figures.push_back(latency_figure(s, LatencyMetric::tpot, limits.tpot, s.slo.tpot));
  if (limits.end_to_end) {
    figures.push_back(
        latency_figure(s, LatencyMetric::end_to_end, limits.end_to_end, s.slo.end_to_end));
  }
  figures.push_back(
      {"Goodput", significant(s.throughput.good_requests.per_second) + " /s",
       fmt::format("of {} /s answered", significant(s.throughput.requests.per_second))});
  if (s.cost.usd_per_hour) {
    figures.push_back({"Cost", significant(*s.cost.usd_per_hour) + " USD/h",
                       or_dash(s.cost.usd_per_million_output) + " USD a million output tokens"});
  }
  if (s.lower_bound) {
    figures.push_back(
        {"Perfect system",
         fmt::format("{} GPU{}", s.lower_bound->gpus, s.lower_bound->gpus == 1 ? "" : "s"),
         fmt::format("this run used {}", s.context.gpus)});
  }
  return figures;
}

void write_findings(HtmlPage& page, const Summary& s) {
  if (s.warnings.empty() && s.advice.empty() && s.notes.empty()) return;
  page.section("What to know first");
  page.items("warning", s.warnings);
  page.items("advice", s.advice);
  page.items("note", s.notes);
}

void write_latency(HtmlPage& page, const Summary& s, const RunDetail& d) {
  page.section("Latency");
  PageTable table{"Latency, ms", {"", "mean", "p50", "p90", "p95", "p99", "max"}};
  for (int m = 0; m < kLatencyMetrics; ++m) {
    const auto metric = static_cast<LatencyMetric>(m);
    const DurationSummary& one = s.of(metric);
    std::vector<std::string> row{label_of(metric)};
    for (const double ms : {one.mean, one.p50, one.p90, one.p95, one.p99, one.max}) {
      row.push_back(ms_or_dash(one, ms));
    }
    table.rows.push_back(std::move(row));
  }
  page.table(table);
  if (s.context.validation) {
    page.paragraph(fmt::format("Bands: {}; half of the points lay within. TTFT {}, TPOT {}.",
                               s.context.validation->scope, percent(s.context.validation->ttft),
                               percent(s.context.validation->tpot)));
  }
  for (const LatencyCurve& curve : d.curves) {
    if (!curve.ms.empty()) page.chart(latency_chart(s, curve));
  }
  PageTable means{"Confidence of the means, ms",
                  {"", "mean", "low", "high", "batches", "warm-up cut", "used", "quality"},
                  {},
                  {7}};
  for (const ConfidenceRow& row : s.confidence) {
    const MeanInterval& i = row.interval;
    std::vector<std::string> cells{label_of(row.metric)};
    if (i.quality == IntervalQuality::too_few) {
      cells.insert(cells.end(), {"-", "-", "-", "-", "-", "-"});
    } else {
      for (const double ns : {i.mean, i.mean - i.half_width, i.mean + i.half_width}) {
        cells.push_back(significant(ns / 1e6));
      }
      for (const std::int64_t count : {i.batches, i.cut, i.used}) cells.push_back(grouped(count));
    }
    cells.emplace_back(to_string(i.quality));
    means.rows.push_back(std::move(cells));
  }
  page.table(means);
  page.paragraph(std::string(kIntervalScope) + ".");
}

void write_slo(HtmlPage& page, const Summary& s, const RunDetail& d) {
  if (!s.context.slo.any()) return;
  page.section("Service level");
  PageTable table{"Limits", {"limit", "ms", "held by", "at the target share, ms", "left"}};
  const auto one = [&](LatencyMetric metric, const std::optional<Duration>& limit, double share) {
    if (!limit) return;
    std::string at = "-", left = "-";
    for (const LimitMargin& margin : d.margins) {
      if (margin.metric != metric) continue;
      at = significant(margin.at_target_ms);
      left = fmt::format("{:.1f} %", margin.left() * 100);
    }
    table.rows.push_back(
        {label_of(metric), significant(milliseconds(*limit)), percent(share), at, left});
  };
  one(LatencyMetric::ttft, s.context.slo.ttft, s.slo.ttft);
  one(LatencyMetric::tpot, s.context.slo.tpot, s.slo.tpot);
  one(LatencyMetric::end_to_end, s.context.slo.end_to_end, s.slo.end_to_end);
  if (s.context.slo.joint()) {
    table.rows.push_back({"all of these", "", percent(s.slo.joint), "", ""});
  }
  for (const PercentileResult& each : s.slo.percentiles) {
    table.rows.push_back({limit_text(each.limit), significant(milliseconds(each.limit.at_most)),
                          percent(each.share), "", each.held ? "held" : "missed"});
  }
  page.table(table);
  if (d.load.size() < 2 || !s.context.slo.joint()) return;
  page.chart(attainment_by_load_chart(s, d));
  page.chart(attainment_course(s, d));
}

void write_classes(HtmlPage& page, const Summary& s, const RunDetail& d) {
  if (d.classes.empty()) return;
  page.section("By class");
  PageTable table{"Service classes, answered requests",
                  {"", "answered", "hold all limits", "input tokens", "output tokens",
                   "TTFT p50, ms", "TTFT p99, ms", "TPOT p99, ms", "end-to-end p99, ms"}};
  for (const ClassRow& row : d.classes) {
    table.rows.push_back(
        {row.name, grouped(row.finished),
         s.context.slo.any()
             ? percent(static_cast<double>(row.met) / static_cast<double>(row.finished))
             : "-",
         grouped(row.input_tokens), grouped(row.output_tokens), ms_or_dash(row.ttft, row.ttft.p50),
         ms_or_dash(row.ttft, row.ttft.p99), ms_or_dash(row.tpot, row.tpot.p99),
         ms_or_dash(row.end_to_end, row.end_to_end.p99)});
  }
  page.table(table);
}

void write_parts(HtmlPage& page, const Summary& s, const RunDetail& d) {
  page.section("Where latency went");
  for (const Chart& chart : latency_part_charts(s, d)) page.chart(chart);
  PageTable table{"Mean of a request", {"part", "ms", "share"}};
  for (const PartShare& part : s.parts) {
    table.rows.push_back({part.key, significant(part.mean_ms), percent(part.share)});
  }
  page.table(table);
}

void write_load(HtmlPage& page, const Summary& s) {
  page.section("Requests and throughput");
  PageTable counts{"Requests", {"", "count"}};
  counts.rows = {{"arrived", grouped(s.arrived)}, {"answered", grouped(s.finished)}};
  for (int r = 0; r < kRejectReasons; ++r) {
    counts.rows.push_back({fmt::format("rejected: {}", to_string(static_cast<RejectReason>(r))),
                           grouped(s.rejected[static_cast<std::size_t>(r)])});
  }
  counts.rows.push_back({"not done at the end", grouped(s.unfinished)});
  counts.rows.push_back({"outputs cut short", grouped(s.truncated)});
  counts.rows.push_back({"input tokens", grouped(s.input_tokens)});
  counts.rows.push_back({"output tokens", grouped(s.output_tokens)});
  page.table(counts);
  PageTable rates{"Rates", {"", "per s", "per GPU s"}};
  const auto rate = [&](const char* name, const Rate& r) {
    rates.rows.push_back({name, significant(r.per_second), significant(r.per_gpu_second)});
  };
  rate("answered requests", s.throughput.requests);
  rate("goodput", s.throughput.good_requests);
  rate("input tokens", s.throughput.input_tokens);
  rate("output tokens", s.throughput.output_tokens);
  page.table(rates);
  page.paragraph(fmt::format("Span {} s; {}.", significant(s.span_s, 6), kSpanDefinition));
}

void write_engine(HtmlPage& page, const Summary& s) {
  page.section("Cluster");
  const EngineUse& e = s.engine;
  PageTable table{"All replicas", {"", "value"}};
  table.rows = {{"busy", percent(e.busy_share)},
                {"busy, least and most of a replica",
                 fmt::format("{} to {}", percent(e.least_busy), percent(e.most_busy))},
                {"mean batch, requests", significant(e.mean_batch)},
                {"iterations", grouped(e.iterations)},
                {"with prefill", grouped(e.prefill_iterations)},
                {"preemptions by recompute", grouped(e.preemptions_recompute)},
                {"preemptions by swap", grouped(e.preemptions_swap)},
                {"KV use, mean", e.kv_mean ? percent(*e.kv_mean) : "-"},
                {"KV use, highest of a replica", e.kv_peak ? percent(*e.kv_peak) : "-"},
                {"load", to_string(s.saturation.hint)}};
  if (e.prefixes) {
    table.rows.push_back({"prompt tokens found in KV", grouped(e.prefixes->saved_tokens)});
    table.rows.push_back({"of those asked for", percent(e.prefixes->hit_share)});
    table.rows.push_back({"KV blocks from host memory", grouped(e.prefixes->loaded.host.value())});
    table.rows.push_back({"KV blocks from disk", grouped(e.prefixes->loaded.disk.value())});
  }
  page.table(table);
  PageTable pools{"Pools",
                  {"", "role", "replicas", "GPUs", "busy", "mean batch", "handed over", "finished"},
                  {},
                  {1}};
  for (const PoolUse& one : s.pools) {
    pools.rows.push_back({one.pool.name, one.pool.role, grouped(one.pool.replicas),
                          grouped(one.pool.gpus), percent(one.use.busy_share),
                          significant(one.use.mean_batch), grouped(one.handed_over),
                          grouped(one.finished)});
  }
  if (!s.pools.empty()) {
    page.table(pools);
    page.paragraph(fmt::format("{} transfers of KV, {} GB; waited {} ms and moved {} ms at p99.",
                               grouped(s.transfers.moves),
                               significant(s.transfers.bytes.as_double() / 1e9),
                               ms_or_dash(s.transfers.waited, s.transfers.waited.p99),
                               ms_or_dash(s.transfers.moved, s.transfers.moved.p99)));
  }
  constexpr std::size_t kMostReplicas = 256;
  PageTable replicas{"Replicas",
                     {"", "busy", "mean batch", "iterations", "finished", "preemptions",
                      "most KV blocks", "KV blocks"}};
  for (std::size_t r = 0; r < std::min(kMostReplicas, s.replicas.size()); ++r) {
    const ReplicaUse& use = s.replicas[r];
    replicas.rows.push_back({fmt::format("replica {}", r), percent(use.busy_share),
                             significant(use.mean_batch), grouped(use.iterations),
                             grouped(use.finished), grouped(use.preemptions),
                             grouped(use.peak_blocks), grouped(use.total_blocks)});
  }
  page.open_fold(fmt::format("Each of {} replicas", s.replicas.size()));
  page.table(replicas);
  if (s.replicas.size() > kMostReplicas) {
    page.paragraph(fmt::format("The first {} of {}; --json has all of them.", kMostReplicas,
                               s.replicas.size()));
  }
  page.close_fold();
}

void write_dynamics(HtmlPage& page, const Summary& s) {
  if (!s.dynamics) return;
  const DynamicsTotals& t = s.dynamics->totals;
  page.paragraph("Replicas come and go: " + s.context.dynamics + ".");
  PageTable table{"Replicas that came and went",
                  {"", "count"},
                  {{"GPUs paid on average", significant(s.dynamics->mean_paid)},
                   {"most replicas at a time", grouped(t.most_up)},
                   {"started", grouped(t.starts)},
                   {"drained", grouped(t.drains)},
                   {"failed", grouped(t.failures)},
                   {"reclaimed", grouped(t.reclaims)},
                   {"restarted", grouped(t.restarts)},
                   {"requests on a replica that failed", grouped(t.lost)}}};
  if (!s.pools.empty())
    table.rows.push_back({"moves of KV called off", grouped(s.dynamics->moves_called_off)});
  page.table(table);
}

void write_cost(HtmlPage& page, const Summary& s, const RunDetail& d) {
  page.section("Cost");
  write_dynamics(page, s);
  const ReportContext& c = s.context;
  PageTable table{"Cost and energy", {"", "value", "source"}, {}, {2}};
  table.rows = {{"GPU-hours", significant(s.cost.gpu_hours), ""},
                {"USD for this run", or_dash(s.cost.usd), ""},
                {"USD an hour", or_dash(s.cost.usd_per_hour), ""},
                {"USD a million output tokens", or_dash(s.cost.usd_per_million_output), ""}};
  if (c.gpu_hour_price) {
    table.rows.push_back(
        {"USD a GPU-hour", significant(c.gpu_hour_price->value()), c.price_source});
  }
  table.rows.push_back({"energy, kWh", or_dash(s.cost.energy_kwh), c.power_source});
  table.rows.push_back({"J an output token", or_dash(s.cost.joules_per_output_token), ""});
  if (s.cost.usd && !c.currency.empty()) {
    table.rows.push_back({c.currency + " for this run", significant(*s.cost.usd * c.per_usd),
                          significant(c.per_usd) + " for 1 USD"});
  }
  if (s.cost.facility) {
    const FacilityUse& use = *s.cost.facility;
    table.rows.push_back(
        {"facility, kWh", significant(use.kwh),
         fmt::format("PUE {}; {}", significant(c.facility->pue, 3), c.facility->source)});
    table.rows.push_back({"electricity, USD", or_dash(use.usd), ""});
    table.rows.push_back({"carbon, kg CO2e", or_dash(use.carbon_kg), ""});
  }
  if (s.lower_bound) {
    table.rows.push_back(
        {"GPUs of a perfect system", grouped(s.lower_bound->gpus), c.lower_bound->reason});
    table.rows.push_back({"USD of a perfect system", or_dash(s.lower_bound->usd), ""});
  }
  page.table(table);
  if (d.cost.empty()) return;
  page.chart(cost_chart(d));
  PageTable parts{"Breakdown", {"", "share of GPU time", "USD"}};
  for (const CostPart& part : d.cost) {
    parts.rows.push_back({part.what, percent(part.share), or_dash(part.usd)});
  }
  page.table(parts);
}

void write_evidence(HtmlPage& page, const Summary& s) {
  page.section("What the costs rest on");
  page.paragraph(s.context.cost_model + ".");
  page.paragraph(s.context.validation
                     ? fmt::format("Validation: {}: TTFT {}, TPOT {}.", s.context.validation->scope,
                                   percent(s.context.validation->ttft),
                                   percent(s.context.validation->tpot))
                     : "Validation: no measured serving points are known for these costs; "
                       "headroom validate compares them with yours.");
  if (!s.time.any) return;
  page.chart(evidence_chart(s));
  PageTable table{"Shares of simulated time", {"operator", "share"}};
  for (int e = 0; e < kEvidences; ++e) {
    table.columns.emplace_back(to_string(static_cast<Evidence>(e)));
  }
  const auto row = [&](const char* name, double share, const std::array<double, kEvidences>& by) {
    std::vector<std::string> cells{name, percent(share)};
    for (const double one : by) cells.push_back(percent(one));
    table.rows.push_back(std::move(cells));
  };
  for (std::size_t o = 0; o < kOperatorClasses; ++o) {
    if (!(s.time.by_operator[o] > 0)) continue;
    row(to_string(static_cast<OperatorClass>(o)), s.time.by_operator[o], s.time.cells[o]);
  }
  row("all", 1, s.time.by_evidence);
  page.table(table);
}

void write_scenario(HtmlPage& page, const Summary& s, const std::vector<ScenarioValue>& values) {
  const ReportContext& c = s.context;
  write_scenario_section(page,
                         {{"scenario", c.scenario},
                          {"model", c.model},
                          {"cluster", cluster_text(c)},
                          {"KV capacity", fmt::format("{} blocks of {} tokens a replica",
                                                      grouped(c.kv_blocks_per_replica.value()),
                                                      c.kv_block_tokens.value())},
                          {"seed", std::to_string(c.seed)},
                          {"headroom", c.tool_version},
                          {"scenario digest", c.scenario_digest},
                          {"costs digest", c.cost_digest},
                          {"decisions digest", s.decision_digest}},
                         values);
}

}  // namespace

std::string run_answer(const Summary& summary, const RunDetail& detail) {
  std::string answer = verdict_text(summary);
  if (!detail.margins.empty()) answer += "; " + margin_text(detail.margins.front());
  if (const std::string money = money_text(summary); !money.empty()) answer += "; " + money;
  return answer + ".";
}

std::string run_page(const Summary& summary, const RunDetail& detail,
                     const std::vector<ScenarioValue>& scenario) {
  HtmlPage page({"run report", summary.context.scenario, verdict_of(summary),
                 run_answer(summary, detail), key_figures(summary)});
  write_findings(page, summary);
  write_latency(page, summary, detail);
  write_slo(page, summary, detail);
  const std::vector<Chart> timelines = timeline_charts(summary, detail);
  if (!timelines.empty()) page.section("Over time");
  for (const Chart& chart : timelines) page.chart(chart);
  write_parts(page, summary, detail);
  write_classes(page, summary, detail);
  write_load(page, summary);
  write_engine(page, summary);
  write_cost(page, summary, detail);
  write_evidence(page, summary);
  write_scenario(page, summary, scenario);
  return page.finish(fmt::format("headroom {}, seed {}, decisions {}", summary.context.tool_version,
                                 summary.context.seed, summary.decision_digest));
}

}  // namespace headroom
