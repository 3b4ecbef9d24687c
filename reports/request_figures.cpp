#include "reports/request_figures.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "reports/number_text.h"
#include "sim/check.h"
#include "sim/mix.h"

namespace headroom {
namespace {

using Column = std::vector<std::int64_t>;

constexpr std::int64_t kNone = -1;  ///< a request has no such latency

std::int64_t tpot_or_none(const RequestRow& row) { return row.output > 1 ? row.tpot_ns() : kNone; }

std::int64_t normalised_or_none(const RequestRow& row) {
  return row.output > 0 ? row.end_to_end_ns / static_cast<std::int64_t>(row.output) : kNone;
}

bool holds_ttft(const RequestRow& row, const SloLimits& limits) {
  return !limits.ttft || row.ttft_ns <= limits.ttft->value();
}
bool holds_tpot(const RequestRow& row, const SloLimits& limits) {
  if (!limits.tpot || row.output <= 1) return true;
  // Below the next whole nanosecond a token: tpot_ns() <= limit without the division.
  const Int128 tokens = row.output - 1;
  return row.end_to_end_ns - row.ttft_ns < (limits.tpot->value() + Int128{1}) * tokens;
}
bool holds_end_to_end(const RequestRow& row, const SloLimits& limits) {
  return !limits.end_to_end || row.end_to_end_ns <= limits.end_to_end->value();
}

void add_held(const RequestRow& row, const SloLimits& limits, HeldLimits& held) {
  const bool ttft = holds_ttft(row, limits), tpot = holds_tpot(row, limits);
  const bool end_to_end = holds_end_to_end(row, limits);
  held.ttft += ttft ? 1U : 0U;
  held.tpot += tpot ? 1U : 0U;
  held.end_to_end += end_to_end ? 1U : 0U;
  held.all += ttft && tpot && end_to_end ? 1U : 0U;
}

/// What one request adds to the digest of the workload.
std::uint64_t load_hash(const RequestRow& row, bool arrivals_given) {
  std::uint64_t hash = finalised(std::uint64_t{row.prompt} << 32 | row.output);
  if (arrivals_given) hash = finalised(hash ^ static_cast<std::uint64_t>(row.arrival_ns));
  return finalised(hash ^ row.class_index);
}

/// The latencies of rows, from two readings. One that gathers too many requests near a quantile,
/// such as a constant, takes a column instead, so that memory stays bounded; so do all of a run of
/// few requests, for bins cost the same however few they hold.
class Latencies {
 public:
  explicit Latencies(std::size_t rows) : readings_(rows < kFewRows ? 0 : kCount) {}
  void count(const RequestRow& row) {
    if (readings_.empty()) return;
    const auto values = values_of(row);
    for (std::size_t m = 0; m < kCount; ++m) {
      if (values[m] >= 0) readings_[m].count(values[m]);
    }
  }
  void plan(std::size_t rows) {
    constexpr std::int64_t kFew = 1 << 16;
    const std::int64_t most = std::max(kFew, static_cast<std::int64_t>(rows / 4));
    std::int64_t kept = 0;
    for (std::size_t m = 0; m < readings_.size(); ++m) {
      const std::int64_t more = readings_[m].find_bins();
      twice_[m] = kept + more <= most;
      kept += twice_[m] ? more : 0;
    }
  }
  void collect(const RequestRow& row) {
    if (readings_.empty()) return;
    const auto values = values_of(row);
    for (std::size_t m = 0; m < kCount; ++m) {
      if (twice_[m] && values[m] >= 0) readings_[m].collect(values[m]);
    }
  }
  void finish(const RequestRows& rows, Column& column,
              std::array<DurationSummary, kLatencyMetrics>& out) {
    for (std::size_t m = 0; m < kCount; ++m) {
      out[static_cast<std::size_t>(kMetrics[m])] =
          twice_[m] ? readings_[m].summary() : column_summary(rows, column, m);
    }
  }

 private:
  static constexpr std::array kMetrics{LatencyMetric::ttft, LatencyMetric::tpot,
                                       LatencyMetric::end_to_end, LatencyMetric::queueing,
                                       LatencyMetric::normalised};
  static constexpr std::size_t kCount = kMetrics.size();
  static constexpr std::size_t kFewRows = 100'000;

  static std::array<std::int64_t, kCount> values_of(const RequestRow& row) {
    return {row.ttft_ns, tpot_or_none(row), row.end_to_end_ns, row.queued_ns,
            normalised_or_none(row)};
  }
  static DurationSummary column_summary(const RequestRows& rows, Column& column,
                                        std::size_t metric) {
    column.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (const std::int64_t ns = values_of(rows[i])[metric]; ns >= 0) column.push_back(ns);
    }
    return summary_of(column);
  }

  std::vector<TwoReadings> readings_;  ///< by metric; none for few requests
  std::array<bool, kCount> twice_{};
};

/// The interval of a value's mean, in order of arrival: rows come in order of finishing, where long
/// requests would gather at the end. `value` sees each row once.
template <class Value>
MeanInterval interval_by_arrival(const Metrics& metrics, Column& column, Value value) {
  const RequestRows& rows = metrics.rows;
  column.assign(static_cast<std::size_t>(metrics.arrived), kNone);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RequestRow& row = rows[i];
    SIM_CHECK(row.id < metrics.arrived, "request ids count arrivals from 0");
    column[row.id] = value(row);
  }
  std::erase(column, kNone);
  return batch_means_interval(column);
}

}  // namespace

bool holds_all(const RequestRow& row, const SloLimits& limits) {
  return holds_ttft(row, limits) && holds_tpot(row, limits) && holds_end_to_end(row, limits);
}

RequestFigures request_figures(const Metrics& metrics, const ReportContext& context) {
  RequestFigures out;
  const RequestRows& rows = metrics.rows;
  Latencies latencies(rows.size());
  std::uint64_t hashes = 0;  // a sum, so that the order in which they finished does not count
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const RequestRow& row = rows[i];
    latencies.count(row);
    add_held(row, context.slo, out.held);
    hashes += load_hash(row, context.arrivals_given);
  }
  const bool whole = metrics.finished == metrics.arrived && metrics.truncated == 0;
  if (metrics.arrived > 0 && whole) out.workload_digest = hex64(hashes);

  latencies.plan(rows.size());
  Column column;  // the one buffer of 8 bytes a request
  out.confidence[0] = {LatencyMetric::ttft,
                       interval_by_arrival(metrics, column, [&](const RequestRow& row) {
                         latencies.collect(row);
                         return row.ttft_ns;
                       })};
  out.confidence[1] = {LatencyMetric::tpot, interval_by_arrival(metrics, column, tpot_or_none)};
  out.confidence[2] = {LatencyMetric::end_to_end,
                       interval_by_arrival(metrics, column, [](const RequestRow& row) {
                         return row.end_to_end_ns;
                       })};
  latencies.finish(rows, column, out.latency);
  return out;
}

}  // namespace headroom
