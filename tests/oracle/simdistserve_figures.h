// What the tests against DistServe's released simulator share: its workload, its capacities, the
// figures it prints.
//
// Law: expected figures are compared to half a unit of their last printed digit.
// Cost: tests only.
// Not here: how a system under test is built.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/catch.h"
#include "tests/toy_world.h"
#include "traces/w_lcg.h"

namespace headroom::simdistserve {

struct Run {
  std::vector<FinishedRequest> finished;
  Metrics metrics;
};

inline std::vector<RequestSpec> w_lcg(WLcg::Lengths lengths, double rate, std::size_t count) {
  WLcg generator(lengths, rate);
  std::vector<RequestSpec> requests;
  for (std::size_t i = 0; i < count; ++i) {
    const WLcg::Request drawn = generator.next();
    requests.push_back(toy::request(duration_from_seconds(drawn.arrival_s), drawn.prompt.value(),
                                    drawn.output.value()));
  }
  return requests;
}

/// Prompt tokens of one prefill batch: the artifact's table of token capacities for OPT-13B (5.4 of
/// the notes).
inline Tokens capacity_13b(std::int64_t tp, std::int64_t pp) {
  if (tp * pp == 1) return Tokens(66144);
  if (tp * pp == 2) return Tokens(163008);
  return tp == 4 ? Tokens(356736) : Tokens(356752);
}

inline std::vector<double> column(const Run& run, Duration (*read)(const FinishedRequest&)) {
  std::vector<double> values;
  for (const FinishedRequest& request : run.finished) {
    values.push_back(milliseconds(read(request)));
  }
  std::sort(values.begin(), values.end());
  return values;
}

inline Duration read_ttft(const FinishedRequest& request) { return request.ttft(); }
inline Duration read_total(const FinishedRequest& request) { return request.end_to_end(); }
inline Duration read_decode(const FinishedRequest& request) {
  return request.finish - request.first_token;
}

inline std::vector<double> tpots(const Run& run) {
  std::vector<double> values;
  for (const FinishedRequest& request : run.finished) {
    values.push_back(milliseconds(request.finish - request.first_token) /
                     static_cast<double>(request.output.value() - 1));
  }
  std::sort(values.begin(), values.end());
  return values;
}

inline double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Percentile by linear interpolation between order statistics, as the original's tables use.
inline double percentile(const std::vector<double>& sorted, double p) {
  const double at = p / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[below + 1] - sorted[below]);
}

struct Attainment {
  double ttft, tpot, joint;  ///< percent
};

inline Attainment attainment(const Run& run, double ttft_ms, double tpot_ms) {
  Attainment counts{0, 0, 0};
  for (const FinishedRequest& request : run.finished) {
    const bool first = milliseconds(request.ttft()) <= ttft_ms;
    const double per_token = milliseconds(request.finish - request.first_token) /
                             static_cast<double>(request.output.value() - 1);
    counts.ttft += first ? 1 : 0;
    counts.tpot += per_token <= tpot_ms ? 1 : 0;
    counts.joint += first && per_token <= tpot_ms ? 1 : 0;
  }
  const double share = 100.0 / static_cast<double>(run.finished.size());
  return {counts.ttft * share, counts.tpot * share, counts.joint * share};
}

/// Equal to the printed precision: half a unit of the last printed digit, plus what our clock's
/// rounding of each step to whole nanoseconds adds over the 200 steps of a mean request (at random
/// signs, 15 * 0.3 ns; 20 ns allowed).
inline void check_printed(double got, double printed, double unit) {
  CHECK(std::abs(got - printed) <= 0.5 * unit + 2e-5);
}

}  // namespace headroom::simdistserve
