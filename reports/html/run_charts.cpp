// The charts of a run's page.
#include <fmt/format.h>

#include <cmath>

#include "reports/html/run_page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

std::optional<double> limit_of(const SloLimits& limits, LatencyMetric metric) {
  const auto ms = [](const std::optional<Duration>& limit) {
    return limit ? std::optional<double>(milliseconds(*limit)) : std::nullopt;
  };
  if (metric == LatencyMetric::ttft) return ms(limits.ttft);
  if (metric == LatencyMetric::tpot) return ms(limits.tpot);
  if (metric == LatencyMetric::end_to_end) return ms(limits.end_to_end);
  return {};
}

/// Median error of a predicted latency, where any is known.
std::optional<double> error_of(const ReportContext& context, LatencyMetric metric) {
  if (!context.validation) return {};
  if (metric == LatencyMetric::ttft) return context.validation->ttft;
  if (metric == LatencyMetric::tpot) return context.validation->tpot;
  return {};
}

ChartAxis time_axis() { return {"time since the first arrival, s", {}, 0.0, {}, {}, false}; }

ChartAxis from_zero(std::string name) { return {std::move(name), {}, 0.0, {}, {}, false}; }

ChartAxis counts(std::string name) { return {std::move(name), {}, 0.0, {}, {}, false, true}; }

ChartAxis share_axis(std::string name) {
  return {std::move(name), AxisScale::linear, 0.0, 1.0, {}, true};
}

ChartMark target_mark(const Summary& s) {
  return {ChartMark::Across::y, s.context.slo.attainment,
          "target " + percent(s.context.slo.attainment)};
}

template <class Value>
ChartSeries over_time(const Summary& s, std::string name, SeriesStyle style, Value value) {
  ChartSeries series{std::move(name), style, {}};
  for (const SeriesPoint& point : s.series) series.points.push_back({point.time_s, value(point)});
  return series;
}

template <class Value>
ChartSeries over_groups(const RunDetail& d, std::string name, SeriesStyle style, Value value) {
  ChartSeries series{std::move(name), style, {}};
  for (const LoadGroup& group : d.load) {
    if (group.finished > 0) series.points.push_back({group.from_s, value(group)});
  }
  return series;
}

Chart timeline(std::string title, std::string caption, ChartAxis y) {
  Chart chart{std::move(title), std::move(caption), time_axis(), std::move(y)};
  chart.width = ChartWidth::half;
  chart.group = "time";
  return chart;
}

Chart queue_chart(const Summary& s) {
  Chart chart = timeline("Queue", "Requests that wait for their first iteration, all replicas.",
                         counts("requests"));
  chart.series.push_back(
      over_time(s, "waiting", SeriesStyle::line, [](const SeriesPoint& p) { return p.waiting; }));
  bool swapped = false;
  for (const SeriesPoint& point : s.series) swapped = swapped || point.swapped > 0;
  if (swapped) {
    chart.series.push_back(over_time(s, "swapped out", SeriesStyle::line,
                                     [](const SeriesPoint& p) { return p.swapped; }));
  }
  return chart;
}

Chart batch_chart(const Summary& s) {
  Chart chart = timeline("Batch", "Requests being computed, all replicas.", counts("requests"));
  chart.series.push_back(
      over_time(s, "running", SeriesStyle::line, [](const SeriesPoint& p) { return p.running; }));
  return chart;
}

Chart memory_chart(const Summary& s) {
  Chart chart = timeline("KV memory", "Share of all KV blocks in use.", share_axis(""));
  chart.series.push_back(over_time(s, "KV blocks in use", SeriesStyle::line,
                                   [](const SeriesPoint& p) { return p.kv_share; }));
  return chart;
}

Chart busy_chart(const Summary& s) {
  Chart chart =
      timeline("Replicas", fmt::format("How many of {} have a batch in flight.", s.replicas.size()),
               counts("replicas"));
  chart.series.push_back(over_time(s, "busy", SeriesStyle::line,
                                   [](const SeriesPoint& p) { return p.busy_replicas; }));
  if (s.dynamics) {
    chart.series.push_back(over_time(s, "take requests", SeriesStyle::line,
                                     [](const SeriesPoint& p) { return p.up_replicas; }));
  }
  chart.marks.push_back({ChartMark::Across::y, static_cast<double>(s.replicas.size()),
                         fmt::format("all {}", s.replicas.size())});
  return chart;
}

Chart first_token_chart(const Summary& s, const RunDetail& d) {
  Chart chart = timeline("TTFT by order of arrival",
                         "Requests that arrived one after another, in groups of equal size.",
                         {"TTFT, ms", AxisScale::logarithmic, {}, {}, {}, false});
  chart.series.push_back(
      over_groups(d, "median", SeriesStyle::line, [](const LoadGroup& g) { return g.ttft_p50; }));
  chart.series.push_back(
      over_groups(d, "p99", SeriesStyle::line, [](const LoadGroup& g) { return g.ttft_p99; }));
  if (const auto limit = limit_of(s.context.slo, LatencyMetric::ttft)) {
    chart.marks.push_back(
        {ChartMark::Across::y, *limit, fmt::format("limit {} ms", significant(*limit))});
  }
  return chart;
}

Chart arrivals_chart(const RunDetail& d) {
  Chart chart =
      timeline("Load", "Arrivals a second, by the same groups.", from_zero("requests a second"));
  ChartSeries series{"arrivals", SeriesStyle::step, {}};
  for (const LoadGroup& group : d.load) {
    if (group.arrivals_per_s) series.points.push_back({group.from_s, *group.arrivals_per_s});
  }
  chart.series.push_back(std::move(series));
  return chart;
}

}  // namespace

Chart attainment_course(const Summary& s, const RunDetail& d) {
  Chart chart = timeline("Attainment by order of arrival", "The same requests over time.",
                         share_axis("requests that hold all limits"));
  chart.series.push_back(over_groups(d, "hold all limits", SeriesStyle::line,
                                     [](const LoadGroup& g) { return g.attainment(); }));
  chart.marks.push_back(target_mark(s));
  return chart;
}

Chart latency_chart(const Summary& summary, const LatencyCurve& curve) {
  Chart chart;
  chart.title = label_of(curve.metric);
  const bool first = curve.metric == LatencyMetric::ttft || curve.metric == LatencyMetric::tpot;
  chart.width = first ? ChartWidth::half : ChartWidth::third;
  chart.x = {
      fmt::format("{}, ms", label_of(curve.metric)), AxisScale::logarithmic, {}, {}, {}, false};
  chart.y = share_axis(first                                ? "share of requests at most this slow"
                       : curve.metric == LatencyMetric::itl ? "share of tokens"
                                                            : "share of requests");
  ChartSeries series{label_of(curve.metric), SeriesStyle::line, {}};
  const std::span<const double> shares = curve_shares();
  for (std::size_t i = 0; i < curve.ms.size(); ++i) {
    series.points.push_back({curve.ms[i], shares[i]});
  }
  if (const auto error = error_of(summary.context, curve.metric); error && !curve.ms.empty()) {
    ChartBand band{fmt::format("validation error, {} either way", percent(*error)), {}, {}};
    for (const ChartPoint& p : series.points) {
      band.from.push_back({p.x * (1 - *error), p.y});
      band.to.push_back({p.x * (1 + *error), p.y});
    }
    chart.bands.push_back(std::move(band));
  }
  chart.series.push_back(std::move(series));
  if (const auto limit = limit_of(summary.context.slo, curve.metric)) {
    chart.marks.push_back(
        {ChartMark::Across::x, *limit, fmt::format("limit {} ms", significant(*limit))});
    chart.marks.push_back(target_mark(summary));
  }
  return chart;
}

Chart attainment_by_load_chart(const Summary& summary, const RunDetail& detail) {
  Chart chart;
  chart.title = "Attainment against load";
  chart.caption = "Each point: a group of requests that arrived one after another.";
  chart.x = from_zero("arrivals a second");
  chart.y = share_axis("requests that hold all limits");
  ChartSeries held{"holds the target", SeriesStyle::points, {}, SeriesColour::good};
  ChartSeries missed{"misses the target", SeriesStyle::points, {}, SeriesColour::bad};
  for (const LoadGroup& group : detail.load) {
    if (!group.arrivals_per_s) continue;
    const bool holds = group.attainment() >= summary.context.slo.attainment;
    (holds ? held : missed)
        .points.push_back(
            {*group.arrivals_per_s, group.attainment(),
             fmt::format("from {} s: {} at {} a second", significant(group.from_s),
                         percent(group.attainment()), significant(*group.arrivals_per_s))});
  }
  chart.series = {std::move(held), std::move(missed)};
  chart.marks.push_back(target_mark(summary));
  return chart;
}

std::vector<Chart> timeline_charts(const Summary& summary, const RunDetail& detail) {
  std::vector<Chart> charts;
  if (detail.load.size() > 1) {
    charts.push_back(arrivals_chart(detail));
    charts.push_back(first_token_chart(summary, detail));
  }
  if (summary.series.size() < 2) return charts;
  charts.push_back(queue_chart(summary));
  charts.push_back(batch_chart(summary));
  if (summary.engine.kv_mean) charts.push_back(memory_chart(summary));
  charts.push_back(busy_chart(summary));
  return charts;
}

std::vector<Chart> latency_part_charts(const Summary& summary, const RunDetail& detail) {
  Chart all{"A request's time, on average",
            "Stalled: decode held up by other requests' prompts.",
            from_zero("ms"),
            {"", AxisScale::category, {}, {}, {"mean request"}, false}};
  for (const PartShare& part : summary.parts) {
    if (!(part.share > 0)) continue;
    all.series.push_back({part.key, SeriesStyle::bar, {{part.mean_ms, 0}}});
  }
  all.width = ChartWidth::full;
  std::vector<Chart> charts;
  if (!all.series.empty()) charts.push_back(std::move(all));
  if (detail.load.size() < 2) return charts;
  Chart course =
      timeline("By order of arrival", "Means of groups of equal size, stacked.", from_zero("ms"));
  course.series = {over_groups(detail, "queue", SeriesStyle::area,
                               [](const LoadGroup& g) { return g.queue_ms; }),
                   over_groups(detail, "prompt to first token", SeriesStyle::area,
                               [](const LoadGroup& g) { return g.prompt_ms; }),
                   over_groups(detail, "decode", SeriesStyle::area,
                               [](const LoadGroup& g) { return g.decode_ms; }),
                   over_groups(detail, "stalled by others' prompts", SeriesStyle::area,
                               [](const LoadGroup& g) { return g.stalled_ms; })};
  course.width = ChartWidth::full;
  charts.push_back(std::move(course));
  return charts;
}

Chart cost_chart(const RunDetail& detail) {
  const bool usd = !detail.cost.empty() && detail.cost.front().usd.has_value();
  Chart chart{"What the GPU time paid for went into",
              "Idle: no batch in flight.",
              usd ? from_zero("USD of this run") : share_axis("share of GPU time"),
              {"", AxisScale::category, {}, {}, {"this run"}, false}};
  for (const CostPart& part : detail.cost) {
    chart.series.push_back({part.what, SeriesStyle::bar, {{usd ? *part.usd : part.share, 0}}});
    if (part.what == "idle") chart.series.back().colour = SeriesColour::quiet;
  }
  chart.width = ChartWidth::full;
  return chart;
}

Chart evidence_chart(const Summary& summary) {
  Chart chart{"What simulated time rests on",
              "By operator: costs measured as such, between measurements, beyond them.",
              from_zero("share of simulated time"),
              {"", AxisScale::category, {}, {}, {}, false}};
  chart.x.percent = true;
  std::vector<std::size_t> shown;
  for (std::size_t o = 0; o < kOperatorClasses; ++o) {
    if (summary.time.by_operator[o] > 0) shown.push_back(o);
  }
  constexpr SeriesColour kColours[] = {SeriesColour::good, SeriesColour::by_order,
                                       SeriesColour::bad};
  for (std::size_t e = 0; e < kEvidences; ++e) {
    ChartSeries series{to_string(static_cast<Evidence>(e)), SeriesStyle::bar, {}, kColours[e]};
    for (std::size_t i = 0; i < shown.size(); ++i) {
      series.points.push_back({summary.time.cells[shown[i]][e], static_cast<double>(i)});
    }
    chart.series.push_back(std::move(series));
  }
  for (const std::size_t o : shown) {
    chart.y.categories.emplace_back(to_string(static_cast<OperatorClass>(o)));
  }
  chart.width = ChartWidth::full;
  return chart;
}

}  // namespace headroom
