#include "sim/cli/plan_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "models/engine_calibration.h"
#include "reports/number_text.h"
#include "reports/percentile_limits.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

std::vector<std::string> levels_of(const SloSpec& slo) {
  std::vector<std::string> levels;
  std::vector<std::string> joint;
  const auto add = [&](const char* name, const std::optional<Duration>& limit) {
    if (limit) joint.push_back(fmt::format("{} {}", name, to_text(*limit)));
  };
  add("TTFT", slo.ttft);
  add("TPOT", slo.tpot);
  add("end-to-end", slo.end_to_end);
  if (!joint.empty()) {
    levels.push_back(
        fmt::format("{} by {} of the requests", fmt::join(joint, ", "), percent(slo.attainment)));
  }
  for (const PercentileLimit& limit : slo.percentiles) levels.push_back(limit_text(limit));
  return levels;
}

std::string load_text(const PlanLoad& load) {
  const auto mean = [&](const std::vector<std::uint32_t>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  return fmt::format("{} requests, {} a second, {} tokens in and {} out on average", load.size(),
                     significant(load.per_second(), 3), significant(mean(load.prompts), 3),
                     significant(mean(load.outputs), 3));
}

std::array<double, 4> figures_of(const PlanRow& row) {
  return {row.usd_per_hour, row.figures->ttft_p99, row.figures->tpot_p99,
          -row.max_load.value_or(1)};
}

/// None is as cheap, as fast and as strong in every respect and better in one.
void mark_front(std::vector<PlanRow>& rows) {
  for (PlanRow& row : rows) {
    const auto mine = figures_of(row);
    row.on_front = std::none_of(rows.begin(), rows.end(), [&](const PlanRow& other) {
      const auto theirs = figures_of(other);
      bool no_worse = true;
      for (std::size_t i = 0; i < mine.size(); ++i) no_worse = no_worse && theirs[i] <= mine[i];
      return no_worse && theirs != mine;
    });
  }
}

std::set<std::string> devices_of(const PlanRow& row) {
  std::set<std::string> devices;
  for (const PlanPool& pool : row.pools) devices.insert(pool.device);
  return devices;
}

/// How many times faster requests may come: by bisection to 2 %, up to kMostLoad; and what is
/// missed beyond.
struct PlanHighest {
  double load = 0;
  std::string binds{};
};

PlanHighest highest_load(PlanJudge& judge, const PlanFamily& family, const PlanCounts& counts) {
  constexpr double kBracket = 1.02;
  PlanHighest highest;
  const auto holds = [&](double load) {
    PlanQuestion question;
    question.what_if.load = load;
    const Judged judged = judge.judge(family, counts, question);
    if (!judged.holds) highest.binds = judged.missed;
    return judged.holds;
  };
  double good = 1;
  double bad = kMostLoad;
  if (holds(bad)) return {kMostLoad, {}};
  while (bad / good > kBracket && !judge.stopped()) {
    const double middle = std::sqrt(good * bad);
    (holds(middle) ? good : bad) = middle;
  }
  highest.load = good;
  return highest;
}

class Answer {
 public:
  Answer(PlanSearch& search, std::size_t keep)
      : search_(search), space_(search.space()), judge_(search.judge()), keep_(keep) {}

  PlanAnswer run() {
    report_ = plan_head(space_, judge_);
    PlanAim aim;
    aim.keep = keep_;
    found_ = search_.find(aim);
    if (judge_.stopped()) return {std::move(report_), {}};
    fill_rows();
    if (report_.feasible()) {
      look_around();
    } else {
      explain();
    }
    report_.families = space_.families.size();
    report_.simulated_requests = judge_.simulated_requests();
    report_.runs = judge_.runs();
    report_.cached_runs = judge_.cached_runs();
    PlanAnswer answer{std::move(report_), {}};
    if (!found_.ranked.empty()) answer.winner = found_.ranked.front();
    return answer;
  }

 private:
  [[nodiscard]] const PlanFamily& family(const FamilyAnswer& answer) const {
    return space_.families[answer.index];
  }

  void fill_rows() {
    for (const FamilyAnswer& answer : found_.ranked) {
      report_.ranked.push_back(plan_row(space_, family(answer), answer.counts, answer.at));
      report_.ranked.back().objective = answer.objective;
    }
    for (const FamilyAnswer& answer : found_.lost) {
      const PlanCounts counts =
          answer.tried.empty() ? PlanCounts(family(answer).phases.size(), 0) : answer.tried;
      PlanRow row = plan_row(space_, family(answer), counts, answer.last);
      row.holds = false;
      row.why_not = answer.why_not;
      if (answer.tried.empty()) ++report_.bounded;
      report_.lost.push_back(std::move(row));
    }
  }

  void look_around() {
    const FamilyAnswer& winner = found_.ranked.front();
    report_.bound_gpus = winner.at.bound_gpus;
    report_.bound_reason = winner.at.bound_reason;
    double cheapest = family(winner).phases.front().device.price.hour.value();
    for (const PlanPhase& phase : family(winner).phases)
      cheapest = std::min(cheapest, phase.device.price.hour.value());
    const double bound = winner.at.bound_paid_gpus > 0 ? winner.at.bound_paid_gpus
                                                       : static_cast<double>(winner.at.bound_gpus);
    report_.bound_usd_per_hour = bound * cheapest;
    report_.cost_model = winner.at.cost_model;
    const std::size_t rows = std::min(keep_, report_.ranked.size());
    std::vector<PlanHighest> highest(rows);
    search_.each(rows, [&](std::size_t i) {
      highest[i] = highest_load(judge_, family(found_.ranked[i]), found_.ranked[i].counts);
    });
    for (std::size_t i = 0; i < rows; ++i) report_.ranked[i].max_load = highest[i].load;
    report_.headroom = highest.front().load;
    report_.binds = highest.front().binds;
    mark_front(report_.ranked);
    add_less(winner);
    add_outlooks(winner);
    add_price_turns();
  }

  void add_less(const FamilyAnswer& winner) {
    for (std::size_t phase = 0; phase < winner.counts.size(); ++phase) {
      if (winner.counts[phase] < 2) continue;
      PlanCounts counts = winner.counts;
      --counts[phase];
      PlanQuestion question;
      question.depth = JudgeDepth::whole;
      const Judged judged = judge_.judge(family(winner), counts, question);
      PlanLess less;
      const PlanPhase& kind = family(winner).phases[phase];
      less.what = kind.role == "joint" ? "a replica" : fmt::format("a {} replica", kind.role);
      less.gpus = kind.gpus();
      less.usd_saved = kind.usd_per_hour();
      if (judged.figures && judged.figures->usd_per_hour)
        less.usd_saved = *winner.at.figures->usd_per_hour - *judged.figures->usd_per_hour;
      less.holds = judged.holds;
      less.figures = judged.figures;
      report_.less.push_back(std::move(less));
    }
  }

  void add_outlooks(const FamilyAnswer& winner) {
    std::vector<std::pair<std::string, PlanWhatIf>> asked{
        {"load x 0.5", {0.5}}, {"load x 1.25", {1.25}}, {"load x 2", {2}}};
    const double error = validation_error(winner);
    if (error > 0) {
      asked.push_back({fmt::format("costs {:.1f} % higher", error * 100), {1, 1 + error}});
      asked.push_back({"costs lower by as much", {1, 1 / (1 + error)}});
    }
    for (const auto& [what, what_if] : asked) {
      if (judge_.stopped()) return;
      PlanOutlook outlook;
      outlook.what = what;
      outlook.load = what_if.load;
      outlook.slower = what_if.slower;
      PlanQuestion question;
      question.what_if = what_if;
      outlook.winner_holds = judge_.judge(family(winner), winner.counts, question).holds;
      PlanAim aim;
      aim.what_if = what_if;
      aim.guesses = scaled(what_if.load);
      const PlanFound found = search_.find(aim);
      if (!found.ranked.empty()) {
        const FamilyAnswer& best = found.ranked.front();
        outlook.cheapest = plan_row(space_, family(best), best.counts, best.at);
        outlook.cheapest->objective = best.objective;
      }
      report_.outlooks.push_back(std::move(outlook));
    }
  }

  /// Where searches under another load start.
  [[nodiscard]] std::vector<PlanCounts> scaled(double load) const {
    std::vector<PlanCounts> guesses = found_.guesses;
    for (PlanCounts& counts : guesses) {
      for (std::int64_t& count : counts) {
        count = std::max<std::int64_t>(
            1, static_cast<std::int64_t>(std::ceil(static_cast<double>(count) * load - 1e-9)));
      }
    }
    return guesses;
  }

  /// What validation left of TPOT for the winner's engine and devices, as a share; the largest.
  double validation_error(const FamilyAnswer& winner) {
    const PlanFamily& kind = family(winner);
    const Scenario scenario =
        read_scenario(deployment_scenario(space_, kind, winner.counts)).scenario;
    double most = 0;
    for (std::size_t i = 0; i < kind.phases.size(); ++i) {
      const EngineCalibration* row =
          find_calibration(scenario.deployment[i].engine, "", kind.phases[i].device.name);
      if (row == nullptr || row->tpot / 100 <= most) continue;
      most = row->tpot / 100;
      report_.error_source =
          fmt::format("validation of {} on {}: {:.1f} % of TPOT on {} measured points", row->engine,
                      row->device, row->tpot, row->fitted_on);
    }
    return most;
  }

  /// For devices that the winner is not made of: how far their price must fall; for its own, how
  /// far it must rise until the best without it costs the same.
  void add_price_turns() {
    const PlanRow& winner = report_.ranked.front();
    const std::set<std::string> own = devices_of(winner);
    std::set<std::string> seen = own;
    for (std::size_t i = 0; i < report_.ranked.size(); ++i) {
      const PlanRow& row = report_.ranked[i];
      std::set<std::string> fresh;
      for (const std::string& device : devices_of(row)) {
        if (!seen.contains(device)) fresh.insert(device);
      }
      if (fresh.size() != 1) continue;
      // What of a bill falls to one of two kinds that come and go is not known.
      if (row.figures->usd_per_hour && devices_of(row).size() > 1) continue;
      const FamilyAnswer& answer = found_.ranked[i];  // of this row
      const std::vector<PlanPhase>& phases = family(answer).phases;
      double share = 0;
      for (std::size_t p = 0; p < phases.size(); ++p) {
        if (phases[p].device.name == *fresh.begin())
          share += phases[p].usd_per_hour() * static_cast<double>(answer.counts[p]);
      }
      if (row.figures->usd_per_hour) share = row.usd_per_hour;
      seen.insert(*fresh.begin());
      const double needed = winner.usd_per_hour - (row.usd_per_hour - share);
      report_.price_turns.push_back({*fresh.begin(), needed / share - 1, row.name});
    }
    for (const PlanRow& row : report_.ranked) {
      const std::set<std::string> theirs = devices_of(row);
      const auto shared = [&](const std::string& device) { return theirs.contains(device); };
      if (own.size() != 1 || std::any_of(own.begin(), own.end(), shared)) continue;
      report_.price_turns.push_back(
          {*own.begin(), row.usd_per_hour / winner.usd_per_hour - 1, row.name});
      break;
    }
  }

  // Where nothing holds
  // ---------------------------------------------------------------------------------------

  /// The most replicas that may be had, the second kind as many as the first allows.
  [[nodiscard]] PlanCounts most_of(const PlanFamily& kind) const {
    PlanCounts counts(kind.phases.size(), 1);
    bool grown = within(space_.limits, bill_of(kind, counts));
    while (grown) {
      grown = false;
      for (std::int64_t& count : counts) {
        ++count;
        if (within(space_.limits, bill_of(kind, counts))) {
          grown = true;
        } else {
          --count;
        }
      }
    }
    return counts;
  }

  void explain() {
    const FamilyBound* fastest = nullptr;
    bool all_slow = true;
    for (std::size_t i = 0; i < found_.bounds.size(); ++i) {
      const FamilyBound& bound = found_.bounds[i];
      const PlanFamily& kind = space_.families[i];
      const PlanCounts ones(kind.phases.size(), 1);
      if (!bound.impossible.empty() || !within(space_.limits, bill_of(kind, ones))) continue;
      all_slow = all_slow && !bound.too_slow.empty();
      if (bound.too_slow.empty()) continue;
      if (fastest == nullptr || bound.alone_ms < fastest->alone_ms) fastest = &bound;
    }
    if (all_slow && fastest != nullptr) report_.infeasible = fastest->too_slow;
    find_nearest();
  }

  /// Of the most promising with as many replicas as may be had, the one that misses least.
  void find_nearest() {
    std::vector<const FamilyAnswer*> order;
    for (const FamilyAnswer& answer : found_.lost) {
      const PlanCounts ones(family(answer).phases.size(), 1);
      if (found_.bounds[answer.index].impossible.empty() &&
          within(space_.limits, bill_of(family(answer), ones)))
        order.push_back(&answer);
    }
    const auto promise = [&](const FamilyAnswer* answer) {
      const Judged& last = answer->last;
      const double met = last.requests > 0
                             ? static_cast<double>(last.met) / static_cast<double>(last.requests)
                             : 0;
      return std::tuple(-met, found_.bounds[answer->index].alone_ms, answer->index);
    };
    std::sort(order.begin(), order.end(),
              [&](const auto* a, const auto* b) { return promise(a) < promise(b); });
    constexpr std::size_t kLookedAt = 8;
    order.resize(std::min(kLookedAt, order.size()));
    std::vector<PlanRow> rows(order.size());
    search_.each(order.size(), [&](std::size_t i) {
      const PlanFamily& kind = family(*order[i]);
      PlanQuestion question;
      question.depth = JudgeDepth::whole;
      const PlanCounts counts = most_of(kind);
      rows[i] = plan_row(space_, kind, counts, judge_.judge(kind, counts, question));
    });
    for (const PlanRow& row : rows) {
      if (!row.figures) continue;
      if (report_.nearest && report_.nearest->figures->worst_slack >= row.figures->worst_slack)
        continue;
      report_.nearest = row;
    }
  }

  PlanSearch& search_;
  const PlanSpace& space_;
  PlanJudge& judge_;
  std::size_t keep_;
  PlanFound found_;
  PlanReport report_;
};

}  // namespace

PlanReport plan_head(const PlanSpace& space, const PlanJudge& judge) {
  PlanReport report;
  report.scenario = space.base.file;
  report.model = judge.scenario().model.name;
  report.load = load_text(judge.load());
  report.service_levels = levels_of(judge.scenario().slo);
  report.objective = objective_names()[static_cast<std::size_t>(space.objective)];
  report.limits = space.limits;
  report.notes = space.notes;
  if (judge.scenario().dynamics) {
    report.notes.emplace_back(
        "Replicas come and go: GPUs, nodes and limits are of all that there may be, money and "
        "energy "
        "of those that a run was paid for.");
  }
  return report;
}

PlanRow plan_row(const PlanSpace& space, const PlanFamily& family, const PlanCounts& counts,
                 const Judged& judged) {
  PlanRow row;
  row.name = family.name();
  row.settings = family.settings;
  for (std::size_t i = 0; i < family.phases.size(); ++i) {
    const PlanPhase& phase = family.phases[i];
    row.pools.push_back(
        {phase.role, phase.device.name, phase.tensor, phase.pipeline, phase.expert, counts[i]});
  }
  const PlanBill bill = bill_of(family, counts);
  row.holds = judged.holds;
  row.gpus = bill.gpus;
  row.nodes = bill.nodes;
  row.usd_per_hour = bill.usd_per_hour;
  if (judged.figures) row.usd_per_hour = judged.figures->usd_per_hour.value_or(bill.usd_per_hour);
  row.tdp_watts = bill.tdp_watts;
  row.figures = judged.figures;
  if (judged.figures) row.objective = objective_value(space.objective, bill, *judged.figures);
  row.scenario_digest = judged.scenario_digest;
  row.cost_digest = judged.cost_digest;
  return row;
}

PlanAnswer answer_plan(PlanSearch& search, std::size_t keep) { return Answer(search, keep).run(); }

}  // namespace headroom
