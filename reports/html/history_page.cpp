#include "reports/html/history_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::size_t kLeastPoints = 20;  ///< of a course, however many there are

std::size_t points_each(const std::vector<History>& all) {
  return std::max(kLeastPoints, kMostHistoryPagePoints / std::max<std::size_t>(1, all.size()));
}

std::string value_text(const History& history, double value) {
  return history.unit == "share" ? percent(value) : significant(value);
}

std::string unit_text(const History& history) {
  return history.unit == "1" || history.unit == "share" ? std::string() : " " + history.unit;
}

/// "from 612.0 to 701.0 ms (+14.5 %)". A word stands first, so that no digit joins a name that is
/// read from right to left before it.
std::string step_text(const History& history, const HistoryStep& step) {
  return fmt::format("from {} to {}{} ({})", value_text(history, step.before),
                     value_text(history, step.after), unit_text(history), change_text(step));
}

/// The change that came last, of those that made it worse where there are any; by run number.
std::pair<const History*, const HistoryStep*> last_change(const std::vector<History>& all) {
  std::pair<const History*, const HistoryStep*> last{nullptr, nullptr};
  const auto later = [&](const History& history, const HistoryStep& step) {
    if (last.second == nullptr) return true;
    const bool worse = step.way == HistoryStep::Way::worse;
    const bool known_worse = last.second->way == HistoryStep::Way::worse;
    if (worse != known_worse) return worse;
    return history.points[step.point].first_run > last.first->points[last.second->point].first_run;
  };
  for (const History& history : all) {
    if (history.steps.empty()) continue;
    const HistoryStep& step = history.steps.back();
    if (later(history, step)) last = {&history, &step};
  }
  return last;
}

bool ends_worse(const std::vector<History>& all) {
  const HistoryStep* step = last_change(all).second;
  return step != nullptr && step->way == HistoryStep::Way::worse;
}

void write_history(HtmlPage& page, const History& history, std::size_t most) {
  page.section(history.scenario);
  const std::size_t shown = std::min(most, history.points.size());
  const std::size_t first = history.points.size() - shown;
  page.chart(history_chart(history, shown));
  PageTable changes{
      "Changes of level, newest first",
      {"from", "run", "before" + unit_text(history), "after" + unit_text(history), "change", ""},
      {},
      {5}};
  for (auto step = history.steps.rbegin(); step != history.steps.rend(); ++step) {
    const HistoryPoint& point = history.points[step->point];
    changes.rows.push_back({name_of(point), std::to_string(point.first_run),
                            value_text(history, step->before), value_text(history, step->after),
                            change_text(*step), to_string(step->way)});
  }
  if (changes.rows.empty()) {
    page.paragraph("One level throughout.");
  } else {
    page.table(changes);
  }
  PageTable runs{"Runs, newest first",
                 {"label", "headroom", "first run", "runs", history.metric + unit_text(history)},
                 {},
                 {1}};
  for (std::size_t i = history.points.size(); i-- > first;) {
    const HistoryPoint& point = history.points[i];
    runs.rows.push_back({name_of(point), point.version, std::to_string(point.first_run),
                         grouped(std::uint64_t{point.runs}), value_text(history, point.value)});
  }
  page.open_fold(fmt::format("{} points", grouped(std::uint64_t{shown})));
  page.table(runs);
  page.close_fold();
  if (first > 0) {
    page.paragraph(fmt::format("The newest {} of {} points; --json has all.",
                               grouped(std::uint64_t{shown}),
                               grouped(std::uint64_t{history.points.size()})));
  }
}

}  // namespace

std::string history_answer(const std::vector<History>& all) {
  std::size_t points = 0, steps = 0;
  for (const History& history : all) {
    points += history.points.size();
    steps += history.steps.size();
  }
  const std::string what = all.size() == 1
                               ? fmt::format("{} of {}", all[0].metric, all[0].scenario)
                               : fmt::format("{} of {} scenarios", all[0].metric, all.size());
  const auto [history, step] = last_change(all);
  if (step == nullptr) {
    return fmt::format("{}: one level over {} points.", what, grouped(std::uint64_t{points}));
  }
  const bool worse = step->way == HistoryStep::Way::worse;
  return fmt::format("{}: {} at {}{}, {}; {} change{} over {} points.", what,
                     worse                                   ? "got worse"
                     : step->way == HistoryStep::Way::better ? "got better"
                                                             : "changed",
                     name_of(history->points[step->point]),
                     all.size() > 1 ? " in " + history->scenario : std::string(),
                     step_text(*history, *step), steps, steps == 1 ? "" : "s",
                     grouped(std::uint64_t{points}));
}

Chart history_chart(const History& history, std::size_t points) {
  Chart chart{history.metric,
              "A dot a run, or the mean of a label's runs, in order; lines are the levels.",
              {"", AxisScale::category},
              {history.metric + (unit_text(history).empty() ? "" : ",") + unit_text(history)}};
  chart.y.percent = history.unit == "share";
  chart.width = ChartWidth::full;
  const std::size_t first = history.points.size() - std::min(points, history.points.size());
  ChartSeries runs{"runs", SeriesStyle::points, {}};
  for (std::size_t i = first; i < history.points.size(); ++i) {
    const std::string name = name_of(history.points[i]);
    chart.x.categories.push_back(name);
    runs.points.push_back({static_cast<double>(i - first), history.points[i].value, name});
  }
  // A level holds until the next one starts.
  ChartSeries levels{"level", SeriesStyle::step, {}, SeriesColour::quiet};
  ChartSeries worse{"worse from here", SeriesStyle::points, {}, SeriesColour::bad};
  ChartSeries better{"better from here", SeriesStyle::points, {}, SeriesColour::good};
  double level = history.steps.empty() ? 0 : history.steps.front().before;
  if (history.steps.empty()) {
    for (const HistoryPoint& point : history.points) {
      level += point.value / static_cast<double>(history.points.size());
    }
  }
  double start = 0;
  for (const HistoryStep& step : history.steps) {
    if (step.point > first) levels.points.push_back({start, level});
    level = step.after;
    if (step.point < first) continue;
    start = static_cast<double>(step.point - first);
    const HistoryPoint& point = history.points[step.point];
    ChartSeries* series = step.way == HistoryStep::Way::worse    ? &worse
                          : step.way == HistoryStep::Way::better ? &better
                                                                 : nullptr;
    if (series == nullptr) continue;
    series->points.push_back(
        {start, point.value, name_of(point) + ": " + step_text(history, step)});
  }
  levels.points.push_back({start, level});
  levels.points.push_back({static_cast<double>(history.points.size() - first - 1), level});
  for (ChartSeries* series : {&runs, &levels, &worse, &better}) {
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  }
  return chart;
}

std::string history_page(const std::vector<History>& all, const std::string& source) {
  std::size_t steps = 0, points = 0;
  for (const History& history : all) {
    steps += history.steps.size();
    points += history.points.size();
  }
  HtmlPage page({"history",
                 all.front().metric + " in " + source,
                 ends_worse(all) ? PageVerdict::no : PageVerdict::open,
                 history_answer(all),
                 {{"Scenarios", grouped(std::uint64_t{all.size()})},
                  {"Points", grouped(std::uint64_t{points})},
                  {"Changes of level", grouped(std::uint64_t{steps})}}});
  for (const History& history : all) write_history(page, history, points_each(all));
  page.section("How changes are found");
  page.paragraph(
      "Levels are the partition of the course with the least squared error plus a price for each "
      "piece (optimal partitioning), the noise taken from differences of neighbours. A figure that "
      "repeats exactly has no noise, so each step of it is a change.");
  return page.finish(fmt::format("{}, {} points", source, grouped(std::uint64_t{points})));
}

}  // namespace headroom
