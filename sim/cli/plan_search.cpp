#include "sim/cli/plan_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>

#include "models/engine_calibration.h"
#include "sim/check.h"
#include "sim/cli/assemble.h"

namespace headroom {
namespace {

/// Counts requests that hold all limits, and ends a run that cannot hold any more.
class MissWatch final : public MetricsSink {
 public:
  MissWatch(const SloSpec& limits, std::uint64_t allowed, const std::atomic<bool>* stop)
      : limits_(limits), allowed_(allowed), outer_(stop) {}
  void on_finished(const FinishedRequest& request) override {
    const bool held = (!limits_.ttft || request.ttft() <= *limits_.ttft) &&
                      (!limits_.tpot || request.tpot() <= *limits_.tpot) &&
                      (!limits_.end_to_end || request.end_to_end() <= *limits_.end_to_end);
    count(held);
  }
  void on_rejected(const RejectedRequest&) override { count(false); }
  [[nodiscard]] const std::atomic<bool>* stop() const { return &stop_; }
  [[nodiscard]] bool cut() const { return missed_ > allowed_ && stop_.load(); }
  [[nodiscard]] std::uint64_t met() const { return met_; }
  [[nodiscard]] std::uint64_t seen() const { return met_ + missed_; }

 private:
  void count(bool held) {
    ++(held ? met_ : missed_);
    if (missed_ > allowed_ || (outer_ != nullptr && outer_->load())) stop_.store(true);
  }
  const SloSpec& limits_;
  std::uint64_t allowed_;
  const std::atomic<bool>* outer_;
  std::atomic<bool> stop_{false};
  std::uint64_t met_ = 0, missed_ = 0;
};

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

/// Requests of a load; a trace is read for it.
std::uint64_t count_requests(const Scenario& scenario) {
  const WorkloadSpec& load = scenario.workload;
  if (load.trace.empty())
    return load.limit > 0 ? std::min(load.limit, load.requests) : load.requests;
  const std::unique_ptr<RequestSource> source = open_workload(scenario);
  std::uint64_t count = 0;
  for (; source->next_arrival() < Instant::never(); ++count) static_cast<void>(source->take());
  return count;
}

/// Everything takes `slower` times as long: the same as a clock that runs so much slower, under
/// which arrivals come faster and limits are shorter.
void apply(PlanWhatIf what_if, Scenario& scenario) {
  const auto shorter = [&](std::optional<Duration>& limit) {
    if (limit) limit = duration_from_seconds(seconds(*limit) / what_if.slower);
  };
  scenario.workload.rate_scale *= what_if.load * what_if.slower;
  shorter(scenario.slo.ttft);
  shorter(scenario.slo.tpot);
  shorter(scenario.slo.end_to_end);
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::int64_t most_replicas(const PlanSpace& space, const PlanFamily& family) {
  std::int64_t most = space.most_gpus / family.tensor;
  if (space.most_usd) {
    const double by_money = space.most_usd->value() / family.replica_price().value() + 1e-9;
    most = std::min(most, static_cast<std::int64_t>(by_money));
  }
  return most;
}

std::string shortfall(const Judged& judged, std::int64_t replicas) {
  if (!judged.impossible.empty()) return judged.impossible;
  return fmt::format("misses with {} replicas{}: {} of the first {} requests held all limits",
                     replicas, judged.cut ? " (cut short)" : "", judged.met, judged.requests);
}

/// The limit that fewest requests hold.
std::string binding_limit(const Summary& summary) {
  const SloLimits& limits = summary.context.slo;
  std::string name = "none";
  double least = 2;
  const auto look = [&](bool set, const char* label, double share) {
    if (set && share < least) {
      least = share;
      name = label;
    }
  };
  look(limits.ttft.has_value(), "TTFT", summary.slo.ttft);
  look(limits.tpot.has_value(), "TPOT", summary.slo.tpot);
  look(limits.end_to_end.has_value(), "end-to-end time", summary.slo.end_to_end);
  return name;
}

class PlanSearch {
 public:
  PlanSearch(const PlanSpace& space, const PlanSearchOptions& options)
      : space_(space), options_(options), judge_(space, options.stop) {}

  PlanAnswer run() {
    std::vector<FamilyAnswer> answers(space_.families.size());
    each(answers.size(),
         [&](std::size_t i) { answers[i] = least_replicas(judge_, space_, space_.families[i]); });
    PlanAnswer answer;
    if (judge_.stopped()) return answer;
    for (FamilyAnswer& one : answers) {
      (one.replicas > 0 ? answer.ranked : answer.lost).push_back(std::move(one));
    }
    std::stable_sort(answer.ranked.begin(), answer.ranked.end(),
                     [](const FamilyAnswer& a, const FamilyAnswer& b) {
                       if (a.usd_per_hour() != b.usd_per_hour())
                         return a.usd_per_hour() < b.usd_per_hour();
                       return a.gpus() < b.gpus();
                     });
    if (!answer.ranked.empty()) look_around(answer);
    answer.simulated_requests = judge_.simulated_requests();
    answer.runs = judge_.runs();
    return answer;
  }

 private:
  /// Calls `work` for each index, on as many threads as allowed.
  template <class Work>
  void each(std::size_t count, const Work& work) {
    std::atomic<std::size_t> next{0};
    const auto loop = [&] {
      for (std::size_t i = next++; i < count && !judge_.stopped(); i = next++) work(i);
    };
    std::vector<std::thread> threads;
    const auto jobs = std::min(count, static_cast<std::size_t>(std::max(1, options_.jobs)));
    for (std::size_t i = 1; i < jobs; ++i) threads.emplace_back(loop);
    loop();
    for (std::thread& thread : threads) thread.join();
  }

  void look_around(PlanAnswer& answer) {
    const FamilyAnswer& winner = answer.ranked.front();
    const Summary& summary = *winner.at.summary;
    if (summary.lower_bound) answer.bound_gpus = summary.lower_bound->gpus;
    add_outlooks(winner.family, summary.context, answer.outlooks);
    each(answer.outlooks.size() + 2, [&](std::size_t i) {
      if (i < answer.outlooks.size()) {
        PlanOutlook& outlook = answer.outlooks[i];
        outlook.replicas = least_replicas(judge_, space_, winner.family, outlook.what_if).replicas;
      } else if (i == answer.outlooks.size()) {
        find_headroom(winner, answer);
      } else if (winner.replicas > 1) {
        answer.one_less = judge_.judge(winner.family, winner.replicas - 1, {}, JudgeDepth::whole);
      }
    });
  }

  void add_outlooks(const PlanFamily& family, const ReportContext&,
                    std::vector<PlanOutlook>& outlooks) const {
    outlooks.push_back({{1.25, 1}, "load x 1.25", 0});
    outlooks.push_back({{2, 1}, "load x 2", 0});
    ScenarioText text = space_.base;
    for (const ScenarioOverride& change : deployment_overrides(family, 1)) {
      text.overrides.push_back(change);
    }
    const std::string engine = read_scenario(text).scenario.deployment.front().engine;
    const EngineCalibration* row = find_calibration(engine, "", family.device.name);
    if (row == nullptr) return;
    const double error = row->tpot / 100;
    const std::string source = fmt::format("{:.1f} %, what validation of {} on {} left of TPOT",
                                           row->tpot, row->engine, row->device);
    outlooks.push_back({{1, 1 + error}, "costs higher by " + source, 0});
    outlooks.push_back({{1, 1 / (1 + error)}, "costs lower by as much", 0});
  }

  /// By bisection, to 2 %, up to four times the load.
  void find_headroom(const FamilyAnswer& winner, PlanAnswer& answer) {
    double holds = 1, misses = 4;
    if (judge_.judge(winner.family, winner.replicas, {misses, 1}, JudgeDepth::until_missed).holds) {
      answer.headroom = misses;
      return;
    }
    while (misses / holds > 1.02) {
      const double middle = std::sqrt(holds * misses);
      const Judged judged =
          judge_.judge(winner.family, winner.replicas, {middle, 1}, JudgeDepth::until_missed);
      (judged.holds ? holds : misses) = middle;
    }
    answer.headroom = holds;
    const Judged beyond =
        judge_.judge(winner.family, winner.replicas, {misses, 1}, JudgeDepth::whole);
    if (beyond.summary) answer.binds = binding_limit(*beyond.summary);
  }

  const PlanSpace& space_;
  const PlanSearchOptions& options_;
  PlanJudge judge_;
};

}  // namespace

PlanJudge::PlanJudge(const PlanSpace& space, const std::atomic<bool>* stop)
    : space_(space), stop_(stop), arrivals_(count_requests(read_scenario(space.base).scenario)) {}

Judged PlanJudge::judge(const PlanFamily& family, std::int64_t replicas, PlanWhatIf what_if,
                        JudgeDepth depth) {
  Judged judged;
  ScenarioText text = space_.base;
  for (const ScenarioOverride& change : deployment_overrides(family, replicas)) {
    text.overrides.push_back(change);
  }
  try {
    Scenario scenario = read_scenario(text).scenario;
    apply(what_if, scenario);
    const double may_miss = (1 - scenario.slo.attainment) * static_cast<double>(arrivals_);
    const bool may_end = depth == JudgeDepth::until_missed;
    MissWatch watch(scenario.slo, may_end ? static_cast<std::uint64_t>(may_miss) : kNoLimit, stop_);
    RunOptions options;
    options.sinks = {&watch};
    options.stop = watch.stop();
    options.costs = &costs_;
    const RunResult result = run_scenario(scenario, options);
    ++runs_;
    simulated_ += watch.seen();
    judged.requests = watch.seen();
    judged.met = watch.met();
    judged.cut = watch.cut();
    judged.impossible = one_line(result.does_not_fit);
    if (!judged.impossible.empty() || judged.cut || stopped()) return judged;
    judged.summary = summarise(result.metrics, result.context);
    judged.holds = judged.summary->slo.verdict == SloVerdict::met;
  } catch (const InputError& error) {
    judged.impossible = one_line(error.what());
  }
  return judged;
}

FamilyAnswer least_replicas(PlanJudge& judge, const PlanSpace& space, const PlanFamily& family,
                            PlanWhatIf what_if) {
  FamilyAnswer answer;
  answer.family = family;
  const std::int64_t most = most_replicas(space, family);
  if (most < 1) {
    answer.why_not = "one replica is beyond the limits";
    return answer;
  }
  // Doubling until one holds, then bisection between the last that missed and the first that held.
  std::int64_t missed = 0;
  std::int64_t tried = 1;
  while (true) {
    answer.at = judge.judge(family, tried, what_if, JudgeDepth::until_missed);
    answer.most_tried = tried;
    if (answer.at.holds) break;
    if (!answer.at.impossible.empty() || tried == most || judge.stopped()) {
      answer.why_not = shortfall(answer.at, tried);
      return answer;
    }
    missed = tried;
    tried = std::min(2 * tried, most);
  }
  std::int64_t held = tried;
  while (held - missed > 1 && !judge.stopped()) {
    const std::int64_t middle = missed + (held - missed) / 2;
    Judged judged = judge.judge(family, middle, what_if, JudgeDepth::until_missed);
    if (judged.holds) {
      held = middle;
      answer.at = std::move(judged);
    } else {
      missed = middle;
    }
  }
  answer.replicas = held;
  return answer;
}

PlanAnswer search_plan(const PlanSpace& space, const PlanSearchOptions& options) {
  return PlanSearch(space, options).run();
}

}  // namespace headroom
