#include "profiles/measure_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "profiles/check.h"

namespace headroom {
namespace {

constexpr const char* kWallNote = "wall clock; ";
constexpr std::size_t kMostNamed = 20;

/// Root mean square of the relative deviations of passes that rows report.
double reported_spread(const std::vector<KernelTimes>& rows) {
  double squares = 0;
  for (const KernelTimes& times : rows)
    squares += times.stddev_ns / times.median_ns * (times.stddev_ns / times.median_ns);
  return rows.empty() ? 0 : std::sqrt(squares / static_cast<double>(rows.size()));
}

std::string why_left_out(const MeasuredPoint& point) { return point.left_out; }
/// Of a row that is stored: what makes it less sure than others.
std::string why_flagged(const MeasuredPoint& point) {
  if (!point.left_out.empty()) return {};
  std::string why;
  if (!point.missing.empty()) why = fmt::format("{} passes, then {}", point.passes, point.missing);
  if (point.noisy) why += why.empty() ? "noisy" : ", noisy";
  return why;
}

/// The first kernels with a reason, and how many more there are.
std::string named_text(const MeasureOutcome& outcome, std::string (*why)(const MeasuredPoint&),
                       const std::string& title, const std::string& between,
                       std::size_t most = kMostNamed) {
  std::string text;
  std::size_t found = 0;
  for (const MeasuredPoint& point : outcome.points) {
    const std::string reason = why(point);
    if (reason.empty() || found++ >= most) continue;
    text += fmt::format("{}{}: {} ({})", between, title, describe(point.shape), reason);
  }
  if (found > most) text += fmt::format("{}{}: {} more", between, title, found - most);
  return text;
}

std::string drift_text(const MeasureOutcome& outcome) {
  return outcome.drift_known ? fmt::format("{:.2f} %", outcome.drift * 100)
                             : "an unknown amount (no anchor could be measured)";
}

/// A device whose clock is known in MHz, else relative; empty: unknown.
std::string clock_text(const ProfileRun& run, const MeasureOutcome& outcome) {
  if (!(outcome.clock > 0)) return {};
  if (run.sm_clock_mhz > 0)
    return fmt::format("clock while sampling {:.0f} MHz in the median, {:.0f} at least, of {:.0f}",
                       outcome.clock, outcome.least_clock, run.sm_clock_mhz);
  return fmt::format("slowest clock while sampling {:.0f} % of the median",
                     100 * outcome.least_clock / outcome.clock);
}

void insert_rows(ProfileStore& store, std::int64_t run, const MeasureOutcome& outcome,
                 KernelTimes MeasuredPoint::*times) {
  for (const MeasuredPoint& point : outcome.points)
    if (point.left_out.empty()) store.insert_kernel(run, {point.shape, point.*times});
}

}  // namespace

std::string measurement_identity(const ProfileRun& run, const std::string& unit,
                                 const MeasurePlan& plan, const MeasureMethod& method) {
  return fmt::format("{}, {}driver {}, {} {}, {} {}, plan {} {}, {} passes, seed {}", run.device,
                     unit.empty() ? "" : unit + ", ", run.driver.empty() ? "none" : run.driver,
                     run.library, run.library_version, run.tool, run.tool_version, plan.name,
                     plan.hash(), method.passes, method.seed);
}

Agreement agreement_with_earlier(const ProfileStore& store, const ProfileRun& run,
                                 const MeasureOutcome& outcome) {
  Agreement agreement;
  for (const StoredRun& stored : store.stored_runs())
    if (stored.run.device == run.device && stored.run.plan_hash == run.plan_hash &&
        stored.run.library == run.library && stored.run.library_version == run.library_version &&
        !stored.run.notes.starts_with(kWallNote))
      agreement.earlier_run = stored.id;
  if (agreement.earlier_run == 0) return agreement;
  std::map<KernelShape, KernelTimes> earlier;
  store.each_kernel(agreement.earlier_run, "",
                    [&](const KernelRow& row) { earlier[row.shape] = row.times; });
  std::vector<KernelTimes> before, now;
  std::vector<double> ratios;
  int passes = 1;
  for (const MeasuredPoint& point : outcome.points) {
    const auto found = earlier.find(point.shape);
    if (!point.left_out.empty() || found == earlier.end()) continue;
    before.push_back(found->second);
    now.push_back(point.device);
    ratios.push_back(point.device.median_ns / found->second.median_ns - 1);
    passes = std::max(passes, point.passes);
  }
  agreement.rows = static_cast<std::int64_t>(ratios.size());
  const double a = reported_spread(before), b = reported_spread(now);
  // The median of few values errs by about 1.2 of their mean's error (normal law: sqrt(pi / 2) for
  // many, 1.16 for three).
  agreement.expected = 1.2 * std::sqrt((a * a + b * b) / passes);
  std::vector<double> sizes;
  for (const double ratio : ratios) {
    sizes.push_back(std::abs(ratio));
    agreement.within += std::abs(ratio) <= 2 * agreement.expected ? 1 : 0;
  }
  agreement.median = quantile(sizes, 0.5);
  agreement.p90 = quantile(sizes, 0.9);
  agreement.shift = quantile(ratios, 0.5);
  return agreement;
}

std::int64_t store_measurement(ProfileStore& store, ProfileRun run, const MeasurePlan& plan,
                               const MeasureMethod& method, const MeasureOutcome& outcome) {
  run.plan_hash = plan.hash();
  run.repeats = outcome.least_samples;
  run.notes += fmt::format(
      "; plan {}: {} points, {} stored, {} of them noisy, {} of fewer passes, {} left out; {} "
      "passes in shuffled order, seed {}; passes of a row differ by {:.2f} % (root mean square), "
      "anchors drift by {}; stddev is that between passes",
      plan.name, outcome.points.size(), outcome.rows, outcome.noisy, outcome.short_of_passes,
      outcome.left_out, method.passes, method.seed, outcome.spread * 100, drift_text(outcome));
  for (const std::string& about : outcome.about) run.notes += "; " + about;
  if (const std::string clock = clock_text(run, outcome); !clock.empty()) run.notes += "; " + clock;
  run.notes += named_text(outcome, why_left_out, "left out", "; ");
  run.notes += named_text(outcome, why_flagged, "flagged", "; ");
  ProfileStore::Transaction transaction(store);
  if (outcome.wall_over_device > 0) {
    ProfileRun wall = run;
    wall.notes = kWallNote + run.notes;
    insert_rows(store, store.insert_run(wall), outcome, &MeasuredPoint::wall);
    run.notes = fmt::format("processor time of the thread (wall time is {:.2f} of it); {}",
                            outcome.wall_over_device, run.notes);
  }
  const std::int64_t id = store.insert_run(run);
  insert_rows(store, id, outcome, &MeasuredPoint::device);
  transaction.commit();
  return id;
}

std::string measurement_text(const ProfileRun& run, const MeasureOutcome& outcome,
                             const Agreement& agreement) {
  std::string text = fmt::format(
      "{} kernels, {} of them noisy, {} of fewer passes, {} left out; at least {} samples each\n"
      "repeatability: passes of a kernel differ by {:.2f} % (root mean square); anchors drift by "
      "{}\n",
      outcome.rows, outcome.noisy, outcome.short_of_passes, outcome.left_out, outcome.least_samples,
      outcome.spread * 100, drift_text(outcome));
  if (const std::string clock = clock_text(run, outcome); !clock.empty()) text += clock + "\n";
  if (outcome.wall_over_device > 0)
    text += fmt::format("wall time is {:.2f} of processor time in the median\n",
                        outcome.wall_over_device);
  for (const std::string& named :
       {named_text(outcome, why_left_out, "left out", "\n", outcome.points.size()),
        named_text(outcome, why_flagged, "flagged", "\n")})
    if (!named.empty()) text += named.substr(1) + "\n";
  if (agreement.earlier_run > 0 && agreement.rows > 0)
    text += fmt::format(
        "reproducibility: against run {}, {} kernels differ by {:.2f} % in the median (p90 {:.2f} "
        "%, as a whole {:+.2f} %); {:.0f} % are within two standard errors ({:.2f} %) of the "
        "reported noise\n",
        agreement.earlier_run, agreement.rows, agreement.median * 100, agreement.p90 * 100,
        agreement.shift * 100,
        100.0 * static_cast<double>(agreement.within) / static_cast<double>(agreement.rows),
        200 * agreement.expected);
  return text;
}

}  // namespace headroom
