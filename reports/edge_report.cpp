#include "reports/edge_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/number_text.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLabel = 18;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

EdgeTypeRow row_of(const EdgeTypeTotals& totals, const EdgeTaskType& type) {
  EdgeTypeRow row;
  row.name = type.name;
  row.generated = totals.generated;
  row.completion = share(totals.in_time(), totals.generated);
  row.outcomes = totals.outcomes;
  row.windows = totals.windows;
  row.windows_kept = totals.windows_kept;
  row.in_time = totals.in_time();
  row.mean_loss = row.in_time > 0 ? totals.loss / static_cast<double>(row.in_time) : 0;
  row.best_model = totals.best_model;
  for (std::size_t o = 0; o < totals.outcomes.size(); ++o) {
    row.utility +=
        static_cast<double>(totals.outcomes[o]) * utility_of(type, static_cast<EdgeOutcome>(o));
  }
  return row;
}

class Text {
 public:
  void line(std::string_view content) {
    std::string kept = shortened(content, kColumns);
    kept.erase(kept.find_last_not_of(' ') + 1);
    text_ += kept + "\n";
  }
  void heading(std::string_view title) {
    text_ += '\n';
    line(title);
  }
  void labelled(std::string_view label, std::string_view content) {
    std::string_view head = label;
    for (const std::string& part : wrapped(content, kColumns - kLabel)) {
      line(left_cell(fmt::format("  {}", head), kLabel) + part);
      head = "";
    }
  }
  void row(std::string_view label, const std::vector<std::string>& cells, std::size_t width) {
    std::string content = left_cell(fmt::format("  {}", label), kLabel);
    for (const std::string& cell : cells) content += right_cell(cell, width);
    line(content);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// Quality over all types.
void add_losses(EdgeSummary& s, const std::vector<EdgeTaskType>& kinds) {
  double sum = 0;
  std::uint64_t answers = 0;
  std::uint64_t chosen = 0;
  std::uint64_t best = 0;
  for (std::size_t t = 0; t < s.types.size(); ++t) {
    const EdgeTypeRow& row = s.types[t];
    if (!(kinds[t].loss > 0)) continue;
    s.has_losses = true;
    sum += row.mean_loss * static_cast<double>(row.in_time);
    answers += row.in_time;
    if (kinds[t].model_of && kinds[*kinds[t].model_of].models > 0) chosen += row.in_time;
    best += row.best_model;
  }
  s.mean_loss = answers > 0 ? sum / static_cast<double>(answers) : 0;
  s.best_model = share(best, chosen);
}

std::uint64_t count_of(const std::array<std::uint64_t, kEdgeOutcomes>& outcomes,
                       std::initializer_list<EdgeOutcome> which) {
  std::uint64_t sum = 0;
  for (const EdgeOutcome outcome : which) sum += outcomes[static_cast<std::size_t>(outcome)];
  return sum;
}

void print_header(Text& text, const EdgeSummary& s) {
  const EdgeReportContext& c = s.context;
  text.line("Headroom run: " + printable(c.scenario));
  text.labelled("policy", c.policy);
  text.labelled("workload", c.workload);
  text.labelled("edge", c.device);
  text.labelled("cloud", c.cloud);
  text.labelled("seed", fmt::format("{}, headroom {}", c.seed, c.tool_version));
  text.labelled("digests",
                fmt::format("scenario {}, decisions {}", c.scenario_digest, s.decision_digest));
  for (const std::string& note : c.notes) text.labelled("note", note);
}

void print_result(Text& text, const EdgeSummary& s) {
  text.heading(
      fmt::format("Completion: {} of {} tasks in time", percent(s.completion), s.generated));
  text.labelled("worst site", fmt::format("{} of its tasks", percent(s.worst_site)));
  text.labelled("utility",
                fmt::format("{} points: {} of tasks, {} of windows",
                            significant(s.task_utility + s.window_utility, 6),
                            significant(s.task_utility, 6), significant(s.window_utility, 6)));
  text.labelled("at best",
                fmt::format("{} points, had every task ended in time at the edge; this "
                            "run earned {} of it",
                            significant(s.best_utility, 6),
                            percent(s.best_utility > 0 ? s.task_utility / s.best_utility : 0)));
  text.labelled("windows",
                fmt::format("{} of {} kept their wanted share in time", s.windows_kept, s.windows));
  if (s.has_losses) {
    text.labelled("quality", fmt::format("mean loss {} of answers in time; the best model of its "
                                         "task gave {} of those that were chosen",
                                         significant(s.mean_loss), percent(s.best_model)));
  }
  text.labelled("response", fmt::format("p50 {} ms, p99 {} ms from arrival to result",
                                        significant(s.response.p50), significant(s.response.p99)));
}

void print_types(Text& text, const EdgeSummary& s) {
  text.heading("By type of task");
  text.row("", {"tasks", "in time", "edge", "cloud", "late", "dropped", "utility"}, 8);
  for (const EdgeTypeRow& row : s.types) {
    if (row.generated == 0) continue;  // its models answered
    using O = EdgeOutcome;
    const auto of = [&](std::initializer_list<O> which) {
      return fmt::format("{}", count_of(row.outcomes, which));
    };
    text.row(row.name,
             {fmt::format("{}", row.generated), fmt::format("{:.1f} %", row.completion * 100),
              of({O::edge, O::stolen}), of({O::cloud, O::rescheduled_cloud, O::gatekeeper_cloud}),
              of({O::missed_edge, O::missed_cloud}),
              of({O::drop_time, O::drop_cost, O::rescheduled_drop_time, O::rescheduled_drop_cost,
                  O::expired_edge, O::expired_cloud}),
              significant(row.utility, 5)},
             8);
  }
}

void print_outcomes(Text& text, const EdgeSummary& s) {
  text.heading("How tasks ended");
  for (std::size_t o = 0; o < s.outcomes.size(); ++o) {
    if (s.outcomes[o] == 0) continue;
    text.line(fmt::format("  {:<24}{:>12}  {:>9}", to_string(static_cast<EdgeOutcome>(o)),
                          s.outcomes[o], percent(share(s.outcomes[o], s.generated))));
  }
  if (s.in_time == s.generated) return;
  text.heading("Why tasks were not in time");
  for (std::size_t c = 1; c < s.causes.size(); ++c) {
    if (s.causes[c] == 0) continue;
    text.line(fmt::format("  {:<24}{:>12}  {:>9}", to_string(static_cast<MissCause>(c)),
                          s.causes[c], percent(share(s.causes[c], s.generated))));
  }
}

void print_resources(Text& text, const EdgeSummary& s) {
  text.heading("Resources");
  text.labelled("edge",
                fmt::format("{} busy on average, {} runs{}", percent(s.edge_busy), s.edge_runs,
                            s.copies_run == 0 ? std::string()
                                              : fmt::format(", {} more of copies", s.copies_run)));
  text.labelled("energy", fmt::format("{} kJ working, {} kJ idle (accelerators)",
                                      significant(s.energy_busy_j / 1e3),
                                      significant(s.energy_idle_j / 1e3)));
  if (s.energy_drones_j > 0) {
    text.labelled("drones", fmt::format("{} kJ for heads and uploads of split tasks",
                                        significant(s.energy_drones_j / 1e3)));
  }
  text.labelled("calls", fmt::format("{} ({} cold starts), at most {} at a time at a site; p50 {} "
                                     "ms, p99 {} ms",
                                     s.calls, s.cold_starts, s.most_calls_at_once,
                                     significant(s.cloud_time.p50), significant(s.cloud_time.p99)));
  if (s.context.serving_price.value() > 0) {
    text.labelled("cloud cost",
                  fmt::format("{} USD (the serving system, {} USD/h)", significant(s.cost_usd),
                              significant(s.context.serving_price.value())));
    return;
  }
  text.labelled("cloud cost", fmt::format("{} USD ({} s billed, {} GB functions)",
                                          significant(s.cost_usd), significant(s.billed_s, 6),
                                          significant(s.context.memory.as_double() / 0x1p30)));
}

}  // namespace

EdgeSummary summarise_edges(const EdgeMetrics& metrics, const EdgeReportContext& context) {
  EdgeSummary s;
  s.context = context;
  s.sites = metrics.sites.size();
  s.generated = metrics.generated();
  s.in_time = metrics.in_time();
  s.completion = share(s.in_time, s.generated);
  s.worst_site = 1;
  Duration busy{0};
  for (const EdgeSiteTotals& site : metrics.sites) {
    if (site.generated > 0)
      s.worst_site = std::min(s.worst_site, share(site.in_time, site.generated));
    busy += site.busy;
  }
  s.task_utility = metrics.task_utility(context.types);
  s.window_utility = metrics.window_utility(context.types);
  for (std::size_t t = 0; t < metrics.types.size(); ++t) {
    s.types.push_back(row_of(metrics.types[t], context.types[t]));
    const EdgeTypeRow& row = s.types.back();
    s.energy_drones_j += metrics.types[t].drone_energy.value();
    s.best_utility += static_cast<double>(row.generated) * context.types[t].edge_utility();
    s.windows += row.windows;
    s.windows_kept += row.windows_kept;
    for (std::size_t o = 0; o < row.outcomes.size(); ++o) s.outcomes[o] += row.outcomes[o];
  }
  add_losses(s, context.types);
  s.causes = metrics.causes;
  s.edge_runs = metrics.edge_runs;
  s.copies_run = metrics.copies_run;
  s.end_s = seconds(metrics.end - Instant());
  const double site_seconds = s.end_s * static_cast<double>(s.sites);
  s.edge_busy = site_seconds > 0 ? seconds(busy) / site_seconds : 0;
  s.energy_busy_j = seconds(busy) * context.busy_power.value();
  s.energy_idle_j = (site_seconds - seconds(busy)) * context.idle_power.value();
  s.calls = metrics.calls;
  s.cold_starts = metrics.cold_starts;
  s.most_calls_at_once = metrics.most_calls_at_once;
  s.most_parked = metrics.most_parked;
  s.billed_s = seconds(metrics.billed);
  s.cost_usd =
      static_cast<double>(s.calls) * context.call_price.value() +
      s.billed_s * (context.memory.as_double() / 0x1p30) * context.gigabyte_second_price.value() +
      context.serving_price.value() * s.end_s / 3600;
  s.uploaded = metrics.uploaded;
  s.response = summary_of(metrics.response);
  s.cloud_time = summary_of(metrics.cloud_time);
  s.decision_digest = hex64(metrics.decision_digest);
  return s;
}

std::string edge_console_report(const EdgeSummary& summary) {
  Text text;
  print_header(text, summary);
  print_result(text, summary);
  print_types(text, summary);
  print_outcomes(text, summary);
  print_resources(text, summary);
  return text.take();
}

}  // namespace headroom
