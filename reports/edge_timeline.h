// The timeline of edge sites: a process a site, its accelerator's runs, the length of its queues,
// and each task from arrival to outcome, with why it was not in time.
//
// A task that missed is named after its cause, so that a viewer groups such tasks; its arguments
// hold one sentence that says why. Its slices are the places where it was, each with what sent it
// there.
// Laws: a task is shown whole or not at all; slices of the accelerator do not overlap (second runs
// of copies are left out).
// Cost: memory of live tasks; 1 to 2 kB of file a task, so that only the first tasks are shown.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "reports/trace_events.h"
#include "sim/edge_metrics.h"
#include "sim/edge_task.h"

namespace headroom {

/// Viewers still open such a file: about 150 MB.
constexpr std::uint64_t kMostTimelineTasks = 100'000;

/// One sentence. Requires a task that was not in time; `call` is null where it was not called.
[[nodiscard]] std::string why_missed(const EdgeTaskType& type, const EdgeResult& result,
                                     MissCause cause, const CloudCall* call);

class EdgeTimeline final : public EdgeObserver {
 public:
  /// `types` outlives this. Throws InputError.
  EdgeTimeline(const std::string& path, const std::vector<EdgeTaskType>& types,
               std::uint64_t most_tasks = kMostTimelineTasks);
  void on_step(std::uint32_t site, const EdgeTask& task, const EdgeStep& step) override;
  void on_task(std::uint32_t site, const EdgeResult& result, MissCause cause,
               const CloudCall* call) override;
  void commit() { events_.commit(); }
  /// Tasks that ended and are not shown.
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  using Way = std::vector<EdgeStep>;
  struct Site {
    bool named = false;
    std::int64_t queued = 0, parked = 0;
  };

  /// The way of a task that is shown; null when there are enough.
  Way* way_of(std::uint32_t site, std::uint32_t task);
  void count(std::uint32_t site, EdgePlace place, std::int64_t by, Instant at);
  void show_way(const TraceFlight& flight, const Way& way, const EdgeResult& result,
                Instant left_queues);
  void show_call(const TraceFlight& flight, const EdgeResult& result, const CloudCall& call,
                 const std::string& sent);

  TraceEvents events_;
  const std::vector<EdgeTaskType>& types_;
  std::uint64_t most_tasks_;
  std::uint64_t shown_ = 0, left_out_ = 0;
  std::map<std::uint64_t, Way> ways_;  ///< of live tasks that are shown
  std::vector<Site> sites_;
};

}  // namespace headroom
