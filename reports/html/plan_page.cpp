#include "reports/html/plan_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/html/scenario_section.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::size_t kMostRows = 400;

std::string ms_text(const std::optional<PlanFigures>& figures, double PlanFigures::*which) {
  return figures ? significant((*figures).*which) : "-";
}

std::string replicas_text(const PlanRow& row) {
  std::string text;
  for (const PlanPool& pool : row.pools) {
    text += fmt::format("{}{}", text.empty() ? "" : " + ", pool.replicas);
    if (row.pools.size() > 1) text += " " + pool.role;
  }
  return text;
}

std::string headroom_text(const PlanReport& report) {
  if (report.headroom >= kMostLoad)
    return fmt::format("load may grow {} times and more", kMostLoad);
  std::string text = fmt::format("load may grow by {:.0f} %", (report.headroom - 1) * 100);
  if (!report.binds.empty()) text += fmt::format(", then {} is missed first", report.binds);
  return text;
}

/// "After load x 2: replicas 2 → 4, USD/h 6.00 → 12.00."
std::string difference_of(const PlanFromNow& from) {
  std::string text = fmt::format("After {}, ", from.event);
  if (!from.then) {
    text += "no number of replicas holds the service levels";
    return text + (from.unchanged.why_not.empty() ? "." : ": " + from.unchanged.why_not + ".");
  }
  text += from.unchanged.holds ? "the deployment of now still holds; the cheapest is "
                               : "the deployment of now does not hold; this one does: ";
  return text + fmt::format("{} replicas of {}, {} USD/h ({:+.2f}).", replicas_text(*from.then),
                            from.then->name, significant(from.then->usd_per_hour),
                            from.then->usd_per_hour - from.now.usd_per_hour);
}

std::string answer_of(const PlanReport& report) {
  if (report.from_now) return difference_of(*report.from_now);
  if (!report.feasible()) {
    std::string text = fmt::format("No deployment of at most {} GPUs holds the service levels",
                                   report.limits.gpus);
    if (report.nearest) text += "; nearest is " + report.nearest->name;
    return text + (report.infeasible.empty() ? "." : ": " + report.infeasible + ".");
  }
  const PlanRow& winner = report.ranked.front();
  std::string text = fmt::format("{} replicas of {}: {} GPUs, {} USD/h", replicas_text(winner),
                                 winner.name, winner.gpus, significant(winner.usd_per_hour));
  if (winner.figures) {
    text += fmt::format(", {} USD a million output tokens; {} of requests hold all limits",
                        significant(winner.figures->usd_per_million_output),
                        percent(winner.figures->attainment));
  }
  if (report.headroom > 0) text += "; " + headroom_text(report);
  return text + ".";
}

/// After the event, beside what was before it.
std::vector<KeyFigure> figures_of(const PlanFromNow& from) {
  if (!from.then) return {};
  const PlanRow& then = *from.then;
  std::vector<KeyFigure> figures{
      {"Cost", significant(then.usd_per_hour) + " USD/h",
       fmt::format("now: {}", significant(from.now.usd_per_hour))},
      {"GPUs", grouped(then.gpus), fmt::format("now: {}", from.now.gpus)}};
  const auto add = [&](const char* label, double PlanFigures::*figure) {
    if (!then.figures) return;
    figures.push_back({label, significant((*then.figures).*figure) + " ms",
                       "unchanged: " + ms_text(from.unchanged.figures, figure) + " ms"});
  };
  add("TTFT p99", &PlanFigures::ttft_p99);
  add("TPOT p99", &PlanFigures::tpot_p99);
  return figures;
}

std::vector<KeyFigure> figures_of(const PlanReport& report) {
  if (report.from_now) return figures_of(*report.from_now);
  if (!report.feasible()) return {};
  const PlanRow& winner = report.ranked.front();
  std::vector<KeyFigure> figures{
      {"Cost", significant(winner.usd_per_hour) + " USD/h",
       fmt::format("a perfect system: {}", significant(report.bound_usd_per_hour))},
      {"GPUs", grouped(winner.gpus), fmt::format("a perfect system: {}", report.bound_gpus)}};
  if (winner.figures) {
    figures.push_back({"TTFT p99", significant(winner.figures->ttft_p99) + " ms", {}});
    figures.push_back({"TPOT p99", significant(winner.figures->tpot_p99) + " ms", {}});
    figures.push_back({"Attainment", percent(winner.figures->attainment), {}, PageVerdict::yes});
  }
  if (report.headroom > 0) {
    figures.push_back({"Headroom",
                       report.headroom >= kMostLoad
                           ? fmt::format("{} x and more", kMostLoad)
                           : fmt::format("{:.0f} %", (report.headroom - 1) * 100),
                       report.binds.empty() ? "" : report.binds + " binds"});
  }
  return figures;
}

PageTable rows_table(const std::vector<PlanRow>& rows, std::string caption) {
  PageTable table{
      std::move(caption),
      {"deployment", "front", "replicas", "GPUs", "USD/h", "USD a million tokens", "TTFT p50, ms",
       "TTFT p99, ms", "TPOT p50, ms", "TPOT p99, ms", "attainment", "holds up to"},
      {},
      {1}};
  for (std::size_t i = 0; i < std::min(kMostRows, rows.size()); ++i) {
    const PlanRow& row = rows[i];
    table.rows.push_back(
        {row.name, row.on_front ? "yes" : "", replicas_text(row), grouped(row.gpus),
         significant(row.usd_per_hour), ms_text(row.figures, &PlanFigures::usd_per_million_output),
         ms_text(row.figures, &PlanFigures::ttft_p50), ms_text(row.figures, &PlanFigures::ttft_p99),
         ms_text(row.figures, &PlanFigures::tpot_p50), ms_text(row.figures, &PlanFigures::tpot_p99),
         row.figures ? percent(row.figures->attainment) : "-",
         row.max_load ? significant(*row.max_load, 3) + " x load" : "-"});
  }
  return table;
}

void write_ranked(HtmlPage& page, const PlanReport& report) {
  if (report.ranked.empty()) return;
  page.section("Deployments that hold");
  page.chart(front_chart(report, "TTFT p99", &PlanFigures::ttft_p99));
  page.chart(front_chart(report, "TPOT p99", &PlanFigures::tpot_p99));
  page.table(rows_table(report.ranked, "Best first, by " + report.objective));
  page.paragraph(
      "Front: no other that holds is as cheap, as fast and as strong, and better in one.");
}

void write_what_if(HtmlPage& page, const PlanReport& report) {
  if (report.outlooks.empty() && report.price_turns.empty() && report.less.empty()) return;
  page.section("How far this plan carries");
  PageTable outlooks{"Under other conditions",
                     {"condition", "this plan", "cheapest then", "GPUs", "USD/h"},
                     {},
                     {1, 2}};
  for (const PlanOutlook& outlook : report.outlooks) {
    const auto& then = outlook.cheapest;
    outlooks.rows.push_back(
        {outlook.what, outlook.winner_holds ? "holds" : "does not hold",
         then ? replicas_text(*then) + " of " + then->name : std::string("none within the limits"),
         then ? grouped(then->gpus) : "-", then ? significant(then->usd_per_hour) : "-"});
  }
  if (!outlooks.rows.empty()) page.table(outlooks);
  if (!report.error_source.empty()) page.paragraph("Costs off by: " + report.error_source + ".");
  PageTable less{"With one replica less",
                 {"without", "GPUs saved", "USD/h saved", "holds", "attainment", "TTFT p99, ms",
                  "TPOT p99, ms"},
                 {},
                 {3}};
  for (const PlanLess& one : report.less) {
    less.rows.push_back({one.what, grouped(one.gpus), significant(one.usd_saved),
                         one.holds ? "yes" : "no",
                         one.figures ? percent(one.figures->attainment) : "-",
                         ms_text(one.figures, &PlanFigures::ttft_p99),
                         ms_text(one.figures, &PlanFigures::tpot_p99)});
  }
  if (!less.rows.empty()) page.table(less);
  PageTable turns{"Prices at which another costs the same",
                  {"device", "its price moves by", "then equal"},
                  {},
                  {2}};
  for (const PlanPriceTurn& turn : report.price_turns) {
    turns.rows.push_back({turn.device, fmt::format("{:+.1f} %", turn.change * 100), turn.name});
  }
  if (!turns.rows.empty()) page.table(turns);
}

/// The deployment of now, the same after the event, and the cheapest after it.
Chart stages_chart(const PlanFromNow& from) {
  Chart chart{"Cost against TTFT p99",
              "From what runs now to what holds after it.",
              {"USD an hour"},
              {"TTFT p99, ms", AxisScale::logarithmic}};
  chart.x.least = 0;
  const auto add = [&](const char* stage, const PlanRow& row, SeriesColour colour) {
    if (!row.figures) return;
    ChartSeries series{stage, SeriesStyle::points, {}, colour};
    series.points.push_back({row.usd_per_hour, row.figures->ttft_p99,
                             fmt::format("{} of {}", replicas_text(row), row.name)});
    chart.series.push_back(std::move(series));
  };
  add("now", from.now, ChartSeries{}.colour);
  add("unchanged", from.unchanged, from.unchanged.holds ? SeriesColour::good : SeriesColour::bad);
  if (from.then) add("cheapest", *from.then, SeriesColour::good);
  return chart;
}

void write_from_now(HtmlPage& page, const PlanReport& report) {
  if (!report.from_now) return;
  const PlanFromNow& from = *report.from_now;
  page.section("From what runs now");
  page.paragraph(fmt::format("After {}.", from.event));
  PageTable changes{"What changes", {"", "what", "before", "after"}, {}, {1, 2, 3}};
  for (const PlanChange& change : from.changes) {
    changes.rows.push_back({std::string(1, change.sign), change.what, change.before, change.after});
  }
  page.table(changes);
  page.chart(stages_chart(from));
  std::vector<PlanRow> rows{from.now, from.unchanged};
  if (from.then) rows.push_back(*from.then);
  PageTable table = rows_table(rows, "The deployment of now, the same after it, and the cheapest");
  const std::vector<std::string> stages{"now", "unchanged, after it", "cheapest, after it"};
  for (std::size_t i = 0; i < rows.size(); ++i)
    table.rows[i][0] = fmt::format("{}: {}", stages[i], table.rows[i][0]);
  page.table(table);
}

void write_lost(HtmlPage& page, const PlanReport& report) {
  if (report.lost.empty()) return;
  page.section("Deployments that lost, and why");
  PageTable table{
      "In the order of the space",
      {"deployment", "why", "GPUs", "USD/h", "TTFT p99, ms", "TPOT p99, ms", "attainment"},
      {},
      {1}};
  for (std::size_t i = 0; i < std::min(kMostRows, report.lost.size()); ++i) {
    const PlanRow& row = report.lost[i];
    table.rows.push_back({row.name, row.why_not, row.gpus > 0 ? grouped(row.gpus) : "-",
                          row.usd_per_hour > 0 ? significant(row.usd_per_hour) : "-",
                          ms_text(row.figures, &PlanFigures::ttft_p99),
                          ms_text(row.figures, &PlanFigures::tpot_p99),
                          row.figures ? percent(row.figures->attainment) : "-"});
  }
  page.table(table);
  if (report.lost.size() > kMostRows) {
    page.paragraph(fmt::format("The first {} of {}; --json has all.", kMostRows,
                               grouped(std::uint64_t{report.lost.size()})));
  }
}

void write_end(HtmlPage& page, const PlanReport& report) {
  page.section("What the costs rest on");
  if (!report.cost_model.empty()) page.paragraph(report.cost_model + ".");
  if (!report.bound_reason.empty()) page.paragraph("Perfect system: " + report.bound_reason + ".");
  std::vector<std::pair<std::string, std::string>> facts{
      {"scenario", report.scenario}, {"model", report.model}, {"load", report.load}};
  for (const std::string& level : report.service_levels) facts.emplace_back("service level", level);
  facts.emplace_back("objective", report.objective);
  facts.emplace_back("most GPUs", grouped(report.limits.gpus));
  if (report.limits.usd_per_hour) {
    facts.emplace_back("most USD/h", significant(*report.limits.usd_per_hour));
  }
  if (report.limits.nodes) facts.emplace_back("most nodes", grouped(*report.limits.nodes));
  if (report.limits.watts) facts.emplace_back("most W", significant(*report.limits.watts));
  if (!report.from_now)
    facts.emplace_back("families", fmt::format("{}, {} of them ruled out by bounds",
                                               report.families, report.bounded));
  facts.emplace_back("simulations", fmt::format("{} of {} requests", grouped(report.runs),
                                                grouped(report.simulated_requests)));
  if (report.feasible()) {
    facts.emplace_back("scenario digest", report.ranked.front().scenario_digest);
    facts.emplace_back("costs digest", report.ranked.front().cost_digest);
  }
  write_scenario_section(page, facts, {});
}

}  // namespace

Chart front_chart(const PlanReport& report, const char* label, double PlanFigures::*latency) {
  Chart chart{fmt::format("Cost against {}", label),
              "Each point a deployment in as many replicas as it needs.",
              {"USD an hour"},
              {fmt::format("{}, ms", label), AxisScale::logarithmic}};
  chart.x.least = 0;
  ChartSeries front{"front", SeriesStyle::points, {}, SeriesColour::good};
  ChartSeries others{"holds", SeriesStyle::points, {}};
  ChartSeries missed{"does not hold", SeriesStyle::points, {}, SeriesColour::bad};
  const auto add = [&](ChartSeries& series, const PlanRow& row) {
    if (!row.figures) return;
    series.points.push_back({row.usd_per_hour, (*row.figures).*latency,
                             fmt::format("{} of {}", replicas_text(row), row.name)});
  };
  for (const PlanRow& row : report.ranked) add(row.on_front ? front : others, row);
  for (const PlanRow& row : report.lost) add(missed, row);
  for (ChartSeries* series : {&front, &others, &missed}) {
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  }
  return chart;
}

std::string plan_page(const PlanReport& report) {
  const bool holds = report.from_now ? report.from_now->then.has_value() : report.feasible();
  HtmlPage page({"plan", report.scenario, holds ? PageVerdict::yes : PageVerdict::no,
                 answer_of(report), figures_of(report)});
  if (!report.notes.empty()) page.section("What to know first");
  page.items("note", report.notes);
  write_ranked(page, report);
  write_what_if(page, report);
  write_from_now(page, report);
  write_lost(page, report);
  write_end(page, report);
  return page.finish(fmt::format("headroom plan of {}", report.scenario));
}

}  // namespace headroom
