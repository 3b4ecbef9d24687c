#include "reports/html/sweep_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "reports/html/markup.h"
#include "reports/html/scenario_section.h"
#include "reports/number_text.h"
#include "reports/student_interval.h"

namespace headroom {
namespace {

constexpr std::size_t kMostReasons = 20;
constexpr std::size_t kMostCheapest = 40;
constexpr const char* kCost = "cost.usd_per_hour";

/// Of one point over its seeds.
struct PointView {
  std::string name;  ///< "replicas=2, batch=sarathi"
  std::size_t met = 0, judged = 0;
  [[nodiscard]] bool holds() const { return judged > 0 && met == judged; }
};

std::vector<PointView> views_of(const SweepResults& results) {
  std::vector<PointView> views(results.points.size());
  for (std::size_t p = 0; p < views.size(); ++p) {
    for (std::size_t k = 0; k < results.paths.size(); ++k) {
      views[p].name +=
          fmt::format("{}{}={}", k == 0 ? "" : ", ", short_path(results.paths, results.paths[k]),
                      results.points[p][k]);
    }
    if (views[p].name.empty()) views[p].name = "the scenario";
  }
  for (const SweepCell& cell : results.cells) {
    PointView& view = views[cell.point];
    // A cell that does not fit is one that does not hold.
    if (cell.status == CellStatus::does_not_fit) ++view.judged;
    if (cell.verdict == "met" || cell.verdict == "missed") ++view.judged;
    if (cell.verdict == "met") ++view.met;
  }
  return views;
}

/// Mean over seeds; NaN where no seed has one.
double mean_at(const SweepResults& results, std::size_t point, const std::string& metric) {
  const std::size_t index = metric_index(results, metric);
  if (index == results.metrics.size()) return NAN;
  const StudentInterval mean = student_interval(values_at(results, point, index));
  return mean.count > 0 ? mean.mean : NAN;
}

std::string text_at(const SweepResults& results, std::size_t point, std::size_t metric) {
  const StudentInterval mean = student_interval(values_at(results, point, metric));
  if (mean.count == 0) return "-";
  const bool share = results.metrics[metric].unit == "share";
  const auto text = [&](double value) { return share ? percent(value) : significant(value); };
  if (mean.count == 1 || !(mean.half_width > 0)) return text(mean.mean);
  return text(mean.mean) + " \xc2\xb1 " +
         (share ? percent(mean.half_width) : significant(mean.half_width, 2));
}

/// Points that hold, cheapest first; without prices in order of the sweep.
std::vector<std::size_t> holding(const SweepResults& results, const std::vector<PointView>& views) {
  std::vector<std::size_t> points;
  for (std::size_t p = 0; p < views.size(); ++p) {
    if (views[p].holds()) points.push_back(p);
  }
  std::vector<double> usd(views.size(), INFINITY);
  for (const std::size_t p : points) {
    const double mean = mean_at(results, p, kCost);
    if (std::isfinite(mean)) usd[p] = mean;
  }
  std::stable_sort(points.begin(), points.end(),
                   [&](std::size_t a, std::size_t b) { return usd[a] < usd[b]; });
  return points;
}

/// Whether a key belongs to the question (load, service level) rather than to its answer.
bool asks(const std::string& path) {
  return path.starts_with("workload.") || path.starts_with("slo.");
}

/// The first of `holds` for each question asked, in the order of the sweep.
std::vector<std::size_t> first_of_each_question(const SweepResults& results,
                                                const std::vector<std::size_t>& holds) {
  std::vector<std::size_t> firsts;
  const auto same = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < results.paths.size(); ++k) {
      if (asks(results.paths[k]) && results.points[a][k] != results.points[b][k]) return false;
    }
    return true;
  };
  for (const std::size_t p : holds) {
    const bool known = std::any_of(firsts.begin(), firsts.end(),
                                   [&](std::size_t first) { return same(first, p); });
    if (!known) firsts.push_back(p);
  }
  std::sort(firsts.begin(), firsts.end());
  return firsts;
}

std::string answer_of(const SweepResults& results, const std::vector<PointView>& views,
                      const std::vector<std::size_t>& holds) {
  const std::size_t judged = static_cast<std::size_t>(
      std::count_if(views.begin(), views.end(), [](const PointView& v) { return v.judged > 0; }));
  const std::string seeds = results.seeds.size() == 1
                                ? std::string()
                                : fmt::format(" under each of {} seeds", results.seeds.size());
  if (judged == 0) {
    return fmt::format("{} points ran{}; no service level was set.", views.size(), seeds);
  }
  if (holds.empty()) {
    return fmt::format("None of {} points holds the service levels{}.", views.size(), seeds);
  }
  std::string text =
      fmt::format("{} of {} points hold the service levels{}", holds.size(), views.size(), seeds);
  const double usd = mean_at(results, holds.front(), kCost);
  if (!std::isfinite(usd)) return text + ".";
  if (std::any_of(results.paths.begin(), results.paths.end(), asks)) {
    return text + "; the cheapest for each load and service level stand first below.";
  }
  return text + fmt::format("; the cheapest costs {} USD/h: {}.", significant(usd),
                            views[holds.front()].name);
}

struct ShownMetric {
  std::size_t metric;
  const char* head;
};

/// The usual metrics of a table, as far as the sweep has them.
std::vector<ShownMetric> shown_metrics(const SweepResults& results) {
  constexpr std::pair<const char*, const char*> kUsual[] = {
      {"slo.joint", "attainment"},
      {"latency.ttft.p50", "TTFT p50, ms"},
      {"latency.ttft.p99", "TTFT p99, ms"},
      {"latency.tpot.p50", "TPOT p50, ms"},
      {"latency.tpot.p99", "TPOT p99, ms"},
      {"throughput.goodput", "goodput, /s"},
      {"throughput.output_tokens", "output tokens, /s"},
      {"engine.busy", "busy"},
      {kCost, "USD/h"},
      {"cost.usd_per_million_output_tokens", "USD a million output tokens"}};
  std::vector<ShownMetric> shown;
  for (const auto& [name, head] : kUsual) {
    const std::size_t metric = metric_index(results, name);
    if (metric != results.metrics.size()) shown.push_back({metric, head});
  }
  return shown;
}

PageTable points_table(const SweepResults& results, const std::vector<PointView>& views,
                       const std::vector<std::size_t>& points, std::string caption) {
  PageTable table{std::move(caption), {"point"}, {}, {}};
  for (std::size_t k = 0; k < results.paths.size(); ++k) {
    table.columns.push_back(short_path(results.paths, results.paths[k]));
    table.text_columns.push_back(k + 1);
  }
  table.columns.emplace_back("holds");
  table.text_columns.push_back(results.paths.size() + 1);
  const std::vector<ShownMetric> metrics = shown_metrics(results);
  for (const ShownMetric& one : metrics) table.columns.emplace_back(one.head);
  for (const std::size_t p : points) {
    std::vector<std::string> row{std::to_string(p)};
    for (const std::string& value : results.points[p]) row.push_back(value);
    const PointView& view = views[p];
    row.push_back(view.judged == 0 ? "-"
                  : view.holds()   ? "yes"
                  : view.met == 0  ? "no"
                                   : fmt::format("{} of {} seeds", view.met, view.judged));
    for (const ShownMetric& one : metrics) row.push_back(text_at(results, p, one.metric));
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// Cost against one latency, points that hold and others apart.
std::optional<Chart> trade_chart(const SweepResults& results, const std::vector<PointView>& views,
                                 const std::string& metric, const std::string& label) {
  Chart chart{"Cost against " + label,
              "Each point a setting; cheap and fast is at the lower left.",
              {"USD an hour"},
              {label + ", ms", AxisScale::logarithmic}};
  chart.x.least = 0;
  ChartSeries holds{"holds", SeriesStyle::points, {}, SeriesColour::good};
  ChartSeries misses{"does not hold", SeriesStyle::points, {}, SeriesColour::bad};
  ChartSeries unjudged{"no service level", SeriesStyle::points, {}};
  const std::size_t every = (views.size() + kMostPoints - 1) / kMostPoints;
  for (std::size_t p = 0; p < views.size(); p += std::max<std::size_t>(1, every)) {
    const double usd = mean_at(results, p, kCost), ms = mean_at(results, p, metric);
    if (!std::isfinite(usd) || !std::isfinite(ms)) continue;
    ChartSeries& series = views[p].judged == 0 ? unjudged : views[p].holds() ? holds : misses;
    series.points.push_back({usd, ms, views[p].name});
  }
  for (ChartSeries* series : {&holds, &misses, &unjudged}) {
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  }
  if (chart.series.empty()) return {};
  return chart;
}

void write_failures(HtmlPage& page, const SweepResults& results,
                    const std::vector<PointView>& views) {
  PageTable table{"Cells that did not run", {"point", "seed", "status", "why"}, {}, {2, 3}};
  std::size_t failed = 0;
  for (const SweepCell& cell : results.cells) {
    if (cell.status == CellStatus::ran) continue;
    if (++failed > kMostReasons) continue;
    table.rows.push_back(
        {views[cell.point].name, std::to_string(cell.seed), to_string(cell.status), cell.why});
  }
  if (failed == 0) return;
  page.section("What did not run");
  page.table(table);
  if (failed > kMostReasons) {
    page.paragraph(fmt::format("The first {} of {}; --csv has all.", kMostReasons,
                               grouped(std::uint64_t{failed})));
  }
}

}  // namespace

std::string sweep_page(const SweepResults& results) {
  const std::vector<PointView> views = views_of(results);
  const std::vector<std::size_t> holds = holding(results, views);
  const bool judged =
      std::any_of(views.begin(), views.end(), [](const PointView& v) { return v.judged > 0; });
  PageVerdict verdict = holds.empty() ? PageVerdict::no : PageVerdict::yes;
  if (!judged) verdict = PageVerdict::open;
  PageHead head{"sweep report", results.scenario, verdict, answer_of(results, views, holds), {}};
  head.figures = {
      {"Points", grouped(std::uint64_t{views.size()}),
       fmt::format("{} seed{} each", results.seeds.size(), results.seeds.size() == 1 ? "" : "s")}};
  if (judged) {
    head.figures.push_back({"Hold the service levels", grouped(std::uint64_t{holds.size()}),
                            fmt::format("of {}", views.size()), verdict});
  }
  if (!holds.empty()) {
    head.figures.push_back({"Cheapest that holds",
                            significant(mean_at(results, holds.front(), kCost)) + " USD/h",
                            views[holds.front()].name});
  }
  HtmlPage page(std::move(head));
  if (!holds.empty()) {
    page.section("Cheapest that hold");
    std::vector<std::size_t> first = holds;
    std::string caption = "By cost an hour";
    if (std::any_of(results.paths.begin(), results.paths.end(), asks)) {
      first = first_of_each_question(results, holds);
      caption = "For each load and service level";
    }
    first.resize(std::min(kMostCheapest, first.size()));
    page.table(points_table(results, views, first, std::move(caption)));
  }
  const auto ttft = trade_chart(results, views, "latency.ttft.p99", "TTFT p99");
  const auto tpot = trade_chart(results, views, "latency.tpot.p99", "TPOT p99");
  if (ttft || tpot) page.section("Cost against latency");
  if (ttft) page.chart(*ttft);
  if (tpot) page.chart(*tpot);
  const SmallMultiples multiples = small_multiples(results, holds.empty() ? 0 : holds.front());
  if (!multiples.charts.empty()) {
    page.section("Over the swept keys");
    if (!multiples.held.empty()) page.paragraph("Other keys stand at " + multiples.held + ".");
    for (const Chart& chart : multiples.charts) page.chart(chart);
  }
  page.section("Every point");
  std::vector<std::size_t> all;
  for (std::size_t p = 0; p < std::min(kMostPoints, views.size()); ++p) all.push_back(p);
  page.table(
      points_table(results, views, all,
                   results.seeds.size() > 1 ? "Means over seeds with 95 % intervals" : "One seed"));
  if (views.size() > kMostPoints) {
    page.paragraph(fmt::format("The first {} of {} points; --csv, --json and --db have all.",
                               kMostPoints, grouped(std::uint64_t{views.size()})));
  }
  write_failures(page, results, views);
  std::string seeds;
  for (std::size_t i = 0; i < std::min<std::size_t>(10, results.seeds.size()); ++i) {
    seeds += (i == 0 ? "" : ", ") + std::to_string(results.seeds[i]);
  }
  if (results.seeds.size() > 10) seeds += fmt::format(" and {} more", results.seeds.size() - 10);
  write_scenario_section(page,
                         {{"scenario", results.scenario},
                          {"seeds", seeds},
                          {"headroom", results.tool_version},
                          {"digest of what was asked", results.digest}},
                         {});
  return page.finish(fmt::format("headroom {}, sweep {}", results.tool_version, results.digest));
}

}  // namespace headroom
