#include "sim/cli/plan_family.h"

#include <algorithm>
#include <optional>

namespace headroom {
namespace {

/// The largest value from `least` on for which `may` is true, or least - 1.
std::int64_t largest(std::int64_t least, const std::function<bool(std::int64_t)>& may) {
  if (!may(least)) return least - 1;
  std::int64_t good = least;
  std::int64_t step = 1;
  while (may(good + step)) {
    good += step;
    step *= 2;
  }
  std::int64_t bad = good + step;
  while (bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (may(middle) ? good : bad) = middle;
  }
  return good;
}

/// The least in [low, high] that holds; from `start` outwards in growing steps, then by bisection.
class Row {
 public:
  Row(std::int64_t low, std::int64_t high, const std::function<Judged(std::int64_t)>& judge)
      : low_(low), high_(high), missed_(low - 1), judge_(judge) {}

  void search(std::int64_t start) {
    if (ask(std::clamp(start, low_, high_))) {
      go_down();
    } else if (last.impossible.empty()) {
      go_up();
    }
    while (held && *held - missed_ > 1) ask(missed_ + (*held - missed_) / 2);
  }

  std::optional<std::int64_t> held;
  Judged at, last;
  std::int64_t tried = 0;

 private:
  bool ask(std::int64_t n) {
    Judged judged = judge_(n);
    if (judged.holds) {
      held = n;
      at = std::move(judged);
      return true;
    }
    missed_ = std::max(missed_, n);
    tried = n;
    last = std::move(judged);
    return false;
  }
  void go_down() {
    for (std::int64_t step = 1; *held > low_; step *= 2) {
      if (!ask(std::max(low_, *held - step))) return;
    }
  }
  void go_up() {
    for (std::int64_t step = 1; missed_ < high_; step *= 2) {
      if (ask(std::min(high_, missed_ + step))) return;
    }
  }

  std::int64_t low_, high_;
  std::int64_t missed_;  ///< the most that is known to miss
  const std::function<Judged(std::int64_t)>& judge_;
};

class Search {
 public:
  explicit Search(const FamilyTask& task) : task_(task) {}

  FamilyOutcome run() {
    if (task_.lower.size() == 1) {
      const auto may = [&](std::int64_t n) { return task_.allowed({n}); };
      look({}, largest(task_.lower[0], may), task_.guess[0]);
      return std::move(outcome_);
    }
    // Along the edge of what holds: more prefill replicas are only worth it with fewer to decode.
    for (PlanCounts at = task_.lower;; ++at[0]) {
      const auto may = [&](std::int64_t n) { return could_win({at[0], n}); };
      std::int64_t most = largest(at[1], may);
      if (task_.value && fewest_ > 0) most = std::min(most, fewest_ - 1);
      if (most < at[1]) break;
      const bool first = at[0] == task_.lower[0];
      look({at[0]}, most, first ? task_.guess[1] : most);
      if (!outcome_.last.impossible.empty()) break;
      if (!outcome_.counts.empty() && outcome_.counts[1] == at[1]) break;
    }
    return std::move(outcome_);
  }

 private:
  bool could_win(const PlanCounts& counts) const {
    return task_.allowed(counts) &&
           (outcome_.counts.empty() || task_.floor(counts) < worth(outcome_.counts, outcome_.at));
  }
  [[nodiscard]] double worth(const PlanCounts& counts, const Judged& judged) const {
    return task_.value ? task_.value(counts, judged) : task_.floor(counts);
  }

  /// The last count from its least to `most`, the first ones as given.
  void look(const PlanCounts& first, std::int64_t most, std::int64_t start) {
    const auto with = [&](std::int64_t n) {
      PlanCounts counts = first;
      counts.push_back(n);
      return counts;
    };
    const std::function<Judged(std::int64_t)> judge = [&](std::int64_t n) {
      return task_.judge(with(n));
    };
    Row row(task_.lower.back(), most, judge);
    row.search(start);
    if (row.tried > 0) {
      outcome_.tried = with(row.tried);
      outcome_.last = std::move(row.last);
    }
    if (!row.held) return;
    fewest_ = *row.held;
    if (!outcome_.counts.empty() &&
        worth(with(*row.held), row.at) >= worth(outcome_.counts, outcome_.at))
      return;
    outcome_.counts = with(*row.held);
    outcome_.at = std::move(row.at);
  }

  const FamilyTask& task_;
  FamilyOutcome outcome_;
  std::int64_t fewest_ = 0;  ///< of the last kind that held so far
};

}  // namespace

FamilyOutcome least_of_family(const FamilyTask& task) { return Search(task).run(); }

}  // namespace headroom
