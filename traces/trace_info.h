// What is in a trace: one pass over its rows.
//
// Law: counts and sums are exact; percentiles are those of LogHistogram (within 1 part in 1024).
// Cost: constant memory but for the sets of sessions and prefix blocks seen (8 bytes a block, at
// most kMaxInfoBlocks).
// Not here: what a system would do with the trace.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/histogram.h"
#include "traces/trace_reader.h"

namespace headroom {

/// Distinct prefix blocks beyond which reuse is no longer counted: 512 MiB of hashes.
constexpr std::size_t kMaxInfoBlocks = std::size_t{1} << 26;

struct LengthSummary {
  std::int64_t sum = 0;
  double mean = 0;
  std::int64_t p50 = 0, p90 = 0, p95 = 0, p99 = 0, largest = 0;
};

/// When requests arrive. Of traces with arrivals only.
struct ArrivalSummary {
  Duration span{0};          ///< first to last arrival
  PerSecond mean_rate{0};    ///< gaps over span; 0 when all arrive at once
  PerSecond peak_second{0};  ///< most arrivals in one of the seconds since the first, aligned
  PerSecond peak_minute{0};  ///< most in one of the minutes, over 60 s
  double gap_cv = 0;         ///< standard deviation over mean of the gaps; 1 for Poisson
  /// Variance over mean of the counts per second (minute), over the whole seconds (minutes) of the
  /// span; 1 for Poisson.
  std::optional<double> dispersion_second, dispersion_minute;
};

/// What a prefix cache without bounds would find: the leading blocks of a prompt that an earlier
/// prompt had.
struct PrefixSummary {
  std::uint64_t blocks = 0, distinct_blocks = 0, hit_blocks = 0;
  Tokens hit_tokens{0};  ///< hit blocks times their size, at most the prompt
  double hit_share_blocks = 0, hit_share_tokens = 0;
  bool complete = true;  ///< false when kMaxInfoBlocks was reached
};

struct TraceInfo {
  std::string name, format;
  std::uint64_t requests = 0;
  SkippedRows skipped;
  LengthSummary prompt, output;
  std::optional<ArrivalSummary> arrivals;
  std::uint64_t sessions = 0, requests_in_sessions = 0, classes = 0;
  std::optional<PrefixSummary> prefix;
};

/// Reads the trace to its end. Throws InputError.
[[nodiscard]] TraceInfo trace_info(TraceReader& reader, const std::string& name);

/// For people, at most 80 columns.
[[nodiscard]] std::string to_text(const TraceInfo& info);

}  // namespace headroom
