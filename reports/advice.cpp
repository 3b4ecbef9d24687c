#include "reports/advice.h"

#include <fmt/format.h>

#include "reports/number_text.h"
#include "reports/summary.h"

namespace headroom {
namespace {

// Thresholds are editorial: below them a planner gains nothing from acting.
constexpr double kManyPreemptions = 0.01;    // a finished request
constexpr double kMuchStall = 0.2;           // of end-to-end latency
constexpr double kMuchExtrapolation = 0.05;  // of simulated time

double per_request(std::int64_t count, const Summary& s) {
  return s.finished > 0 ? static_cast<double>(count) / static_cast<double>(s.finished) : 0;
}

void warn_of_gaps(Summary& s) {
  if (s.unfinished > 0) {
    s.warnings.push_back(fmt::format(
        "{} requests were not done when the run ended; they count as missing the SLO and are in no "
        "latency figure",
        s.unfinished));
  }
  if (s.truncated > 0) {
    s.warnings.push_back(
        fmt::format("{} outputs were cut at the engine's maximum length", s.truncated));
  }
  const double extrapolated = s.time.by_evidence[static_cast<std::size_t>(Evidence::extrapolated)];
  if (extrapolated > kMuchExtrapolation) {
    s.warnings.push_back(
        fmt::format("{} of simulated time rests on extrapolated costs", percent(extrapolated)));
  }
}

void advise_on_load(Summary& s) {
  if (s.saturation.hint == SaturationHint::backlogged) {
    s.advice.push_back(
        fmt::format("Backlogged: the queue grew by {} requests a second while requests arrived, so "
                    "latencies depend "
                    "on how long the run is; add replicas or lower the request rate",
                    significant(s.saturation.growth_per_s, 3)));
  }
  const std::uint64_t never = s.rejected[static_cast<std::size_t>(RejectReason::never_fits)];
  if (never > 0) {
    s.advice.push_back(
        fmt::format("{} requests need more KV memory than a whole replica has; use more GPUs a "
                    "replica or a smaller KV "
                    "data type",
                    never));
  }
  const std::uint64_t too_long =
      s.rejected[static_cast<std::size_t>(RejectReason::prompt_too_long)];
  if (too_long > 0) {
    s.advice.push_back(
        fmt::format("{} prompts exceed the longest that the engine accepts; raise max_model_len or "
                    "drop them from the "
                    "workload",
                    too_long));
  }
}

void advise_on_engine(Summary& s) {
  const std::int64_t preemptions = s.engine.preemptions_recompute + s.engine.preemptions_swap;
  if (per_request(preemptions, s) > kManyPreemptions) {
    s.advice.push_back(
        fmt::format("{} preemptions for {} finished requests: KV memory is short; add replicas, "
                    "use more GPUs a replica, "
                    "or let fewer requests run at once",
                    preemptions, s.finished));
  }
  for (const PartShare& part : s.parts) {
    if (std::string_view(part.key) == "stalled" && part.share > kMuchStall) {
      s.advice.push_back(fmt::format(
          "{} of latency is decodes stalled by other requests' prefill; use chunked prefill or a "
          "smaller token budget",
          percent(part.share)));
    }
  }
}

/// How much the answer hangs on the number of KV blocks, which real engines seldom have as
/// computed.
void note_kv_room(Summary& s) {
  if (!s.engine.kv_peak) return;
  const std::int64_t preemptions = s.engine.preemptions_recompute + s.engine.preemptions_swap;
  const std::string peak = percent(*s.engine.kv_peak);
  if (*s.engine.kv_peak <= kTightKv && preemptions == 0) {
    s.notes.push_back(fmt::format(
        "KV memory: at most {} of a replica's blocks in use; 10 % fewer would hold all that ran",
        peak));
    return;
  }
  s.notes.push_back(fmt::format(
      "KV memory: {} of a replica's blocks in use at most, more than {} of all during {} of the "
      "run, {} preemptions; 10 % more or fewer blocks would change these figures: give kv_blocks "
      "as the real engine reports them",
      peak, percent(kTightKv), s.engine.kv_tight ? percent(*s.engine.kv_tight) : "-", preemptions));
}

void note_intervals(Summary& s) {
  for (const ConfidenceRow& row : s.confidence) {
    const IntervalQuality quality = row.interval.quality;
    if (quality == IntervalQuality::correlated) {
      s.notes.push_back(
          fmt::format("the interval of the mean {} may be too narrow: the run is short against how "
                      "long its load swings last",
                      label_of(row.metric)));
    }
    if (quality == IntervalQuality::no_steady_state) {
      s.notes.push_back(
          fmt::format("the mean {} never settled within the first half of the run; its interval is "
                      "no steady-state figure",
                      label_of(row.metric)));
    }
  }
}

}  // namespace

void add_remarks(Summary& summary) {
  summary.notes = summary.context.notes;
  summary.warnings = summary.context.warnings;
  warn_of_gaps(summary);
  advise_on_load(summary);
  advise_on_engine(summary);
  note_kv_room(summary);
  note_intervals(summary);
}

}  // namespace headroom
