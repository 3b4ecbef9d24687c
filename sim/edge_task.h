// Deadline-driven tasks of edge sites: what they are worth where, and how they end.
//
// A task is one inference on one video segment: it may run on the accelerator of its edge site or
// be called in the cloud, and is worth something only before its deadline (Raj et al., "Adaptive
// heuristics for scheduling DNN inferencing on edge and cloud for personalized UAV fleets", arXiv
// 2412.20860).
// Law: every task ends in exactly one `EdgeOutcome`. A policy sees expected times only; actual
// times stay in the core (sim/edge_site.h).
// Not here: LLM requests (sim/request.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/edge_split.h"
#include "sim/units.h"

namespace headroom {

/// One kind of task: expected times, and what its results are worth and cost, in utility points.
struct EdgeTaskType {
  std::string name;
  double benefit = 1;        ///< of a result in time
  double edge_price = 0;     ///< paid for a run at the edge, in time or not
  double cloud_price = 0;    ///< paid for a call in the cloud, in time or not
  Duration edge_time{0};     ///< expected, alone on the accelerator
  Duration cloud_time{0};    ///< expected, from dispatch to result; a high percentile
  Duration deadline{0};      ///< from its arrival
  Duration extension{0};     ///< by which D3+Kalmia may extend the deadline; 0: urgent
  double wanted_rate = 0.9;  ///< share in time that a window needs for its bonus
  double window_bonus = 0;   ///< utility of such a window
  Bytes input{0};            ///< sent to the cloud
  Tokens cloud_prompt{1};    ///< of the request, where the cloud is a simulated cluster
  Tokens cloud_output{1};
  /// Ways to split it between drone and edge; the fastest with this accuracy is chosen. Empty: all
  /// of it runs at the edge.
  std::vector<EdgeSplit> splits{};
  double least_accuracy = 0;
  /// Name in edge_networks() that says `edge_time` on the scenario's device; empty: written out.
  std::string network{};
  /// Measured latencies at the edge (a path): the expected time is their 95th percentile, actual
  /// times are drawn from them.
  std::string latencies{};
  // Of models that a policy chooses among, by cost and quality.
  double loss = 0;     ///< mean, of its answers; lower is better
  Bytes size{0};       ///< of its weights
  double penalty = 0;  ///< a scenario's own: age, licence, security, ...
  /// Of a task with models: where they stand in the run's types, and how many. None: it has no
  /// choice.
  std::uint16_t first_model = 0, models = 0;
  /// The type whose tasks this one may answer as a model, or is a way to split.
  std::optional<std::uint16_t> model_of{};

  [[nodiscard]] double edge_utility() const { return benefit - edge_price; }
  [[nodiscard]] double cloud_utility() const { return benefit - cloud_price; }
};

/// A task as a workload announces it.
struct EdgeArrival {
  Instant time;
  std::uint32_t drone = 0;
  std::uint16_t type = 0;
  Duration deadline{0};    ///< from `time`
  Joules drone_energy{0};  ///< spent on it before it arrived
  /// As a trace recorded them; drawn from the scenario's laws where left out.
  std::optional<Duration> edge_actual{}, cloud_actual{};
};

/// Where the tasks of one site come from, in order of time.
class EdgeTaskSource {
 public:
  virtual ~EdgeTaskSource() = default;
  /// `Instant::never()` at the end.
  [[nodiscard]] virtual Instant next_arrival() const = 0;
  /// Requires next_arrival() < never.
  [[nodiscard]] virtual EdgeArrival take() = 0;
};

/// The tasks of a whole fleet.
class EdgeWorkload {
 public:
  virtual ~EdgeWorkload() = default;
  [[nodiscard]] virtual std::uint32_t sites() const = 0;
  [[nodiscard]] virtual std::unique_ptr<EdgeTaskSource> open_site(std::uint32_t site) const = 0;
};

/// Where a live task is.
enum class EdgePlace : std::uint8_t {
  arriving,  ///< its policy has not placed it yet
  queued,    ///< in the queue of the edge
  parked,    ///< waits for its trigger or for the edge to steal it
  cloud_queue,
  cloud,
  edge,
  gone,
};

/// How a task came to the cloud's queue.
enum class CloudRoute : std::uint8_t { direct, rescheduled, gatekeeper };

/// How a task came to run at the edge.
enum class EdgeStart : std::uint8_t { from_queue, stolen };

enum class DropReason : std::uint8_t {
  time,          ///< the cloud would be too late
  cost,          ///< the cloud would not pay
  expired_edge,  ///< would not end in time when its turn at the edge came
};

/// How a task ended. The first five are in time.
enum class EdgeOutcome : std::uint8_t {
  edge,
  stolen,  ///< in time at the edge, out of the parked tasks
  cloud,
  rescheduled_cloud,  ///< in time in the cloud, displaced from the edge's queue
  gatekeeper_cloud,   ///< in time in the cloud, moved to save a window's rate
  missed_edge,
  missed_cloud,
  drop_time,
  drop_cost,
  rescheduled_drop_time,
  rescheduled_drop_cost,
  expired_edge,
  expired_cloud,  ///< would not end in time when its turn for a call came
};
constexpr int kEdgeOutcomes = 13;
[[nodiscard]] const char* to_string(EdgeOutcome outcome);
[[nodiscard]] constexpr bool in_time(EdgeOutcome outcome) {
  return outcome <= EdgeOutcome::gatekeeper_cloud;
}
/// Utility of a task that ended so: its benefit less what its run cost; 0 for one that never ran.
[[nodiscard]] double utility_of(const EdgeTaskType& type, EdgeOutcome outcome);

/// A live task without its actual times.
struct EdgeTask {
  Instant received;
  Instant deadline;
  Duration edge_time;    ///< expected
  Duration cloud_time;   ///< expected; a policy may have set it (DEMS-A)
  Instant started;       ///< at the edge or in the cloud
  std::uint32_t id = 0;  ///< order of arrival at its site
  std::uint32_t drone = 0;
  std::uint16_t type = 0;
  EdgePlace place = EdgePlace::arriving;
  CloudRoute route = CloudRoute::direct;
  EdgeStart start = EdgeStart::from_queue;
  bool rescheduled = false;  ///< was displaced from the edge's queue
  bool probe = false;        ///< a policy's own mark
  bool copy = false;         ///< a second run of a task, which nobody counts
};

/// What a policy may see of a task. Valid until the policy's answer is carried out.
class EdgeTaskView {
 public:
  EdgeTaskView(std::uint32_t slot, const EdgeTask& task, const EdgeTaskType& type)
      : slot_(slot), task_(&task), type_(&type) {}
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] std::uint32_t id() const { return task_->id; }
  [[nodiscard]] std::uint32_t drone() const { return task_->drone; }
  [[nodiscard]] const EdgeTaskType& type() const { return *type_; }
  [[nodiscard]] std::uint16_t type_index() const { return task_->type; }
  [[nodiscard]] Instant received() const { return task_->received; }
  [[nodiscard]] Instant deadline() const { return task_->deadline; }
  [[nodiscard]] Duration edge_time() const { return task_->edge_time; }
  [[nodiscard]] Duration cloud_time() const { return task_->cloud_time; }
  [[nodiscard]] Duration slack(Instant now) const { return task_->deadline - now; }
  [[nodiscard]] EdgePlace place() const { return task_->place; }
  [[nodiscard]] bool rescheduled() const { return task_->rescheduled; }

 private:
  std::uint32_t slot_;
  const EdgeTask* task_;
  const EdgeTaskType* type_;
};

/// How one task ended, as its policy and the reports learn it.
struct EdgeResult {
  EdgeTask task;
  EdgeOutcome outcome = EdgeOutcome::drop_time;
  Instant when;
  Duration actual{0};  ///< of its run or call; 0 where it never ran
};

}  // namespace headroom
