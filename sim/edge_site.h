// One edge site: its tasks from arrival to outcome, one accelerator, calls to the cloud.
//
// An instant happens in this order: runs and calls end, tasks arrive, parked tasks fall due, the
// free accelerator looks for work (the phases of sim/event_queue.h).
// Laws: every task ends in exactly one outcome; the edge never runs two tasks, and a run is never
// interrupted; at most `concurrency` calls are under way; the clock never goes back; policies see
// no actual time.
// Cost: O(log calls) an event; no allocation once warm.
// Not here: decisions (sim/edge_policy.h), how long things take (sim/edge_cloud.h).
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/edge_cloud.h"
#include "sim/edge_losses.h"
#include "sim/edge_metrics.h"
#include "sim/edge_policy.h"
#include "sim/edge_task.h"
#include "sim/units.h"

namespace headroom {

/// A cloud that is simulated elsewhere: takes calls, answers later through EdgeSite::call_done.
class RemoteCloud {
 public:
  virtual ~RemoteCloud() = default;
  /// `reaches` is when the request is there; the answer needs no time back.
  virtual void call(std::uint32_t site, std::uint32_t slot, Instant reaches,
                    const EdgeTaskType& type) = 0;
};

/// What all sites of a run share; outlives them.
struct EdgeSiteContext {
  const std::vector<EdgeTaskType>* types = nullptr;
  const EdgeCloudSetup* cloud = nullptr;
  Duration window{20'000'000'000};  ///< of the rates that earn bonuses; by time of arrival
  RemoteCloud* remote = nullptr;    ///< null: calls take what EdgeTimes says
  const std::vector<EdgeObserver*>* observers = nullptr;
  const char* policy_name = "";
  std::uint64_t seed = 1;
};

class EdgeSite {
 public:
  EdgeSite(const EdgeSiteContext& context, std::uint32_t site,
           std::unique_ptr<DispatchPolicy> policy, std::unique_ptr<EdgeTaskSource> source,
           EdgeTimes times, const EdgeLosses& losses, EdgeMetrics& metrics);

  /// When something happens next; `Instant::never()` when nothing will.
  [[nodiscard]] Instant next() const;
  /// Lets everything at next() happen.
  void step();
  /// A remote call ended. Requires `when` at or after the last step, at or before next().
  void call_done(std::uint32_t slot, Instant when, bool answered);
  /// Books what stands at the end. Requires next() == never.
  void finish();
  /// The site as its policy sees it.
  [[nodiscard]] const EdgePlan& plan() const { return plan_; }

 private:
  struct CallEnd {
    Instant time;
    std::uint32_t slot;
    /// Order of a heap whose top ends first; ties by slot.
    [[nodiscard]] bool operator<(const CallEnd& other) const {
      return time != other.time ? time > other.time : slot > other.slot;
    }
  };
  struct Hidden {  ///< what no policy sees of a task
    std::optional<Duration> edge_actual, cloud_actual;
    CloudCall call;
    bool called = false;
  };

  [[nodiscard]] Instant due_time() const;
  void set_now(Instant now);
  void arrive();
  void end_edge();
  void end_call(std::uint32_t slot);
  void parked_due();
  void look_for_work();
  void start_run();
  void settle();
  /// Its policy is asked next; what it moved before is shown first.
  void asking(EdgeAsked asked, std::uint32_t by);
  void show_steps();
  void start_calls();
  void start_call(std::uint32_t slot);
  void book_drop(std::uint32_t slot, DropReason reason);
  void book(std::uint32_t slot, EdgeOutcome outcome, Duration actual);
  [[nodiscard]] MissCause cause_of(const EdgeTask& task, EdgeOutcome outcome,
                                   const Hidden& hidden) const;
  void count_loss(const EdgeTask& task, EdgeOutcome outcome);
  void count_window(const EdgeTask& task, bool kept);

  const EdgeSiteContext& context_;
  EdgePlan plan_;
  std::unique_ptr<DispatchPolicy> policy_;
  std::unique_ptr<EdgeTaskSource> source_;
  EdgeTimes times_;
  EdgeLosses losses_;
  EdgeMetrics& metrics_;
  EdgeTiming timing_;
  EdgeSiteTotals totals_;

  std::vector<Hidden> hidden_;  ///< by slot
  std::uint32_t next_id_ = 0;
  std::uint32_t running_ = 0;            ///< slot
  Instant edge_end_ = Instant::never();  ///< actual
  Instant idle_since_;
  Instant look_at_ = Instant::never();  ///< when a free accelerator that polls looks again
  std::deque<std::uint32_t> waiting_calls_;
  std::vector<CallEnd> calls_;  ///< heap
  std::uint64_t in_flight_ = 0;
  std::uint64_t booked_ = 0;
  EdgeAsked asked_ = EdgeAsked::arrival;
  std::uint32_t asked_by_ = 0;

  struct Window {
    std::uint32_t arrived = 0, kept = 0;
  };
  std::vector<Window> windows_;  ///< by window, type
};

}  // namespace headroom
