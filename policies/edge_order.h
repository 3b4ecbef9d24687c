// Orders of an edge's queue, and whether a task fits into it: rules that dispatch policies share.
//
// Sources: arXiv 2412.20860 and its released scheduler (dream-lab/ocularone-scheduler), whose
// "EDF" compares relative deadlines. A smaller key runs earlier; equal keys keep their arrival
// order.
// Cost: a key is O(1), a fit O(queue).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {

enum class EdgeOrder : std::uint8_t {
  arrival,            ///< FIFO
  deadline,           ///< EDF
  relative_deadline,  ///< deadline-monotonic
  shortest,           ///< SJF, by expected time at the edge
  benefit,            ///< HPF
  utility,            ///< HUF: benefit less the price of an edge run
  utility_per_time,   ///< HUF over the expected time at the edge
};

/// Words of `EdgeOrder`, in its order.
inline const std::vector<std::string>& edge_order_names() {
  static const std::vector<std::string> kNames = {
      "arrival", "deadline", "relative-deadline", "shortest",
      "benefit", "utility",  "utility-per-time"};
  return kNames;
}

[[nodiscard]] inline std::int64_t edge_key(EdgeOrder order, EdgeTaskView task) {
  const EdgeTaskType& type = task.type();
  switch (order) {
    case EdgeOrder::arrival:
      return task.id();
    case EdgeOrder::deadline:
      return task.deadline().ns();
    case EdgeOrder::relative_deadline:
      return (task.deadline() - task.received()).value();
    case EdgeOrder::shortest:
      return task.edge_time().value();
    case EdgeOrder::benefit:  // points may have decimals: thousandths keep their order
      return -static_cast<std::int64_t>(type.benefit * 1000);
    case EdgeOrder::utility:
      return -static_cast<std::int64_t>(type.edge_utility() * 1000);
    case EdgeOrder::utility_per_time: {
      // floor of points in a hundred a millisecond; points are not negative where it matters.
      const double rate = 100 * type.edge_utility() / milliseconds(task.edge_time());
      const auto whole = static_cast<std::int64_t>(rate);
      return -(rate < static_cast<double>(whole) ? whole - 1 : whole);
    }
  }
  return 0;
}

/// Where a task would stand in the edge's queue, and whether it would be done in time there.
struct EdgeFit {
  bool fits = false;
  std::size_t behind = 0;  ///< tasks that would run before it
  Duration start{0};       ///< expected wait until it runs
};

/// Feasible where slack > expected end of the running task + queued tasks before it + its own time,
/// strictly (rule ADD).
[[nodiscard]] inline EdgeFit fit_at_edge(const EdgePlan& plan, EdgeTaskView task,
                                         std::int64_t key) {
  EdgeFit fit;
  fit.start = plan.expected_busy();
  while (fit.behind < plan.queued() && plan.queued_key(fit.behind) <= key) {
    fit.start += plan.queued(fit.behind).edge_time();
    ++fit.behind;
  }
  fit.fits = task.slack(plan.now()) > fit.start + task.edge_time();
  return fit;
}

/// Runs the head of the queue that would still be in time; drops those before it. False when none
/// is left.
inline bool run_first_in_time(EdgePlan& plan) {
  while (plan.queued() > 0) {
    const EdgeTaskView head = plan.queued(0);
    if (head.edge_time() < head.slack(plan.now())) {
      plan.run(head, EdgeStart::from_queue);
      return true;
    }
    plan.drop(head, DropReason::expired_edge);
  }
  return false;
}

/// The released schedulers' polling: the free accelerator every 5 ms, parked tasks every 10 ms.
constexpr EdgeTiming kReleasedTiming{Duration(5'000'000), Duration(10'000'000),
                                     Duration(50'000'000)};

/// The two parameters that most dispatch policies have.
[[nodiscard]] inline std::vector<ParameterSpec> edge_parameters() {
  std::vector<std::string> orders{"auto"};
  for (const std::string& name : edge_order_names()) orders.push_back(name);
  return {{"faithful",
           ParameterSpec::Kind::flag,
           0,
           1,
           "false",
           {},
           "as released: its quirks, its polling, relative deadlines"},
          {"order", ParameterSpec::Kind::choice, 0, 0, "auto", orders,
           "of the edge's queue; auto: deadline, or relative-deadline where faithful"}};
}

[[nodiscard]] inline EdgeOrder edge_order(const Parameters& parameters, EdgeOrder automatic) {
  const auto& names = edge_order_names();
  const auto it = std::find(names.begin(), names.end(), parameters.choice("order"));
  return it == names.end() ? automatic : static_cast<EdgeOrder>(it - names.begin());
}

/// The order of policies that take earliest deadlines first.
[[nodiscard]] inline EdgeOrder deadline_order(const Parameters& parameters) {
  return edge_order(
      parameters, parameters.flag("faithful") ? EdgeOrder::relative_deadline : EdgeOrder::deadline);
}

}  // namespace headroom
