// A plan's answer as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reports/number_text.h"
#include "reports/plan_report.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kMostRows = 20;
constexpr std::size_t kMostLost = 14;
constexpr std::size_t kNameWidth = 35;

std::string labelled(const std::string& label, const std::string& text) {
  std::string out;
  bool first = true;
  for (const std::string& line : wrapped(text, 60)) {
    out += fmt::format("  {:<16}  {}\n", first ? label : "", line);
    first = false;
  }
  return out;
}

std::string latency_text(const PlanFigures& figures) {
  return fmt::format("TTFT p99 {} ms, TPOT p99 {} ms", significant(figures.ttft_p99),
                     significant(figures.tpot_p99));
}

std::string counted(std::int64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// "4 replicas of h100-sxm tp 2", or pools apart.
std::string deployment_text(const PlanRow& row) {
  std::vector<std::string> pools;
  for (const PlanPool& pool : row.pools) {
    std::string text = fmt::format(
        "{} {}{} of {} tp {}", pool.replicas, pool.role == "joint" ? "" : pool.role + " ",
        pool.replicas == 1 ? "replica" : "replicas", pool.device, pool.tensor);
    if (pool.pipeline > 1) text += fmt::format(" pp {}", pool.pipeline);
    if (pool.expert > 1) text += fmt::format(" ep {}", pool.expert);
    pools.push_back(std::move(text));
  }
  std::string text = fmt::format("{}", fmt::join(pools, " and "));
  for (const auto& [key, value] : row.settings) text += fmt::format(", {} {}", key, value);
  return text;
}

std::string limits_text(const PlanLimits& limits) {
  std::string text = fmt::format("at most {} GPUs", limits.gpus);
  if (limits.nodes) text += fmt::format(", {} nodes", *limits.nodes);
  if (limits.usd_per_hour) text += fmt::format(", {} USD/h", significant(*limits.usd_per_hour));
  if (limits.watts) text += fmt::format(", {} kW", significant(*limits.watts / 1000));
  return text;
}

std::string objective_text(const PlanReport& report, const PlanRow& row) {
  if (report.objective == "usd-per-token")
    return fmt::format(", {} USD a million output tokens", significant(row.objective));
  if (report.objective == "energy")
    return fmt::format(", {} J an output token", significant(row.objective));
  return {};
}

std::string headroom_text(const PlanReport& report) {
  if (report.headroom >= kMostLoad) return "load may grow fourfold and more";
  return fmt::format("load may grow by {:.0f} %; beyond that {} is missed first",
                     (report.headroom - 1) * 100, report.binds);
}

std::string less_text(const PlanLess& less) {
  std::string text =
      fmt::format("{} less saves {} GPUs and {} USD/h, and the service levels are {}", less.what,
                  less.gpus, significant(less.usd_saved), less.holds ? "still met" : "missed");
  if (less.figures) {
    text += fmt::format(": {}, {} hold the joint limits", latency_text(*less.figures),
                        percent(less.figures->attainment));
  }
  return text;
}

std::string outlook_text(const PlanReport& report, const PlanOutlook& outlook) {
  const PlanRow& winner = report.ranked.front();
  std::string text = outlook.what + ": the plan " +
                     (outlook.winner_holds ? "holds as it stands" : "misses as it stands");
  if (!outlook.cheapest) return text + "; nothing within the limits holds";
  const PlanRow& best = *outlook.cheapest;
  const double usd = best.usd_per_hour - winner.usd_per_hour;
  if (best.name == winner.name && best.gpus == winner.gpus && std::abs(usd) < 1e-9)
    return text + "; it stays the best";
  return text + fmt::format("; best then {}: {} USD/h ({}{})", deployment_text(best),
                            significant(best.usd_per_hour), usd < 0 ? "-" : "+",
                            significant(std::abs(usd)));
}

std::string turn_text(const PlanPriceTurn& turn) {
  return fmt::format("{} {:.0f} % {}: {} costs the same", turn.device, std::abs(turn.change) * 100,
                     turn.change < 0 ? "cheaper" : "dearer", turn.name);
}

std::string ranked_table(const PlanReport& report) {
  std::string text = "\n" + left_cell("Holds, best first (* = on the front)", kNameWidth + 2) +
                     right_cell("replicas", 9) + right_cell("GPUs", 5) + right_cell("USD/h", 7) +
                     right_cell("TTFT", 7) + right_cell("TPOT", 7) + right_cell("load", 6) + "\n" +
                     left_cell("", kNameWidth + 23) + right_cell("p99 ms", 7) +
                     right_cell("p99 ms", 7) + right_cell("x", 6) + "\n";
  for (std::size_t i = 0; i < std::min(kMostRows, report.ranked.size()); ++i) {
    const PlanRow& row = report.ranked[i];
    std::vector<std::string> counts;
    for (const PlanPool& pool : row.pools) counts.push_back(std::to_string(pool.replicas));
    const std::string load =
        !row.max_load ? "-"
                      : (*row.max_load >= kMostLoad ? ">" : "") + significant(*row.max_load, 3);
    text += (row.on_front ? "* " : "  ") + left_cell(row.name, kNameWidth) +
            right_cell(fmt::format("{}", fmt::join(counts, "+")), 9) +
            right_cell(std::to_string(row.gpus), 5) +
            right_cell(significant(row.usd_per_hour, 4), 7) +
            right_cell(significant(row.figures->ttft_p99, 3), 7) +
            right_cell(significant(row.figures->tpot_p99, 3), 7) + right_cell(load, 6) + "\n";
  }
  if (report.ranked.size() > kMostRows) {
    text += fmt::format("  and {} more: --json has them\n", report.ranked.size() - kMostRows);
  }
  return text;
}

/// How much a reason says: what was simulated first, what does not fit last.
int weight_of(const PlanRow& row) {
  if (row.pools.front().replicas > 0) return 0;
  return row.why_not.rfind("needs at least", 0) == 0 ? 1 : 2;
}

/// Of each kind of pools on the same devices the family that came nearest; joint ones first.
std::vector<const PlanRow*> telling(const std::vector<PlanRow>& rows) {
  std::map<std::string, const PlanRow*> best;
  for (const PlanRow& row : rows) {
    std::string kind = row.pools.size() > 1 ? "2" : "1";
    for (const PlanPool& pool : row.pools) kind += " " + pool.device;
    const PlanRow*& known = best[kind];
    if (known == nullptr || weight_of(row) < weight_of(*known)) known = &row;
  }
  std::vector<const PlanRow*> shown;
  for (const auto& [kind, row] : best) shown.push_back(row);
  std::stable_sort(shown.begin(), shown.end(), [](const PlanRow* a, const PlanRow* b) {
    const auto order = [](const PlanRow* row) {
      return std::pair(row->pools.size() > 1, weight_of(*row));
    };
    return order(a) < order(b);
  });
  if (shown.size() > kMostLost) shown.resize(kMostLost);
  return shown;
}

std::string lost_list(const PlanReport& report) {
  if (report.lost.empty()) return {};
  std::string text = "\nLost, and why\n";
  std::vector<const PlanRow*> shown;
  if (report.lost.size() > kMostLost) {
    shown = telling(report.lost);
  } else {
    for (const PlanRow& row : report.lost) shown.push_back(&row);
  }
  for (const PlanRow* row : shown) {
    bool first = true;
    for (const std::string& line : wrapped(row->why_not, 78 - kNameWidth)) {
      text += left_cell(first ? "  " + row->name : "", kNameWidth) + " " + line + "\n";
      first = false;
    }
  }
  if (shown.size() < report.lost.size()) {
    text += fmt::format("  and {} more: --json has them\n", report.lost.size() - shown.size());
  }
  return text;
}

std::string footer(const PlanReport& report) {
  std::string text =
      fmt::format("\nplan: {} families, {} of them by bounds alone; {} simulations, {} requests",
                  report.families, report.bounded, report.runs, report.simulated_requests);
  if (report.cached_runs > 0)
    text += fmt::format("; {} answers from the cache", report.cached_runs);
  return text + "\n";
}

std::string levels_text(const PlanReport& report) {
  return fmt::format("{}", fmt::join(report.service_levels, "; "));
}

std::string infeasible_text(const PlanReport& report) {
  std::string text =
      fmt::format("No deployment of {} holds {}", limits_text(report.limits), levels_text(report));
  text += report.infeasible.empty() ? "." : ": " + report.infeasible + ".";
  std::string out;
  for (const std::string& line : wrapped(text, 79)) out += line + "\n";
  if (report.nearest) {
    const PlanRow& row = *report.nearest;
    for (const std::string& line :
         wrapped(fmt::format("Nearest: {}, {} USD/h: {}; {} is missed.", deployment_text(row),
                             significant(row.usd_per_hour), latency_text(*row.figures),
                             row.figures->binds),
                 79)) {
      out += line + "\n";
    }
  }
  return out + lost_list(report) + footer(report);
}

std::string from_now_text(const PlanReport& report) {
  const PlanFromNow& now = *report.from_now;
  std::string text;
  for (const std::string& line :
       wrapped(fmt::format("what-if: {}, {}", report.scenario, now.event), 79)) {
    text += line + "\n";
  }
  std::size_t widest = 0;
  for (const PlanChange& change : now.changes) widest = std::max(widest, change.what.size());
  for (const PlanChange& change : now.changes) {
    std::string line = fmt::format("  {} {}", change.sign, left_cell(change.what, widest + 2));
    if (!change.after.empty()) line += change.before + " → " + change.after;
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  if (!now.then) {
    text += fmt::format("No number of replicas of {} holds {}.\n", limits_text(report.limits),
                        levels_text(report));
    if (!now.unchanged.why_not.empty()) text += now.unchanged.why_not + "\n";
    return text;
  }
  return text + (now.unchanged.holds ? "The deployment of now holds as it stands.\n"
                                     : "The deployment of now does not hold; this one does.\n");
}

}  // namespace

std::string plan_console(const PlanReport& report) {
  if (report.from_now) return from_now_text(report);
  if (!report.feasible()) return infeasible_text(report);
  const PlanRow& winner = report.ranked.front();
  std::string text;
  for (const std::string& line :
       wrapped(fmt::format("Plan: {}: {} on {}, {} USD/h{}", deployment_text(winner),
                           counted(winner.gpus, "GPU"), counted(winner.nodes, "node"),
                           significant(winner.usd_per_hour), objective_text(report, winner)),
               79)) {
    text += line + "\n";
  }
  text += labelled("for", report.load);
  text +=
      labelled("service level", levels_text(report) + "; here " + latency_text(*winner.figures));
  text += labelled("headroom", headroom_text(report));
  for (const PlanLess& less : report.less) text += labelled("less", less_text(less));
  if (report.less.empty()) text += labelled("less", "it has only one replica of a kind");
  text +=
      labelled("perfect system",
               fmt::format("needs {} of these GPUs ({} USD/h) at least, whatever its policies; "
                           "this plan uses {}",
                           report.bound_gpus, significant(report.bound_usd_per_hour), winner.gpus));
  for (const PlanOutlook& outlook : report.outlooks) {
    text += labelled(&outlook == &report.outlooks.front() ? "what if" : "",
                     outlook_text(report, outlook));
  }
  for (const PlanPriceTurn& turn : report.price_turns) text += labelled("", turn_text(turn));
  if (!report.error_source.empty()) text += labelled("cost error", report.error_source);
  text += labelled("costs rest on", report.cost_model);
  for (const std::string& note : report.notes) text += labelled("note", note);
  return text + ranked_table(report) + lost_list(report) + footer(report);
}

}  // namespace headroom
