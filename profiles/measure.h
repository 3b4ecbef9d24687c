// A measurement: every kernel of a plan timed in several passes, in shuffled order, with anchors in
// between that show the machine drift, until each median is sure enough or its time is up.
//
// Law: the schedule is a function of plan and method; a step that the journal holds is never
// measured again; a step during which the device slowed down or refused the kernel does not count;
// a kernel none of whose steps counts, whose result is wrong, or that is faster than the device can
// be yields no row and is named, and so is a row of fewer passes or of noisy ones. Cost: the
// plan's; no work of its own between two launches of a sample. Not here: devices
// (profiles/measure_device.h), storing (profiles/measure_store.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "profiles/measure_device.h"
#include "profiles/measure_journal.h"
#include "profiles/measure_plan.h"
#include "profiles/measure_stats.h"

namespace headroom {

struct MeasureMethod {
  int passes = 3;
  std::uint64_t seed = 1;  ///< of the order and of the operands
  StopLimits stop{};
  double warm_up_ns = 25e6;        ///< launches before the first sample, by wall time
  double least_sample_ns = 100e3;  ///< hot kernels are launched so often that a sample takes this
  std::size_t anchor_every = 40;   ///< points between two looks at the anchors
  double most_drift = 0.03;        ///< anchors that move further make the measurement void
  double throttled_below = 0.9;    ///< clock after a step over clock once it was warm
  int throttle_attempts = 3;
  double throttle_pause_ns = 50e6;  ///< before the second attempt; doubles with each
};

/// Methods that suit a device; `quick` plans are given less time a kernel.
[[nodiscard]] MeasureMethod method_for(PlanFor device, const std::string& plan);

/// One step of the schedule.
struct MeasureStep {
  std::size_t point = 0;  ///< index in the plan
  int pass = 0;
  std::int64_t group = -1;  ///< which look at the anchors; -1: a point of its own
};
[[nodiscard]] std::vector<MeasureStep> schedule_of(const MeasurePlan& plan,
                                                   const MeasureMethod& method);

struct MeasureProgress {
  std::size_t done = 0, all = 0;  ///< steps, those of earlier processes included
  std::string doing{};            ///< the shape
};

struct MeasureHooks {
  const std::atomic<bool>* stop = nullptr;  ///< true: finish no further step
  std::function<void(const MeasureProgress&)> progress{};
};

/// Runs what the journal does not hold yet. False when stopped: the step in progress is lost.
/// Throws InputError when the journal cannot be written.
[[nodiscard]] bool run_schedule(MeasuredDevice& device, const MeasurePlan& plan,
                                const MeasureMethod& method, MeasureJournal& journal,
                                const MeasureHooks& hooks);

/// One kernel's times over all passes.
struct MeasuredPoint {
  KernelShape shape{};
  /// median, p90: medians over passes; min, mean: over all samples; stddev: between the medians of
  /// passes, which is how far a repetition of the whole measurement moves.
  KernelTimes device{};
  KernelTimes wall{};  ///< all 0 when the device knows no other time
  std::int64_t samples = 0;
  int passes = 0;          ///< that count
  bool noisy = false;      ///< in at least one pass the time was up before the median was sure
  std::string missing{};   ///< why a pass does not count; empty: all do
  std::string left_out{};  ///< why there is no row; empty: there is one
};

struct MeasureOutcome {
  std::vector<MeasuredPoint> points{};  ///< in the order of the plan
  std::int64_t rows = 0, left_out = 0;
  std::int64_t noisy = 0, short_of_passes = 0;  ///< rows among `rows`
  std::int64_t least_samples = 0;               ///< of any row
  /// Root mean square over rows of the relative deviation of a pass from its row, n - 1 weighted.
  double spread = 0;
  /// Largest deviation of one look at the anchors from the middle of all, mean over the anchors.
  double drift = 0;
  bool drift_known = false;       ///< some anchor was measured
  std::set<std::string> about{};  ///< what kernels say about themselves
  double wall_over_device = 0;    ///< median over rows; 0: no wall times
  /// The device's clock over all steps, in its unit; 0: unknown.
  double clock = 0, least_clock = 0;
};

/// What the steps say. Pure: a function of its arguments.
[[nodiscard]] MeasureOutcome evaluate(const MeasurePlan& plan, const MeasureMethod& method,
                                      const std::vector<StepRecord>& records,
                                      const DevicePeaks& peaks);

}  // namespace headroom
