#include "reports/html/edge_page.h"

#include <fmt/format.h>

#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

double share(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string answer_of(const EdgeSummary& s) {
  if (s.generated == 0) return "No answer: no task was generated.";
  return fmt::format(
      "{} of {} tasks answered in time, {} at the worst site; {} points earned, {} of what was "
      "there; {} USD of cloud.",
      percent(s.completion), grouped(s.generated), percent(s.worst_site),
      significant(s.task_utility + s.window_utility),
      percent(s.best_utility > 0 ? s.task_utility / s.best_utility : 0), significant(s.cost_usd));
}

std::vector<KeyFigure> figures_of(const EdgeSummary& s) {
  return {{"In time", percent(s.completion), fmt::format("of {} tasks", grouped(s.generated))},
          {"Worst site", percent(s.worst_site), fmt::format("of {}", grouped(s.sites))},
          {"Response p99", significant(s.response.p99) + " ms",
           "p50 " + significant(s.response.p50) + " ms"},
          {"Edge busy", percent(s.edge_busy), fmt::format("{} runs", grouped(s.edge_runs))},
          {"Cloud", significant(s.cost_usd) + " USD",
           fmt::format("{} calls, {} cold starts", grouped(s.calls), grouped(s.cold_starts))}};
}

/// One bar of shares that sum to 1.
Chart shares_chart(std::string title, std::string caption) {
  Chart chart{std::move(title),
              std::move(caption),
              {"share of tasks", AxisScale::linear, 0.0, 1.0, {}, true},
              {"", AxisScale::category}};
  chart.width = ChartWidth::full;
  return chart;
}

void write_outcomes(HtmlPage& page, const EdgeSummary& s) {
  page.section("How tasks ended");
  Chart chart = shares_chart("Outcomes", "By type of task.");
  PageTable table{"Outcomes, tasks", {"outcome", "tasks", "share"}};
  std::vector<const EdgeTypeRow*> rows;
  for (const EdgeTypeRow& row : s.types) {
    if (row.generated == 0) continue;
    rows.push_back(&row);
    chart.y.categories.push_back(row.name);
  }
  for (std::size_t o = 0; o < s.outcomes.size(); ++o) {
    if (s.outcomes[o] == 0) continue;
    const char* name = to_string(static_cast<EdgeOutcome>(o));
    table.rows.push_back(
        {name, grouped(s.outcomes[o]), percent(share(s.outcomes[o], s.generated))});
    ChartSeries series{name, SeriesStyle::bar, {}};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      series.points.push_back(
          {share(rows[i]->outcomes[o], rows[i]->generated), static_cast<double>(i)});
    }
    chart.series.push_back(std::move(series));
  }
  if (!chart.series.empty()) page.chart(chart);
  page.table(table);
}

void write_causes(HtmlPage& page, const EdgeSummary& s) {
  if (s.in_time == s.generated) return;
  page.section("Why tasks were not in time");
  Chart chart = shares_chart("Causes", "Of all tasks.");
  chart.x.most.reset();
  chart.y.categories = {"all tasks"};
  PageTable table{"Causes", {"cause", "tasks", "share"}};
  for (std::size_t c = 1; c < s.causes.size(); ++c) {
    if (s.causes[c] == 0) continue;
    const char* name = to_string(static_cast<MissCause>(c));
    table.rows.push_back({name, grouped(s.causes[c]), percent(share(s.causes[c], s.generated))});
    chart.series.push_back({name, SeriesStyle::bar, {{share(s.causes[c], s.generated), 0}}});
  }
  if (!chart.series.empty()) page.chart(chart);
  page.table(table);
}

void write_types(HtmlPage& page, const EdgeSummary& s) {
  page.section("By type of task");
  PageTable table{"Types", {"", "tasks", "in time", "utility, points", "windows kept", "windows"}};
  for (const EdgeTypeRow& row : s.types) {
    if (row.generated == 0) continue;
    table.rows.push_back({row.name, grouped(row.generated), percent(row.completion),
                          significant(row.utility), grouped(row.windows_kept),
                          grouped(row.windows)});
  }
  page.table(table);
}

void write_resources(HtmlPage& page, const EdgeSummary& s) {
  page.section("Resources");
  PageTable table{"Edge and cloud", {"", "value"}};
  table.rows = {{"edge busy, mean", percent(s.edge_busy)},
                {"runs at the edge", grouped(s.edge_runs)},
                {"further runs, of copies", grouped(s.copies_run)},
                {"energy working, kJ", significant(s.energy_busy_j / 1e3)},
                {"energy idle, kJ", significant(s.energy_idle_j / 1e3)},
                {"energy of drones, kJ", significant(s.energy_drones_j / 1e3)},
                {"cloud calls", grouped(s.calls)},
                {"cold starts", grouped(s.cold_starts)},
                {"calls at a time of a site, most", grouped(s.most_calls_at_once)},
                {"cloud time p50, ms", significant(s.cloud_time.p50)},
                {"cloud time p99, ms", significant(s.cloud_time.p99)},
                {"billed, s", significant(s.billed_s, 6)},
                {"cloud cost, USD", significant(s.cost_usd)},
                {"uploaded, GB", significant(s.uploaded.as_double() / 1e9)}};
  page.table(table);
  if (!s.has_losses) return;
  page.paragraph(
      fmt::format("Quality: mean loss {} of answers in time; the best model of its task "
                  "gave {} of those that were chosen.",
                  significant(s.mean_loss), percent(s.best_model)));
}

}  // namespace

std::string edge_page(const EdgeSummary& summary, const std::vector<ScenarioValue>& scenario) {
  const EdgeReportContext& c = summary.context;
  HtmlPage page(
      {"run report", c.scenario, PageVerdict::open, answer_of(summary), figures_of(summary)});
  if (!c.notes.empty()) page.section("What to know first");
  page.items("note", c.notes);
  write_outcomes(page, summary);
  write_causes(page, summary);
  write_types(page, summary);
  write_resources(page, summary);
  write_scenario_section(page,
                         {{"scenario", c.scenario},
                          {"policy", c.policy},
                          {"workload", c.workload},
                          {"edge", c.device},
                          {"cloud", c.cloud},
                          {"seed", std::to_string(c.seed)},
                          {"headroom", c.tool_version},
                          {"scenario digest", c.scenario_digest},
                          {"decisions digest", summary.decision_digest}},
                         scenario);
  return page.finish(fmt::format("headroom {}, seed {}, decisions {}", c.tool_version, c.seed,
                                 summary.decision_digest));
}

}  // namespace headroom
