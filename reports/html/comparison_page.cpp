#include "reports/html/comparison_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "reports/comparison_text.h"
#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::size_t kMostChartRows = 20;
constexpr std::size_t kMostDigestRows = 400;
constexpr std::string_view kPart = "part.";

/// What a planner looks at first.
constexpr std::pair<const char*, const char*> kHeadFigures[] = {
    {"latency.ttft.p99", "TTFT p99"},
    {"latency.tpot.p99", "TPOT p99"},
    {"slo.joint", "Attainment"},
    {"throughput.goodput", "Goodput"},
    {"cost.usd_per_million_output_tokens", "Cost a million output tokens"}};

std::string value_text(const MetricChange& change, double value) {
  return change.unit == "share" ? percent(value) : significant(value);
}

std::string unit_text(const MetricChange& change) {
  return change.unit == "1" || change.unit == "share" ? std::string() : change.unit;
}

PageVerdict page_verdict(Outcome outcome) {
  if (outcome == Outcome::ok) return PageVerdict::yes;
  return outcome == Outcome::worse ? PageVerdict::no : PageVerdict::open;
}

PageVerdict page_verdict(ChangeWord word) {
  if (word == ChangeWord::better) return PageVerdict::yes;
  return word == ChangeWord::worse || word == ChangeWord::missing ? PageVerdict::no
                                                                  : PageVerdict::open;
}

const MetricChange* find(const SetComparison& set, std::string_view name) {
  const auto it = std::find_if(set.metrics.begin(), set.metrics.end(),
                               [&](const MetricChange& change) { return change.name == name; });
  return it == set.metrics.end() ? nullptr : &*it;
}

/// Whether a scenario's name must stand beside what is said of it.
bool names_sets(const Comparison& c) {
  return c.sets.size() + c.only_base.size() + c.only_candidate.size() > 1;
}

/// The first thing that decided, as a clause; empty where nothing did.
std::string reason_of(const Comparison& c) {
  for (const SetComparison& set : c.sets) {
    const std::string of = names_sets(c) ? set.name + ": " : std::string();
    if (c.outcome == Outcome::no_answer && !set.obstacles.empty())
      return of + set.obstacles.front();
    if (c.outcome != Outcome::worse) continue;
    for (const StatusFlip& flip : set.flips) {
      if (flip.worse) return fmt::format("{}{} before, {} now", of, flip.base, flip.candidate);
    }
  }
  for (const SetComparison& set : c.sets) {
    const std::string of = names_sets(c) ? set.name + ": " : std::string();
    for (const MetricChange& change : set.metrics) {
      const bool missing = change.word == ChangeWord::missing && !change.gate.empty();
      const bool decides = c.outcome == Outcome::worse ? change.word == ChangeWord::worse
                                                       : c.outcome == Outcome::no_answer && missing;
      if (decides) return of + failure_sentence(change);
    }
  }
  if (c.outcome == Outcome::no_answer && !c.only_base.empty()) {
    return c.only_base.front() + " is missing from the candidate";
  }
  return {};
}

std::string counts_of(const Comparison& c) {
  constexpr std::string_view kHead = "compare: ";
  return comparison_line(c).substr(kHead.size());
}

std::string answer_of(const Comparison& c) {
  if (c.identical()) {
    return fmt::format("Identical to {}: same scenario, same costs, same decisions.", c.base);
  }
  const char* verdict = c.outcome == Outcome::ok      ? "No worse than"
                        : c.outcome == Outcome::worse ? "Worse than"
                                                      : "No answer against";
  const std::string reason = reason_of(c);
  return fmt::format("{} {}: {}{}{}.", verdict, c.base, reason, reason.empty() ? "" : "; ",
                     counts_of(c));
}

SeriesColour colour_of(ChangeWord word) {
  switch (word) {
    case ChangeWord::worse:
    case ChangeWord::noted:
    case ChangeWord::missing:
      return SeriesColour::bad;
    case ChangeWord::better:
      return SeriesColour::good;
    case ChangeWord::unclear:
    case ChangeWord::drift:
    case ChangeWord::same:
      break;
  }
  return SeriesColour::by_order;
}

std::uint64_t count_of(const std::vector<Comparison>& comparisons, Outcome outcome) {
  return static_cast<std::uint64_t>(
      std::count_if(comparisons.begin(), comparisons.end(),
                    [&](const Comparison& one) { return one.outcome == outcome; }));
}

/// How many candidates, or of one with several scenarios how many figures, are worse or not.
std::vector<KeyFigure> count_figures(const std::vector<Comparison>& comparisons) {
  std::vector<KeyFigure> figures;
  const auto add = [&](const char* label, std::uint64_t count, PageVerdict verdict) {
    figures.push_back({label, grouped(count), {}, count > 0 ? verdict : PageVerdict::open});
  };
  if (comparisons.size() > 1) {
    add("Worse", count_of(comparisons, Outcome::worse), PageVerdict::no);
    add("Without an answer", count_of(comparisons, Outcome::no_answer), PageVerdict::open);
    add("No worse", count_of(comparisons, Outcome::ok), PageVerdict::yes);
    return figures;
  }
  const Comparison& c = comparisons[0];
  add("Worse", c.count(ChangeWord::worse), PageVerdict::no);
  add("Better", c.count(ChangeWord::better), PageVerdict::yes);
  add("Unclear", c.count(ChangeWord::unclear), PageVerdict::open);
  add("Same", c.count(ChangeWord::same), PageVerdict::open);
  return figures;
}

std::vector<KeyFigure> figures_of(const std::vector<Comparison>& comparisons) {
  if (comparisons.size() > 1 || comparisons[0].sets.size() != 1) return count_figures(comparisons);
  std::vector<KeyFigure> figures;
  for (const auto& [name, label] : kHeadFigures) {
    const MetricChange* change = find(comparisons[0].sets[0], name);
    if (change == nullptr || change->word == ChangeWord::missing) continue;
    const std::string unit = unit_text(*change);
    figures.push_back(
        {label,
         fmt::format("{} \xe2\x86\x92 {}{}{}", value_text(*change, change->base),
                     value_text(*change, change->candidate), unit.empty() ? "" : " ", unit),
         fmt::format("{}, {}", change_text(*change), to_string(change->word)),
         page_verdict(change->word)});
  }
  return figures;
}

/// Headings: sections where a page is of one comparison, parts of its section where of several.
class Headings {
 public:
  Headings(HtmlPage& page, bool alone) : page_(page), alone_(alone) {}
  void operator()(std::string_view title) { alone_ ? page_.section(title) : page_.part(title); }

 private:
  HtmlPage& page_;
  bool alone_;
};

PageTable changes_table(const std::vector<const MetricChange*>& changes, std::string caption) {
  PageTable table{std::move(caption),
                  {"figure", "unit", "base", "candidate", "change", "95 % interval, %", "", "gate"},
                  {},
                  {1, 6, 7}};
  for (const MetricChange* change : changes) {
    const bool missing = change->word == ChangeWord::missing;
    table.rows.push_back({change->name, unit_text(*change), value_text(*change, change->base),
                          missing ? "-" : value_text(*change, change->candidate),
                          change_text(*change), change_interval_text(*change),
                          to_string(change->word), change->gate});
  }
  return table;
}

/// Joint attainment in requests of all seeds, where the records say of how many.
std::string requests_sentence(const SetComparison& set) {
  const MetricChange* share = find(set, "slo.joint");
  const MetricChange* arrived = find(set, "requests.arrived");
  if (share == nullptr || arrived == nullptr || arrived->word == ChangeWord::missing ||
      share->word == ChangeWord::missing) {
    return {};
  }
  const auto seeds = static_cast<double>(set.seeds.size());
  const auto whole = [&](double mean) {
    return static_cast<std::int64_t>(std::llround(mean * seeds));
  };
  const std::int64_t before = whole(share->base * arrived->base);
  const std::int64_t now = whole(share->candidate * arrived->candidate);
  const std::string more = before == now ? std::string("as many")
                                         : fmt::format("{} {}", grouped(std::abs(now - before)),
                                                       now > before ? "more" : "fewer");
  return fmt::format("Requests that hold all limits: {} of {} before, {} of {} now: {}.",
                     grouped(before), grouped(whole(arrived->base)), grouped(now),
                     grouped(whole(arrived->candidate)), more);
}

void write_status(HtmlPage& page, const SetComparison& set) {
  std::vector<std::string> lost, gained;
  for (const StatusFlip& flip : set.flips) {
    (flip.worse ? lost : gained)
        .push_back(fmt::format("{} before, {} now", flip.base, flip.candidate));
  }
  page.items("lost", lost);
  page.items("gained", gained);
  if (const std::string text = requests_sentence(set); !text.empty()) page.paragraph(text);
}

void write_changes(HtmlPage& page, const SetComparison& set) {
  std::vector<const MetricChange*> moved, still;
  for (const MetricChange& change : set.metrics) {
    (change.word == ChangeWord::same ? still : moved).push_back(&change);
  }
  const Chart chart = change_chart(set);
  if (!chart.series.empty()) page.chart(chart);
  if (!moved.empty()) page.table(changes_table(moved, "Figures that changed, worst first"));
  if (set.seeds.size() == 1) {
    page.paragraph("One seed: changes are exact for this load and have no interval.");
  }
  if (still.empty()) return;
  page.open_fold(fmt::format("{} figures are the same", still.size()));
  page.table(changes_table(still, "Figures that are the same"));
  page.close_fold();
}

void write_parts(HtmlPage& page, const SetComparison& set, Headings& heading) {
  if (set.parts.empty()) return;
  heading("Where the time went");
  page.paragraph(attribution_sentence(set));
  const Chart chart = part_chart(set);
  if (!chart.series.empty()) page.chart(chart);
  PageTable table{"Parts of the mean latency that moved, ms",
                  {"part", "base", "candidate", "change", "95 % interval"}};
  for (const MetricChange& part : set.parts) {
    const StudentInterval& d = part.difference;
    table.rows.push_back(
        {part.name.substr(kPart.size()), significant(part.base), significant(part.candidate),
         fmt::format("{}{}", d.mean < 0 ? "" : "+", significant(d.mean)),
         d.count > 1 ? fmt::format("[{}, {}]", significant(d.low(), 3), significant(d.high(), 3))
                     : ""});
  }
  page.table(table);
}

void write_windows(HtmlPage& page, const SetComparison& set, Headings& heading) {
  if (set.windows.empty()) return;
  heading("Where decisions part");
  page.paragraph(
      "The first stretch of simulated time in which both sides decide differently, by their "
      "checkpoints; headroom compare --first-difference names the decision.");
  PageTable table{"First windows, s", {"seed", "same up to", "different by"}};
  for (const DecisionWindow& window : set.windows) {
    table.rows.push_back({std::to_string(window.seed), exact_decimal(window.after_ns, 9),
                          window.before_ns > 0 ? exact_decimal(window.before_ns, 9)
                                               : "the end, as far as is known"});
  }
  page.table(table);
}

void write_inputs(HtmlPage& page, const SetComparison& set, Headings& heading) {
  heading("Inputs and digests");
  if (!set.inputs.empty()) {
    PageTable inputs{"Values that differ", {"", "value", "base", "candidate"}, {}, {1, 2, 3}};
    for (const InputChange& change : set.inputs) {
      inputs.rows.push_back(
          {std::string(1, change.sign()), change.key, change.base, change.candidate});
    }
    page.table(inputs);
  }
  PageTable same{"Same or not", {"", "base and candidate"}, {}, {1}};
  same.rows = {{"scenario", to_string(set.scenario)},
               {"costs", to_string(set.costs)},
               {"decisions", to_string(set.decisions)},
               {"requests", to_string(set.requests)},
               {"headroom", set.base_version == set.candidate_version
                                ? set.base_version
                                : set.base_version + " against " + set.candidate_version}};
  page.table(same);
  if (set.digests.empty()) return;
  PageTable table{"Digests, by seed", {"seed", "of", "base", "candidate"}, {}, {1, 2, 3}};
  for (const DigestPair& pair : set.digests) {
    if (table.rows.size() == kMostDigestRows) break;
    table.rows.push_back({std::to_string(pair.seed), pair.what, pair.base.empty() ? "-" : pair.base,
                          pair.candidate.empty() ? "-" : pair.candidate});
  }
  page.open_fold(fmt::format("Digests of {} paired runs", set.seeds.size()));
  page.table(table);
  if (table.rows.size() < set.digests.size()) {
    page.paragraph("The first of them; --json has all.");
  }
  page.close_fold();
}

void write_set(HtmlPage& page, const SetComparison& set, Headings heading) {
  heading("Same or not");
  page.paragraph(fmt::format("{}: {}.", set.name, sameness_sentence(set)));
  page.items("not comparable", set.obstacles);
  if (!set.metrics.empty() && !set.identical()) {
    heading("What changed");
    write_status(page, set);
    write_changes(page, set);
    write_parts(page, set, heading);
  }
  write_windows(page, set, heading);
  write_inputs(page, set, heading);
}

void write_overview(HtmlPage& page, const std::vector<Comparison>& comparisons) {
  page.section("Candidates");
  PageTable table{"Each against " + comparisons[0].base,
                  {"candidate", "", "worse", "better", "unclear", "same", "missing"},
                  {},
                  {1}};
  for (const auto& [name, label] : kHeadFigures) table.columns.emplace_back(label);
  for (const Comparison& c : comparisons) {
    std::vector<std::string> row{c.candidate, verdict_of(c)};
    for (const ChangeWord word : {ChangeWord::worse, ChangeWord::better, ChangeWord::unclear,
                                  ChangeWord::same, ChangeWord::missing}) {
      row.push_back(grouped(std::uint64_t{c.count(word)}));
    }
    for (const auto& [name, label] : kHeadFigures) {
      const MetricChange* change = c.sets.size() == 1 ? find(c.sets[0], name) : nullptr;
      row.push_back(change == nullptr ? "-" : change_text(*change));
    }
    table.rows.push_back(std::move(row));
  }
  page.table(table);
}

void write_gates(HtmlPage& page, const Comparison& c) {
  page.section("What counts as worse");
  page.paragraph(c.usual_gates
                     ? "Nobody named a gate: the usual ones, judged together."
                     : "Gates of the scenarios and of the command line; a service level that was "
                       "met and is missed fails too.");
  page.items("", c.gates);
}

}  // namespace

std::string comparison_answer(const std::vector<Comparison>& comparisons) {
  if (comparisons.size() == 1) return answer_of(comparisons[0]);
  const std::uint64_t worse = count_of(comparisons, Outcome::worse);
  std::string text = fmt::format("Of {} candidates {} {} worse than {}, {} without an answer",
                                 comparisons.size(), worse, worse == 1 ? "is" : "are",
                                 comparisons[0].base, count_of(comparisons, Outcome::no_answer));
  for (const Comparison& c : comparisons) {
    if (c.outcome != Outcome::worse) continue;
    return text + fmt::format("; {}: {}.", c.candidate, reason_of(c));
  }
  return text + ".";
}

Chart change_chart(const SetComparison& set) {
  Chart chart{"Changes against the base",
              set.seeds.size() > 1 ? "Lines are 95 % intervals of the paired differences." : "",
              {"change, relative to the base"},
              {"", AxisScale::category}};
  chart.x.percent = true;
  chart.width = ChartWidth::full;
  ChartSeries intervals{"95 % interval", SeriesStyle::line, {}, SeriesColour::quiet};
  ChartSeries worse{"worse", SeriesStyle::points, {}, SeriesColour::bad};
  ChartSeries better{"better", SeriesStyle::points, {}, SeriesColour::good};
  ChartSeries other{"drift or unclear", SeriesStyle::points, {}};
  for (const MetricChange& change : set.metrics) {
    const bool drawn = change.word != ChangeWord::same && change.word != ChangeWord::missing;
    if (!drawn || !std::isfinite(change.share)) continue;
    if (chart.y.categories.size() == kMostChartRows) break;
    const auto row = static_cast<double>(chart.y.categories.size());
    chart.y.categories.push_back(change.name);
    const SeriesColour colour = colour_of(change.word);
    ChartSeries& series = colour == SeriesColour::bad    ? worse
                          : colour == SeriesColour::good ? better
                                                         : other;
    series.points.push_back(
        {change.share, row, fmt::format("{}: {}", change.name, to_string(change.word))});
    if (!(change.share_half > 0)) continue;
    intervals.points.push_back({change.share - change.share_half, row, change.name + ", low"});
    intervals.points.push_back({change.share + change.share_half, row, change.name + ", high"});
    intervals.points.push_back({NAN, row});
  }
  if (!intervals.points.empty()) intervals.points.pop_back();
  for (ChartSeries* series : {&other, &intervals, &worse, &better}) {
    if (!series->points.empty()) chart.series.push_back(std::move(*series));
  }
  chart.marks.push_back({ChartMark::Across::x, 0, "no change", SeriesColour::quiet});
  return chart;
}

Chart part_chart(const SetComparison& set) {
  Chart chart{"Mean latency by part",
              "Over finished requests.",
              {"ms a request", AxisScale::linear, 0.0},
              {"", AxisScale::category, {}, {}, {"base", "candidate"}}};
  chart.width = ChartWidth::full;
  for (const char* part : {"queue", "prefill", "preempted", "transfer", "decode", "stalled"}) {
    const MetricChange* change = find(set, std::string(kPart) + part);
    if (change == nullptr || change->word == ChangeWord::missing) continue;
    if (!(change->base > 0) && !(change->candidate > 0)) continue;
    chart.series.push_back({part, SeriesStyle::bar, {{change->base, 0}, {change->candidate, 1}}});
  }
  return chart;
}

std::string comparison_page(const std::vector<Comparison>& comparisons) {
  const Comparison& first = comparisons.front();
  Outcome outcome = Outcome::ok;
  for (const Comparison& c : comparisons) {
    if (c.outcome == Outcome::worse) outcome = Outcome::worse;
    if (c.outcome == Outcome::no_answer && outcome == Outcome::ok) outcome = Outcome::no_answer;
  }
  const bool many = comparisons.size() > 1;
  HtmlPage page({"comparison",
                 many ? fmt::format("{} candidates against {}", comparisons.size(), first.base)
                      : first.candidate + " against " + first.base,
                 page_verdict(outcome), comparison_answer(comparisons), figures_of(comparisons)});
  if (many) write_overview(page, comparisons);
  const bool alone = !many && !names_sets(first);
  for (const Comparison& c : comparisons) {
    for (const SetComparison& set : c.sets) {
      if (!alone) {
        page.section(!many           ? set.name
                     : names_sets(c) ? c.candidate + ": " + set.name
                                     : c.candidate);
        if (many) page.paragraph(answer_of(c));
      }
      write_set(page, set, Headings(page, alone));
    }
    if (c.only_base.empty() && c.only_candidate.empty()) continue;
    page.section(many ? c.candidate + ": on one side only" : "On one side only");
    page.items("missing from the candidate", c.only_base);
    page.items("new", c.only_candidate);
  }
  write_gates(page, first);
  return page.finish(counts_of(first));
}

}  // namespace headroom
