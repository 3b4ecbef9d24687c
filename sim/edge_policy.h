// The decision point of an edge site: which task runs at the edge, in the cloud, later, or not at
// all.
//
// A policy is asked at an arrival, when the accelerator is free, when a parked task falls due, when
// a call may start, and is told every result. It answers through `EdgePlan`: views in, actions out.
// Law: views show expected times only; each action is checked, and an illegal one stops the run by
// name. One policy object a site: schedulers of different edges share nothing.
// Cost: virtual calls at decisions only; views and actions are inline.
#pragma once

#include <algorithm>
#include <vector>

#include "sim/check.h"
#include "sim/edge_task.h"
#include "sim/registry.h"
#include "sim/units.h"

namespace headroom {

/// When a policy's hooks are asked; released schedulers poll.
struct EdgeTiming {
  Duration idle_poll{0};    ///< a free accelerator looks again this often; 0: at once
  Duration parked_poll{0};  ///< parked tasks are looked at on this grid; 0: exactly when due
  /// A parked task falls due this long before its trigger.
  Duration lead{50'000'000};
};

class EdgeLosses;

/// One site as its policy sees and steers it.
class EdgePlan {
 public:
  EdgePlan(const std::vector<EdgeTaskType>& types, std::uint32_t site)
      : types_(&types), site_(site) {}
  EdgePlan(const EdgePlan&) = delete;
  EdgePlan& operator=(const EdgePlan&) = delete;

  // What there is
  // ----------------------------------------------------------------------------------------
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] std::uint32_t site() const { return site_; }
  [[nodiscard]] const std::vector<EdgeTaskType>& types() const { return *types_; }
  /// Tasks in the edge's queue, and the i-th from its head with the key it was inserted by.
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] EdgeTaskView queued(std::size_t i) const { return view(entry(i).slot); }
  [[nodiscard]] std::int64_t queued_key(std::size_t i) const { return entry(i).key; }
  /// Parked tasks, in order of their keys.
  [[nodiscard]] std::size_t parked() const { return parked_.size(); }
  [[nodiscard]] EdgeTaskView parked(std::size_t i) const {
    return view(parked_[parked_.size() - 1 - i].slot);
  }
  /// How long the running task is still expected to take; 0 when none runs or it is overdue.
  [[nodiscard]] Duration expected_busy() const {
    return executing_ && expected_end_ > now_ ? expected_end_ - now_ : Duration(0);
  }
  /// The live task in a slot.
  [[nodiscard]] EdgeTaskView view(std::uint32_t slot) const {
    return {slot, tasks_[slot], (*types_)[tasks_[slot].type]};
  }

  /// Loss that a router expects of an answer by this model (an index of types()).
  [[nodiscard]] double predicted_loss(EdgeTaskView task, std::uint16_t model) const;

  // Actions. Each needs a task that arrives, is queued or is parked, and takes it from there.
  // ----------------------------------------------------------------------------------------
  /// Into the edge's queue behind all tasks whose key is not larger.
  void enqueue(EdgeTaskView task, std::int64_t key);
  /// Enters a task that is queued a second time: its copy runs, and nobody counts it.
  void enqueue_copy(EdgeTaskView task, std::int64_t key);
  /// Into the cloud's queue, first come, first served.
  void call_cloud(EdgeTaskView task, CloudRoute route);
  /// Set aside: ordered by `key`; the policy's `on_due` hears of the first one `lead` before its
  /// `trigger`.
  void park(EdgeTaskView task, Instant key, Instant trigger);
  void drop(EdgeTaskView task, DropReason reason);
  /// Runs a queued or parked task at once. Requires that none runs.
  void run(EdgeTaskView task, EdgeStart start);

  /// Has an arriving task answered by one of its type's models (an index of types()): its times,
  /// prices and losses are that model's from here on.
  void answer_with(EdgeTaskView task, std::uint16_t model);

  // Notes on a task
  // ----------------------------------------------------------------------------------------
  void believe_cloud_time(EdgeTaskView task, Duration time) { live(task).cloud_time = time; }
  /// Success is judged by the new deadline.
  void extend_deadline(EdgeTaskView task, Duration by) {
    SIM_CHECK(by > Duration(0), "a deadline is extended, never shortened");
    live(task).deadline = live(task).deadline + by;
  }
  void mark_rescheduled(EdgeTaskView task) { live(task).rescheduled = true; }
  void mark_probe(EdgeTaskView task) { live(task).probe = true; }

 private:
  friend class EdgeSite;
  struct Queued {
    std::int64_t key;
    std::uint32_t slot;
  };
  struct Parked {
    Instant key, trigger;
    std::uint32_t slot;
  };
  struct Dropped {
    std::uint32_t slot;
    DropReason reason;
  };

  [[nodiscard]] const Queued& entry(std::size_t i) const { return queue_[queue_.size() - 1 - i]; }
  [[nodiscard]] EdgeTask& live(EdgeTaskView task) {
    EdgeTask& found = tasks_[task.slot()];
    SIM_CHECK(found.place != EdgePlace::gone && found.id == task.id(),
              "a policy speaks of live tasks");
    return found;
  }
  /// Takes a task from where it is, so that it can go elsewhere.
  EdgeTask& take(EdgeTaskView task);
  std::uint32_t new_slot();

  const std::vector<EdgeTaskType>* types_;
  const EdgeLosses* losses_ = nullptr;
  std::uint32_t site_;
  Instant now_;
  std::vector<EdgeTask> tasks_;
  std::vector<std::uint32_t> free_;
  std::vector<Queued> queue_;            ///< its head is the last entry
  std::vector<Parked> parked_;           ///< likewise
  std::vector<std::uint32_t> to_cloud_;  ///< new in the cloud's queue
  std::vector<Dropped> dropped_;         ///< not yet booked
  std::vector<std::uint32_t> moved_;     ///< since the site looked last; where somebody looks on
  bool watched_ = false;
  std::uint32_t to_run_ = 0;
  bool run_asked_ = false;
  bool executing_ = false;
  Instant expected_end_;
};

/// Decides for one site.
class DispatchPolicy {
 public:
  virtual ~DispatchPolicy() = default;
  [[nodiscard]] virtual EdgeTiming timing() const { return {}; }
  /// A task arrived: enqueue, call the cloud, park or drop it, now.
  virtual void on_arrival(EdgePlan& plan, EdgeTaskView task) = 0;
  /// The accelerator is free: run one task, or none.
  virtual void on_idle(EdgePlan& plan) = 0;
  /// The first parked task is due: it must leave.
  virtual void on_due(EdgePlan& plan, EdgeTaskView task) { plan.drop(task, DropReason::time); }
  /// Whether a call whose turn has come is still worth making; else it has expired.
  [[nodiscard]] virtual bool starts_call(Instant now, EdgeTaskView task) {
    return task.cloud_time() < task.slack(now);
  }
  /// A task ended. Copies of tasks are not told.
  virtual void on_result(EdgePlan& plan, const EdgeResult& result) {
    static_cast<void>(plan);
    static_cast<void>(result);
  }
};

using RegisterDispatchPolicy = RegisterPolicy<DispatchPolicy>;

// Inline actions
// ------------------------------------------------------------------------------------------------

inline EdgeTask& EdgePlan::take(EdgeTaskView task) {
  EdgeTask& found = live(task);
  if (watched_) moved_.push_back(task.slot());
  switch (found.place) {
    case EdgePlace::arriving:
      break;
    case EdgePlace::queued: {
      const auto it = std::find_if(queue_.rbegin(), queue_.rend(),
                                   [&](const Queued& q) { return q.slot == task.slot(); });
      SIM_CHECK(it != queue_.rend(), "a queued task stands in the queue");
      queue_.erase(std::next(it).base());
      break;
    }
    case EdgePlace::parked: {
      const auto it = std::find_if(parked_.rbegin(), parked_.rend(),
                                   [&](const Parked& p) { return p.slot == task.slot(); });
      SIM_CHECK(it != parked_.rend(), "a parked task stands among the parked");
      parked_.erase(std::next(it).base());
      break;
    }
    default:
      SIM_CHECK(false, "a policy moves only tasks that arrive, are queued or are parked");
  }
  return found;
}

inline std::uint32_t EdgePlan::new_slot() {
  if (free_.empty()) {
    SIM_CHECK(tasks_.size() < (std::size_t{1} << 31), "live tasks of a site fit 31 bits");
    tasks_.emplace_back();
    return static_cast<std::uint32_t>(tasks_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

inline void EdgePlan::enqueue(EdgeTaskView task, std::int64_t key) {
  take(task).place = EdgePlace::queued;
  // Reversed order: behind equals means before the first entry that is not larger.
  const auto at = std::partition_point(queue_.begin(), queue_.end(),
                                       [key](const Queued& q) { return q.key > key; });
  queue_.insert(at, Queued{key, task.slot()});
}

inline void EdgePlan::enqueue_copy(EdgeTaskView task, std::int64_t key) {
  SIM_CHECK(live(task).place == EdgePlace::queued, "only a queued task is entered again");
  const EdgeTask original = live(task);
  const std::uint32_t slot = new_slot();
  tasks_[slot] = original;
  tasks_[slot].copy = true;
  tasks_[slot].place = EdgePlace::arriving;
  enqueue(view(slot), key);
}

inline void EdgePlan::answer_with(EdgeTaskView task, std::uint16_t model) {
  EdgeTask& answered = live(task);
  SIM_CHECK(answered.place == EdgePlace::arriving, "a model is chosen when its task arrives");
  SIM_CHECK(model < types_->size() && (*types_)[model].model_of == answered.type,
            "a task is answered by one of its own models");
  answered.type = model;
  answered.edge_time = (*types_)[model].edge_time;
  answered.cloud_time = (*types_)[model].cloud_time;
}

inline void EdgePlan::call_cloud(EdgeTaskView task, CloudRoute route) {
  EdgeTask& moved = take(task);
  moved.place = EdgePlace::cloud_queue;
  moved.route = route;
  to_cloud_.push_back(task.slot());
}

inline void EdgePlan::park(EdgeTaskView task, Instant key, Instant trigger) {
  take(task).place = EdgePlace::parked;
  const auto at = std::partition_point(parked_.begin(), parked_.end(),
                                       [key](const Parked& p) { return p.key > key; });
  parked_.insert(at, Parked{key, trigger, task.slot()});
}

inline void EdgePlan::drop(EdgeTaskView task, DropReason reason) {
  take(task).place = EdgePlace::gone;
  dropped_.push_back({task.slot(), reason});
}

inline void EdgePlan::run(EdgeTaskView task, EdgeStart start) {
  SIM_CHECK(!executing_ && !run_asked_, "the edge never runs two tasks");
  SIM_CHECK(live(task).place == EdgePlace::queued || live(task).place == EdgePlace::parked,
            "the edge runs queued or parked tasks");
  EdgeTask& started = take(task);
  started.place = EdgePlace::edge;
  started.start = start;
  to_run_ = task.slot();
  run_asked_ = true;
}

}  // namespace headroom
