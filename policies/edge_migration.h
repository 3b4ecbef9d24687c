// The family of DEM: admission to the edge's queue, victims that move to the cloud, tasks parked
// until their last moment, and a free edge that steals them.
//
// Rules R3 to R7 of the DEMS scheduler (arXiv 2412.20860, released code), each policy a choice of
// them. `faithful` keeps the released quirks: Q1 the first displaced task is neither tested nor
// counted; Q2 a parked candidate too long to steal keeps the rank of the one before; an edge that
// found its queue empty executes its whole list of parked tasks before it looks at the queue again.
// Cost: O(queue + parked) a decision.
#pragma once

#include <algorithm>
#include <vector>

#include "policies/edge_order.h"
#include "sim/edge_policy.h"

namespace headroom {

/// Safety margin of both triggers (released code).
constexpr Duration kTriggerMargin{10'000'000};
/// Stealing before a queued head needs more than this to be worth a look (released code; the
/// shortest of its tasks less the margin).
constexpr Duration kLeastRoom{132'000'000};
/// Longest task that an edge with an empty queue ranks (released code).
constexpr Duration kLongestRanked{742'000'000};

[[nodiscard]] inline Instant cloud_trigger(EdgeTaskView task) {
  return task.deadline() - task.cloud_time() - kTriggerMargin;
}
[[nodiscard]] inline Instant edge_trigger(EdgeTaskView task) {
  return task.deadline() - task.edge_time() - kTriggerMargin;
}

/// What moving a task away from the edge loses, in whole points (R4).
[[nodiscard]] inline std::int64_t migration_score(EdgeTaskView task, Instant now) {
  const double at_edge = task.type().edge_utility();
  const double in_cloud = task.type().cloud_utility();
  double loss = 0;
  if (task.cloud_time() < task.slack(now) && in_cloud >= 0) {
    loss = in_cloud - at_edge;
  } else if (task.cloud_time() > task.slack(now) || in_cloud < 0) {
    loss = at_edge;
  }
  return static_cast<std::int64_t>(loss < 0 ? -loss : loss);
}

/// What a parked task gains at the edge, per time (R7).
[[nodiscard]] inline std::int64_t steal_rank(EdgeTaskView task) {
  const EdgeTaskType& type = task.type();
  const double rate = (type.cloud_price - type.edge_price) * 1000 / milliseconds(task.edge_time());
  auto rank = static_cast<std::int64_t>(rate);
  if (rate < static_cast<double>(rank)) --rank;
  return type.cloud_utility() < 0 ? rank + 1000 : rank;
}

/// Queued tasks that a newcomer would make late.
struct EdgeVictims {
  std::vector<std::uint32_t> slots{};
  std::int64_t score = 0;
  Duration edge_time{0};
};

enum class FirstDisplaced : std::uint8_t { tested, passed_over };  ///< the latter is Q1

[[nodiscard]] inline EdgeVictims find_victims(const EdgePlan& plan, EdgeTaskView task,
                                              const EdgeFit& fit, FirstDisplaced first) {
  EdgeVictims victims;
  Duration run = fit.start + task.edge_time();
  const std::size_t skipped = first == FirstDisplaced::passed_over ? 1 : 0;
  for (std::size_t i = fit.behind + skipped; i < plan.queued(); ++i) {
    const EdgeTaskView later = plan.queued(i);
    if (later.slack(plan.now()) < run + later.edge_time()) {
      victims.slots.push_back(later.slot());
      victims.score += migration_score(later, plan.now());
      victims.edge_time += later.edge_time();
    } else {
      run += later.edge_time();
    }
  }
  return victims;
}

/// Which rules a policy of the family uses; as it stands, DEM.
struct MigrationRules {
  bool migrates = true;    ///< victims are found and moved; else later tasks may expire
  bool parks_new = false;  ///< arrivals for the cloud wait for their trigger
  bool parks_victims = false;
  bool parks_new_for_edge = false;      ///< arrivals that do not pay in the cloud wait for a steal
  bool parks_victims_for_edge = false;  ///< victims likewise
  bool steals_when_empty = false;
  bool steals_before_head = false;
};

/// E+C: tasks behind a newcomer may expire.
[[nodiscard]] inline MigrationRules edge_cloud_rules() {
  MigrationRules rules;
  rules.migrates = false;
  return rules;
}

/// DEMS: everything that is not at the edge waits to be stolen.
[[nodiscard]] inline MigrationRules dems_rules() {
  MigrationRules rules;
  rules.parks_new = rules.parks_victims = true;
  rules.parks_new_for_edge = rules.parks_victims_for_edge = true;
  rules.steals_when_empty = rules.steals_before_head = true;
  return rules;
}

class MigratingPolicy : public DispatchPolicy {
 public:
  MigratingPolicy(const Parameters& parameters, const MigrationRules& rules)
      : faithful_(parameters.flag("faithful")), order_(deadline_order(parameters)), rules_(rules) {}

  EdgeTiming timing() const override { return faithful_ ? kReleasedTiming : EdgeTiming{}; }

  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    const std::int64_t key = key_of(task);
    const EdgeFit fit = fit_at_edge(plan, task, key);
    if (!fit.fits) return to_cloud(plan, task);
    if (fit.behind == plan.queued() || !rules_.migrates) return plan.enqueue(task, key);
    const EdgeVictims victims = find_victims(
        plan, task, fit, faithful_ ? FirstDisplaced::passed_over : FirstDisplaced::tested);
    const bool worth = victims.score < migration_score(task, plan.now());
    if (!worth && (faithful_ || !victims.slots.empty())) return to_cloud(plan, task);
    for (const std::uint32_t slot : victims.slots) {
      plan.mark_rescheduled(plan.view(slot));
      to_cloud(plan, plan.view(slot));
    }
    plan.enqueue(task, key);
  }

  void on_idle(EdgePlan& plan) override {
    if (run_listed(plan)) return;
    while (plan.queued() > 0) {
      if (rules_.steals_before_head && steal_before_head(plan)) return;
      const EdgeTaskView head = plan.queued(0);
      if (head.edge_time() < head.slack(plan.now())) {
        return plan.run(head, EdgeStart::from_queue);
      }
      plan.drop(head, DropReason::expired_edge);
    }
    if (rules_.steals_when_empty) steal_any(plan);
  }

  void on_due(EdgePlan& plan, EdgeTaskView task) override {
    const bool pays = task.type().cloud_utility() > 0;
    const Instant trigger = pays ? cloud_trigger(task) : edge_trigger(task);
    if (plan.now() > trigger + kTriggerMargin) return plan.drop(task, DropReason::time);
    if (!pays) return plan.drop(task, DropReason::cost);
    plan.call_cloud(task, route_of(task));
  }

 protected:
  [[nodiscard]] bool faithful() const { return faithful_; }
  [[nodiscard]] std::int64_t key_of(EdgeTaskView task) const { return edge_key(order_, task); }
  [[nodiscard]] static CloudRoute route_of(EdgeTaskView task) {
    return task.rescheduled() ? CloudRoute::rescheduled : CloudRoute::direct;
  }

  /// A task that pays in the cloud but is not expected to make it there. DEMS-A overrides.
  virtual void cloud_too_late(EdgePlan& plan, EdgeTaskView task) {
    plan.drop(task, DropReason::time);
  }

  /// The way to the cloud of a task that does not fit at the edge (R5).
  void to_cloud(EdgePlan& plan, EdgeTaskView task) {
    const bool victim = task.rescheduled();
    if (task.type().cloud_utility() > 0) {
      if (task.cloud_time() > task.slack(plan.now())) return cloud_too_late(plan, task);
      if (victim ? rules_.parks_victims : rules_.parks_new) {
        return plan.park(task, cloud_trigger(task), cloud_trigger(task));
      }
      return plan.call_cloud(task, route_of(task));
    }
    if (victim ? rules_.parks_victims_for_edge : rules_.parks_new_for_edge) {
      // The released worker orders by one trigger and waits for the other where a call just breaks
      // even.
      const bool even = faithful_ && task.type().cloud_utility() == 0;
      return plan.park(task, edge_trigger(task), even ? cloud_trigger(task) : edge_trigger(task));
    }
    plan.drop(task, DropReason::cost);
  }

 private:
  struct Ranked {
    std::int64_t rank;
    std::uint32_t slot, id;
  };

  /// Parked tasks by falling rank; ties keep the parked order.
  void rank_parked(const EdgePlan& plan, Duration limit) {
    ranked_.clear();
    std::int64_t rank = 0;
    for (std::size_t i = 0; i < plan.parked(); ++i) {
      const EdgeTaskView task = plan.parked(i);
      if (!faithful_ || task.edge_time() <= limit) rank = steal_rank(task);  // else Q2
      ranked_.push_back({rank, task.slot(), task.id()});
    }
    std::stable_sort(ranked_.begin(), ranked_.end(),
                     [](const Ranked& a, const Ranked& b) { return a.rank > b.rank; });
  }

  /// Case (i): the queue is empty.
  bool steal_any(EdgePlan& plan) {
    if (plan.parked() == 0) return false;
    rank_parked(plan, kLongestRanked);
    listed_.assign(ranked_.begin(), ranked_.end());
    const bool ran = run_listed(plan);
    if (!faithful_) listed_.clear();
    return ran;
  }

  bool run_listed(EdgePlan& plan) {
    std::size_t next = 0;
    while (next < listed_.size()) {
      const Ranked& candidate = listed_[next++];
      const EdgeTaskView task = plan.view(candidate.slot);
      if (task.place() != EdgePlace::parked || task.id() != candidate.id) continue;
      if (task.edge_time() >= task.slack(plan.now())) continue;
      plan.run(task, EdgeStart::stolen);
      listed_.erase(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(next));
      return true;
    }
    listed_.clear();
    return false;
  }

  /// Case (ii): a parked task goes before the head where nobody in the queue becomes late by it.
  bool steal_before_head(EdgePlan& plan) {
    const Duration room = edge_trigger(plan.queued(0)) - plan.now();
    if (plan.parked() == 0 || room <= (faithful_ ? kLeastRoom : Duration(0))) return false;
    rank_parked(plan, room);
    for (const Ranked& candidate : ranked_) {
      const EdgeTaskView task = plan.view(candidate.slot);
      if (task.edge_time() >= room || !leaves_all_in_time(plan, task)) continue;
      if (task.edge_time() < task.slack(plan.now())) {
        plan.run(task, EdgeStart::stolen);
        return true;
      }
      if (faithful_) return false;  // the head runs instead
    }
    return false;
  }

  [[nodiscard]] static bool leaves_all_in_time(const EdgePlan& plan, EdgeTaskView task) {
    Duration before = task.edge_time();
    for (std::size_t i = 0; i < plan.queued(); ++i) {
      const EdgeTaskView later = plan.queued(i);
      if (before + later.edge_time() > later.slack(plan.now())) return false;
      before += later.edge_time();
    }
    return true;
  }

  bool faithful_;
  EdgeOrder order_;
  MigrationRules rules_;
  std::vector<Ranked> ranked_;
  std::vector<Ranked> listed_;  ///< what is left of a list of steals
};

}  // namespace headroom
