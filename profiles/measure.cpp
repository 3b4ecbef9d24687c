#include "profiles/measure.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "profiles/check.h"

namespace headroom {
namespace {

/// Executes steps, one after the other.
class StepRunner {
 public:
  StepRunner(MeasuredDevice& device, const MeasurePlan& plan, const MeasureMethod& method,
             const std::atomic<bool>* stop)
      : device_(device), plan_(plan), method_(method), stop_(stop) {}

  /// Nothing when stopped.
  [[nodiscard]] std::optional<StepRecord> run(std::size_t index, const MeasureStep& step);

 private:
  /// Fills the record. False when stopped.
  [[nodiscard]] bool attempt(const MeasureStep& step, StepRecord& record);
  [[nodiscard]] bool stopped() const { return stop_ != nullptr && stop_->load(); }
  [[nodiscard]] std::int64_t launches_for(ReadyKernel& kernel, bool cold) const;
  /// `before`: the clock once the device is warm.
  [[nodiscard]] bool sample(ReadyKernel& kernel, bool cold, StepRecord& record,
                            double& before) const;
  static LaunchTime timed(ReadyKernel& kernel, bool cold, std::int64_t launches) {
    if (cold) kernel.evict();
    return kernel.time(launches);
  }

  MeasuredDevice& device_;
  const MeasurePlan& plan_;
  const MeasureMethod& method_;
  const std::atomic<bool>* stop_;
  std::set<std::size_t> right_{};  ///< points whose result this process has checked
};

std::optional<StepRecord> StepRunner::run(std::size_t index, const MeasureStep& step) {
  StepRecord record;
  record.step = static_cast<std::int64_t>(index);
  try {
    if (!attempt(step, record)) return std::nullopt;
  } catch (const KernelRefusal& refusal) {
    record = {};
    record.step = static_cast<std::int64_t>(index);
    record.state = StepState::refused;
    record.note = refusal.what();
  }
  return record;
}

bool StepRunner::attempt(const MeasureStep& step, StepRecord& record) {
  const KernelShape& shape = plan_.points[step.point];
  const Preparation ready = device_.prepare(shape, method_.seed + step.point);
  if (ready.kernel == nullptr) {
    record.state = StepState::refused;
    record.note = ready.refusal;
    return true;
  }
  if (!right_.contains(step.point)) {
    record.note = ready.kernel->check();
    if (!record.note.empty()) {
      record.state = StepState::wrong;
      return true;
    }
    right_.insert(step.point);
  }
  double pause = method_.throttle_pause_ns;
  for (int attempt = 0; attempt < method_.throttle_attempts; ++attempt) {
    if (attempt > 0) {
      device_.sleep_ns(pause);
      pause *= 2;
    }
    double before = 0;
    if (!sample(*ready.kernel, starts_cold(shape), record, before)) return false;
    record.clock = device_.clock();
    if (!(record.clock < method_.throttled_below * before)) {
      record.note = ready.kernel->about();
      return true;
    }
  }
  record.state = StepState::throttled;
  return true;
}

/// Cold kernels run once a sample: the second launch would find its operands in the caches.
std::int64_t StepRunner::launches_for(ReadyKernel& kernel, bool cold) const {
  constexpr std::int64_t kMostLaunches = 1 << 16;
  std::int64_t launches = 1;
  while (!cold && launches < kMostLaunches) {
    const double took = kernel.time(launches).device_ns * static_cast<double>(launches);
    if (took >= method_.least_sample_ns) break;
    launches *= 2;
  }
  return launches;
}

bool StepRunner::sample(ReadyKernel& kernel, bool cold, StepRecord& record, double& before) const {
  record.device_ns.clear();
  record.wall_ns.clear();
  const double warm_up = device_.now_ns();
  do {
    static_cast<void>(timed(kernel, cold, 1));
    if (stopped()) return false;
  } while (device_.now_ns() - warm_up < method_.warm_up_ns);
  record.launches = launches_for(kernel, cold);
  // A GPU under load runs below the clock that it idles at: that is its pace, not a slowdown.
  before = device_.clock();
  StopRule rule(method_.stop);
  StopState state = StopState::go_on;
  const double begin = device_.now_ns();
  while (state == StopState::go_on) {
    if (stopped()) return false;
    const LaunchTime time = timed(kernel, cold, record.launches);
    if (time.wall_ns > 0) record.wall_ns.push_back(time.wall_ns);
    state = rule.add(time.device_ns, time.device_ns * static_cast<double>(record.launches),
                     device_.now_ns() - begin);
  }
  record.device_ns = rule.samples();
  record.state = state == StopState::settled ? StepState::settled : StepState::noisy;
  return true;
}

/// All samples of one point that count, pass by pass.
struct PointSamples {
  std::vector<SampleSummary> device{}, wall{};
  bool noisy = false;
  std::string why_not{};  ///< of the last step that does not count
};

KernelTimes times_of(const std::vector<SampleSummary>& passes) {
  KernelTimes times;
  if (passes.empty()) return times;
  std::vector<double> medians, p90s;
  double sum = 0, count = 0;
  times.min_ns = passes.front().min;
  for (const SampleSummary& pass : passes) {
    medians.push_back(pass.median);
    p90s.push_back(pass.p90);
    times.min_ns = std::min(times.min_ns, pass.min);
    sum += pass.mean * static_cast<double>(pass.count);
    count += static_cast<double>(pass.count);
  }
  const SampleSummary over = summarise(medians);
  times.median_ns = over.median;
  times.stddev_ns = over.stddev;
  times.p90_ns = summarise(p90s).median;
  times.mean_ns = sum / count;
  return times;
}

std::string why_left_out(const MeasuredPoint& point, const PointSamples& samples,
                         const DevicePeaks& peaks) {
  if (samples.device.empty()) return samples.why_not.empty() ? "not measured" : samples.why_not;
  if (!(point.device.median_ns > 0)) return "took no measurable time";
  DevicePeaks limits = peaks;
  // Operands in caches do not cross the memory's bus.
  if (!starts_cold(point.shape)) limits.bytes_per_second = 0;
  const double least_ns = roofline_seconds(point.shape, limits) * 1e9;
  // 5 %: what peaks as vendors state them are uncertain by (specified clocks are exceeded).
  if (point.device.median_ns < least_ns / 1.05)
    return "faster than the device can be: " + std::to_string(point.device.median_ns) +
           " ns where its peaks allow no less than " + std::to_string(least_ns) + " ns";
  return {};
}

double drift_of(const std::vector<std::vector<std::pair<std::int64_t, double>>>& anchors) {
  std::vector<double> sum, count;
  for (const auto& looks : anchors) {
    std::vector<double> medians;
    for (const auto& [group, median] : looks) medians.push_back(median);
    const double middle = summarise(medians).median;
    if (!(middle > 0)) continue;
    for (const auto& [group, median] : looks) {
      const auto at = static_cast<std::size_t>(group);
      if (sum.size() <= at) {
        sum.resize(at + 1);
        count.resize(at + 1);
      }
      sum[at] += median / middle;
      count[at] += 1;
    }
  }
  double worst = 0;
  for (std::size_t at = 0; at < sum.size(); ++at)
    if (count[at] > 0) worst = std::max(worst, std::abs(sum[at] / count[at] - 1));
  return worst;
}

void count_rows(MeasureOutcome& outcome) {
  double squares = 0;
  std::int64_t freedom = 0;
  std::vector<double> ratios;
  for (const MeasuredPoint& point : outcome.points) {
    if (!point.left_out.empty()) {
      ++outcome.left_out;
      continue;
    }
    ++outcome.rows;
    outcome.noisy += point.noisy ? 1 : 0;
    outcome.short_of_passes += point.missing.empty() ? 0 : 1;
    outcome.least_samples =
        outcome.rows == 1 ? point.samples : std::min(outcome.least_samples, point.samples);
    const double relative = point.device.stddev_ns / point.device.median_ns;
    squares += relative * relative * (point.passes - 1);
    freedom += point.passes - 1;
    if (point.wall.median_ns > 0) ratios.push_back(point.wall.median_ns / point.device.median_ns);
  }
  if (freedom > 0) outcome.spread = std::sqrt(squares / static_cast<double>(freedom));
  outcome.wall_over_device = summarise(ratios).median;
}

}  // namespace

MeasureMethod method_for(PlanFor device, const std::string& plan) {
  MeasureMethod method;
  const bool quick = plan == "quick";
  if (device == PlanFor::cpu) {
    method.warm_up_ns = quick ? 5e6 : 25e6;
    method.stop.noise = 0.01;
    method.stop.least_ns = quick ? 20e6 : 100e6;
    method.stop.most_ns = quick ? 0.4e9 : 3e9;
    // A processor shared with others drifts more than a GPU whose clocks are its own.
    method.most_drift = 0.15;
    return method;
  }
  method.stop.least_ns = quick ? 20e6 : 100e6;
  method.stop.most_ns = quick ? 2e9 : 15e9;
  return method;
}

std::vector<MeasureStep> schedule_of(const MeasurePlan& plan, const MeasureMethod& method) {
  std::vector<MeasureStep> steps;
  std::int64_t group = 0;
  const auto look = [&](int pass) {
    for (const std::size_t anchor : plan.anchors) steps.push_back({anchor, pass, group});
    ++group;
  };
  std::size_t since = method.anchor_every;
  for (int pass = 0; pass < method.passes; ++pass)
    for (const std::size_t point : pass_order(plan, method.seed, pass)) {
      if (since >= method.anchor_every) {
        look(pass);
        since = 0;
      }
      steps.push_back({point, pass, -1});
      ++since;
    }
  if (method.passes > 0) look(method.passes - 1);
  return steps;
}

bool run_schedule(MeasuredDevice& device, const MeasurePlan& plan, const MeasureMethod& method,
                  MeasureJournal& journal, const MeasureHooks& hooks) {
  const std::vector<MeasureStep> steps = schedule_of(plan, method);
  std::set<std::int64_t> held;
  for (const StepRecord& record : journal.records()) held.insert(record.step);
  StepRunner runner(device, plan, method, hooks.stop);
  std::size_t mine = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (held.contains(static_cast<std::int64_t>(i))) continue;
    if (hooks.progress)
      hooks.progress({held.size() + mine, steps.size(), describe(plan.points[steps[i].point])});
    std::optional<StepRecord> record = runner.run(i, steps[i]);
    if (!record) return false;
    journal.append(std::move(*record));
    ++mine;
  }
  return true;
}

MeasureOutcome evaluate(const MeasurePlan& plan, const MeasureMethod& method,
                        const std::vector<StepRecord>& records, const DevicePeaks& peaks) {
  const std::vector<MeasureStep> steps = schedule_of(plan, method);
  std::vector<PointSamples> samples(plan.points.size());
  std::vector<std::vector<std::pair<std::int64_t, double>>> anchors(plan.points.size());
  std::vector<double> clocks;
  MeasureOutcome outcome;
  for (const StepRecord& record : records) {
    const auto at = static_cast<std::size_t>(record.step);
    if (record.step < 0 || at >= steps.size()) continue;
    const MeasureStep& step = steps[at];
    PointSamples& of = samples[step.point];
    if (record.state != StepState::settled && record.state != StepState::noisy) {
      // An anchor is no pass of its kernel, but a wrong result is wrong wherever it was seen.
      if (step.group >= 0 && record.state != StepState::wrong) continue;
      // What was wrong once stays wrong.
      if (!of.why_not.starts_with(to_string(StepState::wrong)))
        of.why_not =
            std::string(to_string(record.state)) + (record.note.empty() ? "" : ": ") + record.note;
      continue;
    }
    if (record.clock > 0) clocks.push_back(record.clock);
    if (!record.note.empty()) outcome.about.insert(record.note);
    const SampleSummary summary = summarise(record.device_ns);
    if (step.group >= 0) {
      anchors[step.point].emplace_back(step.group, summary.median);
      continue;
    }
    of.device.push_back(summary);
    if (!record.wall_ns.empty()) of.wall.push_back(summarise(record.wall_ns));
    of.noisy = of.noisy || record.state == StepState::noisy;
  }
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    MeasuredPoint point;
    point.shape = plan.points[i];
    point.device = times_of(samples[i].device);
    point.wall = times_of(samples[i].wall);
    point.passes = static_cast<int>(samples[i].device.size());
    for (const SampleSummary& pass : samples[i].device)
      point.samples += static_cast<std::int64_t>(pass.count);
    point.noisy = samples[i].noisy;
    point.missing = samples[i].why_not;
    point.left_out = why_left_out(point, samples[i], peaks);
    // A result that was wrong once is wrong, whatever its times.
    if (point.left_out.empty() && samples[i].why_not.starts_with("wrong"))
      point.left_out = samples[i].why_not;
    outcome.points.push_back(std::move(point));
  }
  outcome.drift = drift_of(anchors);
  outcome.drift_known =
      std::any_of(anchors.begin(), anchors.end(), [](const auto& looks) { return !looks.empty(); });
  outcome.clock = quantile(clocks, 0.5);
  outcome.least_clock = quantile(clocks, 0);
  count_rows(outcome);
  return outcome;
}

}  // namespace headroom
