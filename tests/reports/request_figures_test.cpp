// Figures from two readings of the requests are those of a column, to the last bit.
#include "reports/request_figures.h"

#include <rapidcheck.h>

#include <algorithm>
#include <vector>

#include "tests/catch.h"

namespace headroom {
namespace {

bool equal(const DurationSummary& a, const DurationSummary& b) {
  return a.count == b.count && a.mean == b.mean && a.p50 == b.p50 && a.p90 == b.p90 &&
         a.p95 == b.p95 && a.p99 == b.p99 && a.max == b.max;
}

DurationSummary read_twice(const std::vector<std::int64_t>& values) {
  TwoReadings readings;
  for (const std::int64_t value : values) readings.count(value);
  static_cast<void>(readings.find_bins());
  // Any order will do.
  for (std::size_t i = values.size(); i-- > 0;) readings.collect(values[i]);
  return readings.summary();
}

DurationSummary of_column(std::vector<std::int64_t> values) { return summary_of(values); }

/// `count` requests; number i takes value(i) ns to its first token and twice that in all.
template <class Value>
Metrics requests(std::uint32_t count, Value value) {
  Metrics metrics;
  for (std::uint32_t i = 0; i < count; ++i) {
    RequestRow row;
    row.id = i;
    row.ttft_ns = row.queued_ns = value(i);
    row.end_to_end_ns = 2 * row.ttft_ns;
    row.output = 2;
    metrics.rows.push(row);
  }
  metrics.arrived = metrics.finished = count;
  return metrics;
}

}  // namespace

TEST_CASE("two readings give the quantiles of a column, whatever the values") {
  CHECK(equal(read_twice({}), of_column({})));
  CHECK(equal(read_twice({7}), of_column({7})));
  const auto law = [](const std::string& name, std::int64_t most) {
    CHECK(rc::check(name, [=] {
      const auto values =
          *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, most));
      RC_ASSERT(equal(read_twice(values), of_column(values)));
    }));
  };
  law("few values, many ties", 5);
  law("bins of one value", 1500);
  law("bins of many values", 1'000'000'000'000);
}

TEST_CASE("a latency that is the same for most requests is exact in bounded memory") {
  // 300,000 rows of which one in a hundred differs: more share a bin than two readings may keep.
  const auto value = [](std::uint32_t i) {
    return std::int64_t{i % 100 == 0 ? 900'000'001 : 5'000'003};
  };
  const Metrics metrics = requests(300'000, value);
  const RequestFigures figures = request_figures(metrics, {});
  std::vector<std::int64_t> column;
  for (std::uint32_t i = 0; i < 300'000; ++i) column.push_back(value(i));
  const auto of = [&](LatencyMetric m) { return figures.latency[static_cast<std::size_t>(m)]; };
  CHECK(equal(of(LatencyMetric::queueing), of_column(column)));
  CHECK(of(LatencyMetric::ttft).p50 == 5.000003);
  CHECK(of(LatencyMetric::ttft).p99 == 5.000003);
  CHECK(of(LatencyMetric::ttft).max == 900.000001);
}

TEST_CASE("a limit of TPOT is held by the same requests as by the rounded-down quotient") {
  CHECK(rc::check("without a division", [] {
    RequestRow row;
    row.output = *rc::gen::inRange<std::uint32_t>(0, 40);
    row.ttft_ns = 1000;
    row.end_to_end_ns = 1000 + *rc::gen::inRange<std::int64_t>(0, 200);
    SloLimits limits;
    limits.tpot = Duration(*rc::gen::inRange<std::int64_t>(0, 30));
    RC_ASSERT(holds_all(row, limits) == (row.tpot_ns() <= limits.tpot->value()));
  }));
  RequestRow longest;
  longest.output = 4'000'000'000U;
  longest.end_to_end_ns = INT64_MAX;
  SloLimits limits;
  limits.tpot = Duration(INT64_MAX);
  CHECK(holds_all(longest, limits));
}

}  // namespace headroom
