#include "sim/cli/plan_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "reports/number_text.h"
#include "sim/cli/parallel.h"
#include "sim/cli/plan_dynamics.h"
#include "sim/cli/plan_family.h"

namespace headroom {
namespace {

/// Families judged against the same best so far, whatever the number of threads.
constexpr std::size_t kRound = 8;
/// A short run is the first 1/16, then the first quarter of the load, of at least so many requests.
constexpr std::uint64_t kShortest = 500;

/// Order of deployments: objective, GPUs, place in the space.
using Key = std::tuple<double, std::int64_t, std::size_t>;

/// One of two pools beside as much of the other as it likes.
struct PhaseLeast {
  std::int64_t replicas = 0;  ///< that hold; 0: none within the limits
  std::int64_t tried = 0;
  Judged last{};
};

std::string held_text(const Judged& judged) {
  return fmt::format("{} of {}{} requests held their limits; {} misses first", judged.met,
                     judged.cut ? "the first " : "all ", judged.requests, judged.missed);
}

/// What a deployment costs by an objective, as far as that is known without a simulation: never
/// more than `objective_value`.
/// `bill` is of the replicas that are paid at all times.
double objective_floor(PlanObjective objective, const PlanBill& bill, const PlanLoad& load,
                       const PlanWhatIf& what_if) {
  const double span = seconds(load.span) / what_if.load;
  const double tokens = std::max(1.0, load.output_tokens());
  switch (objective) {
    case PlanObjective::usd_per_hour:
      return bill.usd_per_hour;
    case PlanObjective::usd_per_token:
      return bill.usd_per_hour * span / 3600 / tokens * 1e6;
    case PlanObjective::gpus:
      return static_cast<double>(bill.gpus);
    case PlanObjective::energy:
      break;
  }
  return bill.idle_watts * span / tokens;
}

/// "3 replicas", "2 prefill and 3 decode replicas".
std::string counts_text(const PlanCounts& counts) {
  if (counts.size() == 1) return fmt::format("{} replica{}", counts[0], counts[0] == 1 ? "" : "s");
  return fmt::format("{} prefill and {} decode replicas", counts[0], counts[1]);
}

/// One call of PlanSearch::find.
class Hunt {
 public:
  Hunt(PlanSearch& search, const PlanAim& aim)
      : search_(search),
        space_(search.space()),
        judge_(search.judge()),
        aim_(aim),
        bounds_(space_.families.size()),
        guesses_(space_.families.size()) {}

  PlanFound run() {
    bound_all();
    find_phases();
    choose_guesses();
    settle_all();
    PlanFound found;
    const auto by_key = [&](const FamilyAnswer& a, const FamilyAnswer& b) {
      return key_of(a) < key_of(b);
    };
    for (FamilyAnswer& answer : answers_) {
      (answer.holds() ? found.ranked : found.lost).push_back(std::move(answer));
    }
    std::sort(found.ranked.begin(), found.ranked.end(), by_key);
    std::sort(found.lost.begin(), found.lost.end(),
              [](const FamilyAnswer& a, const FamilyAnswer& b) { return a.index < b.index; });
    for (const FamilyAnswer& answer : found.ranked) guesses_[answer.index] = answer.counts;
    found.bounds = std::move(bounds_);
    found.guesses = std::move(guesses_);
    return found;
  }

 private:
  [[nodiscard]] const PlanFamily& family(std::size_t i) const { return space_.families[i]; }

  [[nodiscard]] double floor(std::size_t i, const PlanCounts& counts) const {
    const PlanCounts paid = paid_at_least(judge_.scenario(), family(i), counts);
    return objective_floor(space_.objective, bill_of(family(i), paid), judge_.load(), aim_.what_if);
  }
  /// What it costs where it was simulated.
  [[nodiscard]] double value(std::size_t i, const PlanCounts& counts, const Judged& judged) const {
    return objective_value(space_.objective, bill_of(family(i), counts),
                           judged.figures.value_or(PlanFigures{}));
  }
  /// Where replicas come and go, an autoscaled pool is not judged alone: beside another one
  /// requests come to it differently, which may serve it better.
  [[nodiscard]] bool pools_alone() const { return !judge_.scenario().dynamics.has_value(); }
  [[nodiscard]] Key floor_key(std::size_t i, const PlanCounts& counts) const {
    return {floor(i, counts), bill_of(family(i), counts).gpus, i};
  }
  [[nodiscard]] Key key_of(const FamilyAnswer& answer) const {
    return {answer.objective, bill_of(family(answer.index), answer.counts).gpus, answer.index};
  }

  void bound_all() {
    search_.each(bounds_.size(), [&](std::size_t i) {
      bounds_[i] = search_.bounds().bound(family(i), aim_.what_if);
      guesses_[i] = bounds_[i].guess;
    });
  }
  [[nodiscard]] bool ruled_out(std::size_t i) const {
    return !bounds_[i].impossible.empty() || !bounds_[i].too_slow.empty();
  }

  // Pools judged alone
  // ---------------------------------------------------------------------------------------

  /// Its settings but for those of the other pool.
  static std::string phase_name(const PlanFamily& family, std::size_t phase) {
    const std::string other = phase == 0 ? "deployment.decode." : "deployment.prefill.";
    std::string name = family.phases[phase].role + " " + family.phases[phase].name();
    for (const auto& [path, value] : family.settings) {
      if (path.rfind(other, 0) != 0) name += fmt::format(" {}={}", path, value);
    }
    return name;
  }

  void find_phases() {
    if (!pools_alone()) return;
    std::vector<std::pair<std::size_t, std::size_t>> asked;
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!family(i).apart() || ruled_out(i)) continue;
      for (std::size_t phase = 0; phase < 2; ++phase) {
        if (phases_.try_emplace(phase_name(family(i), phase)).second) asked.emplace_back(i, phase);
      }
    }
    search_.each(asked.size(), [&](std::size_t at) {
      const auto [i, phase] = asked[at];
      phases_.at(phase_name(family(i), phase)) = search_phase(i, phase);
    });
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!family(i).apart() || ruled_out(i)) continue;
      for (std::size_t phase = 0; phase < 2; ++phase) {
        const std::int64_t least = phases_.at(phase_name(family(i), phase)).replicas;
        bounds_[i].least[phase] = std::max<std::int64_t>(1, least);
        guesses_[i][phase] = bounds_[i].least[phase];
      }
    }
  }

  PhaseLeast search_phase(std::size_t i, std::size_t phase) {
    // Beside its own kind: the other's device and split do not matter.
    PlanFamily alone = family(i);
    alone.phases[1 - phase] = alone.phases[phase];
    alone.phases[0].role = "prefill";
    alone.phases[1].role = "decode";
    PlanQuestion question;
    question.what_if = aim_.what_if;
    question.part = phase == 0 ? JudgedPart::prefill : JudgedPart::decode;
    PlanFamily one = alone;
    one.phases = {alone.phases[phase]};
    FamilyTask task;
    task.lower = {1};
    task.guess = {bounds_[i].guess[phase]};
    task.allowed = [&](const PlanCounts& n) { return within(space_.limits, bill_of(one, n)); };
    task.floor = [&](const PlanCounts& n) { return static_cast<double>(n[0]); };
    task.judge = [&](const PlanCounts& n) {
      PlanCounts counts{1, 1};
      counts[phase] = n[0];
      return judge_.judge(alone, counts, question);
    };
    PhaseLeast least;
    if (!task.allowed(task.lower)) return least;
    FamilyOutcome outcome = least_of_family(task);
    if (!outcome.counts.empty()) least.replicas = outcome.counts[0];
    if (!outcome.tried.empty()) least.tried = outcome.tried[0];
    least.last = std::move(outcome.last);
    return least;
  }

  // Where to start and in which order
  // ---------------------------------------------------------------------------------------

  void choose_guesses() {
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!ruled_out(i)) order_.push_back(i);
    }
    if (!aim_.guesses.empty()) {
      for (const std::size_t i : order_) {
        if (!aim_.guesses[i].empty()) guesses_[i] = aim_.guesses[i];
      }
    } else if (order_.size() > 1) {
      std::vector<std::size_t> alive = order_;
      std::erase_if(alive, [&](std::size_t i) { return family(i).apart(); });
      for (const std::uint64_t part : {16U, 4U}) {
        const std::uint64_t first = judge_.load().size() / part;
        if (first < kShortest) continue;
        search_.each(alive.size(), [&](std::size_t at) { short_run(alive[at], first); });
        by_floor(alive);
        alive.resize((alive.size() + 1) / 2);
      }
    }
    by_floor(order_);
  }

  void by_floor(std::vector<std::size_t>& order) const {
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return floor_key(a, guesses_[a]) < floor_key(b, guesses_[b]);
    });
  }

  void short_run(std::size_t i, std::uint64_t first) {
    PlanQuestion question;
    question.what_if = aim_.what_if;
    question.first = first;
    FamilyTask task = task_of(i, question, {});
    if (!task.allowed(task.lower)) return;
    const FamilyOutcome outcome = least_of_family(task);
    guesses_[i] = !outcome.counts.empty() ? outcome.counts : outcome.tried;
  }

  // The whole load
  // ---------------------------------------------------------------------------------------

  [[nodiscard]] FamilyTask task_of(std::size_t i, const PlanQuestion& question,
                                   const std::optional<Key>& beat) {
    FamilyTask task;
    task.lower = bounds_[i].least;
    task.guess = guesses_[i];
    task.allowed = [this, i, beat](const PlanCounts& counts) {
      return within(space_.limits, bill_of(family(i), counts)) &&
             (!beat || floor_key(i, counts) <= *beat);
    };
    task.floor = [this, i](const PlanCounts& counts) { return floor(i, counts); };
    if (!pools_alone()) {
      task.value = [this, i](const PlanCounts& counts, const Judged& judged) {
        return value(i, counts, judged);
      };
    }
    task.judge = [this, i, question](const PlanCounts& counts) {
      return judge_.judge(family(i), counts, question);
    };
    return task;
  }

  void settle_all() {
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      if (!ruled_out(i)) continue;
      FamilyAnswer answer;
      answer.index = i;
      const FamilyBound& bound = bounds_[i];
      answer.why_not = !bound.impossible.empty() ? bound.impossible : bound.too_slow;
      answers_.push_back(std::move(answer));
    }
    std::vector<Key> best;
    for (std::size_t begin = 0; begin < order_.size() && !judge_.stopped(); begin += kRound) {
      const std::size_t count = std::min(kRound, order_.size() - begin);
      std::optional<Key> beat;
      if (best.size() >= aim_.keep) beat = best[aim_.keep - 1];
      std::vector<FamilyAnswer> round(count);
      search_.each(count, [&](std::size_t at) { round[at] = settle(order_[begin + at], beat); });
      for (FamilyAnswer& answer : round) {
        if (answer.holds()) best.push_back(key_of(answer));
        answers_.push_back(std::move(answer));
      }
      std::sort(best.begin(), best.end());
    }
  }

  FamilyAnswer settle(std::size_t i, const std::optional<Key>& beat) {
    FamilyAnswer answer;
    answer.index = i;
    for (std::size_t phase = 0; pools_alone() && family(i).apart() && phase < 2; ++phase) {
      const PhaseLeast& alone = phases_.at(phase_name(family(i), phase));
      if (alone.replicas > 0) continue;
      answer.last = alone.last;
      answer.why_not =
          alone.tried == 0
              ? "one replica is beyond the limits"
              : fmt::format("its {} pool alone misses with {} replicas: {}",
                            family(i).phases[phase].role, alone.tried, held_text(alone.last));
      return answer;
    }
    PlanQuestion question;
    question.what_if = aim_.what_if;
    const FamilyTask task = task_of(i, question, beat);
    if (!task.allowed(task.lower)) {
      answer.why_not = beyond(i, task.lower);
      return answer;
    }
    FamilyOutcome outcome = least_of_family(task);
    answer.tried = std::move(outcome.tried);
    answer.last = std::move(outcome.last);
    if (outcome.counts.empty()) {
      answer.why_not = shortfall(answer, beat.has_value());
      return answer;
    }
    answer.counts = std::move(outcome.counts);
    answer.at = std::move(outcome.at);
    answer.objective = value(i, answer.counts, answer.at);
    return answer;
  }

  [[nodiscard]] std::string beyond(std::size_t i, const PlanCounts& least) const {
    const PlanBill bill = bill_of(family(i), least);
    if (!within(space_.limits, bill)) {
      return least == PlanCounts(least.size(), 1)
                 ? "one replica is beyond the limits"
                 : fmt::format("needs at least {}, which is beyond the limits", counts_text(least));
    }
    const PlanBill paid = bill_of(family(i), paid_at_least(judge_.scenario(), family(i), least));
    return fmt::format("needs at least {}: {} GPUs, {} USD/h, more than those that hold",
                       counts_text(least), paid.gpus, significant(paid.usd_per_hour));
  }

  static std::string shortfall(const FamilyAnswer& answer, bool dear) {
    if (!answer.last.impossible.empty()) return answer.last.impossible;
    return fmt::format("misses with {}{}: {}", counts_text(answer.tried),
                       dear ? ", more being dearer than those that hold" : "",
                       held_text(answer.last));
  }

  PlanSearch& search_;
  const PlanSpace& space_;
  PlanJudge& judge_;
  const PlanAim& aim_;
  std::vector<std::size_t> order_;  ///< families that are not ruled out
  std::vector<FamilyBound> bounds_;
  std::vector<PlanCounts> guesses_;
  std::map<std::string, PhaseLeast> phases_;
  std::vector<FamilyAnswer> answers_;
};

}  // namespace

double objective_value(PlanObjective objective, const PlanBill& bill, const PlanFigures& figures) {
  switch (objective) {
    case PlanObjective::usd_per_hour:
      return figures.usd_per_hour.value_or(bill.usd_per_hour);
    case PlanObjective::usd_per_token:
      return figures.usd_per_million_output;
    case PlanObjective::gpus:
      return figures.paid_gpus.value_or(static_cast<double>(bill.gpus));
    case PlanObjective::energy:
      break;
  }
  return figures.output_tokens_per_s > 0 ? figures.watts / figures.output_tokens_per_s : 0;
}

PlanFound PlanSearch::find(const PlanAim& aim) { return Hunt(*this, aim).run(); }

void PlanSearch::each(std::size_t count, const std::function<void(std::size_t)>& work) const {
  in_parallel(count, jobs_, judge_.stop(), work);
}

}  // namespace headroom
