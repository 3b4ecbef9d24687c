// The timeline of a serving system: a process a replica, its iterations as slices with what their
// batches hold, its KV blocks as a curve; requests as slices from arrival to their last token, and
// as flows through the iterations that served them, from prefill over transfer to decode.
//
// A long run is shown in windows: each is whole (every iteration, every request that arrives in
// it), gaps between them grow with time, and all of them together stay within a budget of bytes.
// The cluster's curves cover the whole run, and a track says where detail is.
// Laws: slices of one track do not overlap; a request is shown to its end; same run, same bytes.
// Cost: memory of the shown requests that live; nothing where no timeline is asked for.
// Not here: the format (reports/trace_events.h), tasks of edge sites (reports/edge_timeline.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/trace_events.h"
#include "sim/metrics.h"
#include "sim/milestone.h"

namespace headroom {

/// What windows may take together; viewers open it at once.
constexpr std::uint64_t kTimelineBytes = std::uint64_t{14} << 20;
/// What one window that somebody names may take; viewers still open it.
constexpr std::uint64_t kMostTimelineBytes = std::uint64_t{150} << 20;

struct TimelineWindow {
  std::optional<Instant> from{}, to{};  ///< one window, as named; both absent: windows as above
  [[nodiscard]] bool named() const { return from || to; }
};

class ServingTimeline final : public MetricsSink, public MilestoneSink {
 public:
  /// `replicas` names each of them. Throws InputError.
  ServingTimeline(const std::string& path, std::vector<std::string> replicas,
                  TimelineWindow window = {});
  void on_iterations(const IterationRun& run) override;
  void on_sample(const ClusterSample& sample) override;
  void on_milestone(const MilestoneSeen& seen) override;
  /// Throws InputError; without it no file appears.
  void commit(Instant end);
  /// Whether windows left anything out.
  [[nodiscard]] bool sampled() const { return sampled_; }

 private:
  /// A request that is shown: where it is, and since when.
  struct Shown {
    std::uint64_t process = 0;
    const char* phase = nullptr;
    bool flows = false;  ///< its flow has begun
  };

  [[nodiscard]] bool detailed(Instant now);
  void close_window(Instant now);
  [[nodiscard]] std::uint64_t process_of(ReplicaId replica);
  void enter(Shown& shown, std::uint64_t id, const char* phase, const MilestoneSeen& seen);
  void leave(Shown& shown, std::uint64_t id, Instant when);
  void show_flow(Shown& shown, const MilestoneSeen& seen, Instant inside);

  TraceEvents events_;
  std::vector<std::string> replicas_;
  std::vector<char> named_;
  std::vector<std::vector<Instant>> lanes_;  ///< by replica: when each of its tracks is free
  TimelineWindow window_;
  std::map<std::uint32_t, Shown> live_;
  Instant origin_ = Instant::never();  ///< first thing that happened
  Instant opens_;                      ///< the next window, where none is open
  Instant opened_;
  bool open_ = false;
  bool sampled_ = false;
  std::uint64_t spent_before_ = 0;  ///< bytes of windows before this one
  std::uint64_t share_ = 0;         ///< of this window
};

}  // namespace headroom
