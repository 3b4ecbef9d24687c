// How far predictions are from measured serving points: errors, their statistics, their tables.
//
// An error is predicted / measured - 1.
// Laws: every point is counted once, as scored, doubtful or unpredicted; medians and p90 are
// nearest-rank, hence values that occurred; which points calibration may look at follows from what
// ran alone, so repeats of one configuration stay on one side.
// Cost: O(points log points).
// Not here: how predictions are made (sim/cli/validate_run.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cost_model.h"

namespace headroom {

/// Which half a point belongs to: constants are fitted on one and scored on both.
enum class Split : std::uint8_t { fit, held_out };
[[nodiscard]] const char* to_string(Split split);
/// By hash of what ran.
[[nodiscard]] Split split_of(std::string_view configuration);

/// Means, then quantiles over the requests of a run.
enum class ServingMetric : std::uint8_t {
  tpot,
  ttft,
  end_to_end,
  throughput,
  tpot_p90,
  tpot_p99,
  ttft_p90,
  ttft_p99,
  end_to_end_p90,
  end_to_end_p99,
};
constexpr int kServingMetrics = 10;
constexpr int kMeanMetrics = 4;  ///< the first ones
[[nodiscard]] const char* to_string(ServingMetric metric);

/// What was measured or predicted; ms and, for throughput, output tokens a second.
using ServingFigures = std::array<std::optional<double>, kServingMetrics>;
/// End to end of a nominal request, and the throughput of a closed loop of `concurrency` clients
/// (Little's law), from the other two.
[[nodiscard]] ServingFigures figures_of(double ttft_ms, double tpot_ms, double output_tokens,
                                        double concurrency);

/// What sort of model a point ran.
enum class ModelKind : std::uint8_t { unknown, dense, mixture, latent };

struct ValidatedPoint {
  std::string id, where;
  std::string device, model, engine, mode;  ///< what groups are made of
  std::string detail;                       ///< the run in a few words, for the list of the worst
  ModelKind kind = ModelKind::unknown;
  int stage = -1;  ///< load stage of a run; -1: all of it
  Split split = Split::fit;
  std::string doubt;        ///< why the measurement itself is in doubt; empty: it is not
  std::string unpredicted;  ///< why there is no prediction; empty: there is one
  std::string note;         ///< what was approximated
  ServingFigures measured{}, predicted{};
  // What the prediction rests on.
  std::array<double, kOperatorClasses> time_share{};  ///< of iteration time, by kind of work
  std::array<double, kEvidences> evidence{};  ///< of it: measured, interpolated, extrapolated
  std::array<double, kOperatorClasses> extrapolated{};  ///< of it, by kind of work
  double busy = 0;          ///< share of the span with a batch in flight
  double queued_share = 0;  ///< of TTFT, before the first computation
  std::int64_t kv_blocks = 0;
  double kv_demand = 0;  ///< KV of all clients' longest requests over that
  double kv_peak = 0;    ///< highest share of KV blocks in use
  std::int64_t preemptions = 0;

  [[nodiscard]] std::optional<double> error(ServingMetric metric) const;
};

/// Statistics of errors; all shares, not percent.
struct ErrorScore {
  std::size_t points = 0;
  double mape = 0;           ///< mean of |error|
  double median_ape = 0;     ///< median of |error|
  double median_signed = 0;  ///< median of error
  double p90_ape = 0;
};
[[nodiscard]] ErrorScore score_of(std::vector<double> errors);

/// One row of the table of groups.
struct GroupScore {
  std::vector<std::string> key;  ///< values of the chosen labels
  std::size_t points = 0;        ///< with a prediction and no doubt
  std::size_t unpredicted = 0;
  std::array<ErrorScore, kServingMetrics> all{}, fit{}, held_out{};
};

enum class GroupLabel : std::uint8_t { device, model, engine, mode };
[[nodiscard]] const char* to_string(GroupLabel label);

/// A figure that the project is held to, over the points it names.
struct HeadlineFigure {
  std::string name;
  ServingMetric metric{};
  double target = 0;  ///< of the median |error|, a share; 0: none
  ErrorScore all{}, fit{}, held_out{};
  /// Share of points within a factor of 2 of the measured; only where the target is on that.
  std::optional<double> within_double{};
};

struct Validation {
  std::vector<HeadlineFigure> headlines;  ///< those with points
  std::vector<GroupLabel> labels;
  std::vector<ValidatedPoint> points;  ///< in input order
  GroupScore total;                    ///< key empty
  std::vector<GroupScore> groups;      ///< sorted by key
  GroupScore doubtful;                 ///< the points apart
  /// Reasons for no prediction with their counts, most frequent first.
  std::vector<std::pair<std::string, std::size_t>> reasons;
  /// Indices of the worst points by |end-to-end error|, worst first.
  std::vector<std::size_t> worst;
  std::string calibration;  ///< which constants were fitted on what, a line each
};

/// Scores points. Pure.
[[nodiscard]] Validation validate_points(std::vector<ValidatedPoint> points,
                                         std::vector<GroupLabel> labels, std::size_t most_worst);

/// The headline figures of points; doubtful and unpredicted ones stay out.
[[nodiscard]] std::vector<HeadlineFigure> headline_figures(
    const std::vector<ValidatedPoint>& points);
/// The same points validated on two cost models: each headline figure on both and the difference,
/// over the points that both predicted. Requires equal points in equal order.
[[nodiscard]] std::string comparison_text(const std::vector<ValidatedPoint>& first,
                                          const std::string& first_name,
                                          const std::vector<ValidatedPoint>& second,
                                          const std::string& second_name);
[[nodiscard]] std::string headline_text(const std::vector<HeadlineFigure>& figures);

/// Why a point is so far off: which part dominates and what follows, one sentence.
[[nodiscard]] std::string explain(const ValidatedPoint& point);
/// Whether kernels of every kind that counts were measured on the device that the prediction is
/// for: at most a twentieth of its time is extrapolated.
[[nodiscard]] bool rests_on_its_device(const ValidatedPoint& point);
/// "collective 14 %, ...": kinds of work of which a hundredth of the time and more is extrapolated.
[[nodiscard]] std::string extrapolated_text(const ValidatedPoint& point);

[[nodiscard]] std::string validation_text(const Validation& validation);
[[nodiscard]] std::string validation_markdown(const Validation& validation);
/// One line a point.
[[nodiscard]] std::string validation_csv(const Validation& validation);

}  // namespace headroom
