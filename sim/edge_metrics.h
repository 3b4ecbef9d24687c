// What a run of edge sites leaves behind: the vocabulary between the core and
// reports/edge_report.h.
//
// Law: generated == the sum over outcomes, for every type; utility is a function of these counts
// alone, so it does not depend on the order of sites.
// Memory: constant but for 32 bytes a site.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/edge_task.h"
#include "sim/histogram.h"
#include "sim/units.h"

namespace headroom {

/// Why a task gave nothing in time.
enum class MissCause : std::uint8_t {
  none,              ///< it was in time
  no_place_in_time,  ///< on arrival, or when displaced, no place was expected to make it
  not_worth_cloud,   ///< the edge had no room and a call costs more than it gives
  edge_wait,         ///< its turn at the edge came too late
  edge_slow,         ///< it ran at the edge, longer than expected
  cloud_wait,        ///< its turn for a call came too late: all calls were busy
  cloud_slow,        ///< the call's execution took longer than expected
  cloud_cold,        ///< the call had to start an instance first
  cloud_network,     ///< upload and latency of the call
  cloud_timeout,     ///< the call was given up
};
constexpr int kMissCauses = 10;
[[nodiscard]] const char* to_string(MissCause cause);

/// The parts of one call.
struct CloudCall {
  Instant queued;       ///< entered the cloud's queue
  Duration waited{0};   ///< in that queue
  Duration network{0};  ///< upload, and latency there and back
  Duration cold_start{0};
  Duration execution{0};
  bool timed_out = false;
  [[nodiscard]] Duration in_flight() const { return network + cold_start + execution; }
};

struct EdgeTypeTotals {
  std::array<std::uint64_t, kEdgeOutcomes> outcomes{};
  std::uint64_t generated = 0;     ///< of tasks that have ended
  std::uint64_t windows = 0;       ///< in which such tasks arrived
  std::uint64_t windows_kept = 0;  ///< whose rate in time was at least the wanted one
  double loss = 0;                 ///< sum over tasks in time
  std::uint64_t best_model = 0;    ///< answered by the one of least loss among those of its task
  Joules drone_energy{0};          ///< spent by drones before the tasks arrived

  [[nodiscard]] std::uint64_t in_time() const {
    std::uint64_t sum = 0;
    for (int i = 0; i <= static_cast<int>(EdgeOutcome::gatekeeper_cloud); ++i) {
      sum += outcomes[static_cast<std::size_t>(i)];
    }
    return sum;
  }
};

struct EdgeSiteTotals {
  std::uint64_t generated = 0;
  std::uint64_t in_time = 0;
  Duration busy{0};
};

struct EdgeMetrics {
  std::vector<EdgeTypeTotals> types;
  std::vector<EdgeSiteTotals> sites;
  std::array<std::uint64_t, kMissCauses> causes{};
  std::uint64_t edge_runs = 0;
  std::uint64_t copies_run = 0;  ///< second runs of a task (a quirk of D3+Kalmia's released form)
  std::uint64_t calls = 0;
  std::uint64_t cold_starts = 0;
  Duration billed{0};  ///< execution of calls and their instances' starts, each rounded up to 1 ms
  std::uint64_t most_calls_at_once = 0;  ///< at one site
  std::uint64_t most_parked = 0;         ///< at one site
  Bytes uploaded{0};
  LogHistogram response;    ///< arrival to result, ns, of tasks that ran or were called
  LogHistogram cloud_time;  ///< dispatch to result of calls, ns
  Instant end;              ///< of the last event
  std::uint64_t decision_digest = 0;

  [[nodiscard]] std::uint64_t generated() const;
  [[nodiscard]] std::uint64_t in_time() const;
  /// Sum of what tasks were worth less what their runs cost.
  [[nodiscard]] double task_utility(const std::vector<EdgeTaskType>& kinds) const;
  /// Sum of the bonuses of windows that kept their rate.
  [[nodiscard]] double window_utility(const std::vector<EdgeTaskType>& kinds) const;
};

/// What a policy was asked when it moved a task.
enum class EdgeAsked : std::uint8_t { arrival, free_edge, due, result };

/// A live task has been sent to another place.
struct EdgeStep {
  Instant when;
  EdgePlace place = EdgePlace::arriving;
  EdgeAsked asked = EdgeAsked::arrival;
  std::uint32_t by = 0;  ///< the task that arrived, fell due or ended then; of free_edge: itself
};

/// Looks on; empty body by default.
class EdgeObserver {
 public:
  virtual ~EdgeObserver() = default;
  /// A policy queued, parked, called, ran or dropped (`gone`) a task. Its first step follows its
  /// arrival at once; copies are not shown.
  virtual void on_step(std::uint32_t site, const EdgeTask& task, const EdgeStep& step) {
    static_cast<void>(site);
    static_cast<void>(task);
    static_cast<void>(step);
  }
  /// `call` is null where the task was not called; copies of tasks are not shown.
  virtual void on_task(std::uint32_t site, const EdgeResult& result, MissCause cause,
                       const CloudCall* call) = 0;
};

}  // namespace headroom
