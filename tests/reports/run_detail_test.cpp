// What charts show beyond the summary, on the run of ten requests.
#include "reports/run_detail.h"

#include <numeric>

#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"

namespace headroom {
namespace {

RunDetail detail_of(const Metrics& metrics) {
  return run_detail(metrics, summarise(metrics, fixture::context()));
}

}  // namespace

TEST_CASE("a curve ascends and ends at the slowest request") {
  const RunDetail detail = detail_of(fixture::ten_requests());
  REQUIRE(detail.curves.size() == 5);
  for (const LatencyCurve& curve : detail.curves) {
    REQUIRE(curve.ms.size() == curve_shares().size());
    CHECK(std::is_sorted(curve.ms.begin(), curve.ms.end()));
  }
  CHECK(std::is_sorted(curve_shares().begin(), curve_shares().end()));
  CHECK(curve_shares().front() == 0);
  CHECK(curve_shares().back() == 1);
  // TTFT 100 ms to 1000 ms; the median of ten is the fifth.
  const std::vector<double>& ttft = detail.curves[0].ms;
  CHECK(ttft.front() == Approx(100).epsilon(1.0 / 1024));
  CHECK(ttft[50] == Approx(500).epsilon(1.0 / 1024));
  CHECK(ttft.back() == 1000);
}

TEST_CASE("every arrived request is in one load group, and rejected ones miss") {
  Metrics metrics = fixture::ten_requests();
  const RunDetail one = detail_of(metrics);
  REQUIRE(one.load.size() == 1);
  CHECK(one.load[0].arrived == 12);
  CHECK(one.load[0].finished == 10);
  CHECK(one.load[0].met == 5);  // as joint attainment: 5 of 12
  // Twelve arrivals from 0 to 9.5 s: eleven after the first.
  CHECK(one.load[0].arrivals_per_s.value() == Approx(11 / 9.5));
  // Means over i = 1..10 of 40 i, 60 i, 80 i and 20 i ms.
  CHECK(one.load[0].queue_ms == Approx(220));
  CHECK(one.load[0].prompt_ms == Approx(330));
  CHECK(one.load[0].stalled_ms == Approx(110));
  CHECK(one.load[0].decode_ms == Approx(440));
}

TEST_CASE("groups hold equally many arrivals, and one without an answer has no rate") {
  Metrics metrics;
  metrics.arrived = 6'000;
  metrics.first_arrival = Instant(0);
  for (std::uint32_t id = 0; id < 6'000; ++id) {
    if (id / 100 == 7) continue;  // a whole group was rejected
    RequestRow row = fixture::row_of(1);
    row.id = id;
    row.arrival_ns = std::int64_t{id} * 1'000'000;
    metrics.rows.push(row);
    ++metrics.finished;
  }
  metrics.last_arrival = Instant(5'999 * 1'000'000LL);
  const RunDetail detail = detail_of(metrics);
  REQUIRE(detail.load.size() == 60);
  for (const LoadGroup& group : detail.load) CHECK(group.arrived == 100);
  CHECK(detail.load[7].finished == 0);
  CHECK(detail.load[7].attainment() == 0);
  CHECK(!detail.load[6].arrivals_per_s);  // ends where the empty one begins
  CHECK(!detail.load[7].arrivals_per_s);
  CHECK(detail.load[5].arrivals_per_s.value() == Approx(1000));
  CHECK(detail.load[59].arrivals_per_s.value() == Approx(1000));
}

TEST_CASE("the limit with the least left comes first") {
  const RunDetail detail = detail_of(fixture::ten_requests());
  // At 90 % the ninth of ten: TTFT 900 of 500 ms, TPOT 90 of 80, end-to-end 1800 of 1400.
  REQUIRE(detail.margins.size() == 3);
  CHECK(detail.margins[0].metric == LatencyMetric::ttft);
  CHECK(detail.margins[0].left() == Approx(-0.8).margin(0.002));
  CHECK(detail.margins[1].metric == LatencyMetric::end_to_end);
  CHECK(detail.margins[2].left() == Approx(-0.125).margin(0.002));
}

TEST_CASE("cost parts are shares of the GPU time paid for and sum to the run's cost") {
  const Summary summary = fixture::summary();
  const RunDetail detail = run_detail(fixture::ten_requests(), summary);
  // Busy 11 s and 5.5 s of two times 11 s: 75 %; GEMMs are 9 of 10 parts of that.
  REQUIRE(detail.cost.size() == 3);
  CHECK(detail.cost[0].what == "gemm");
  CHECK(detail.cost[0].share == Approx(0.75 * 0.9));
  CHECK(detail.cost[2].what == "idle");
  CHECK(detail.cost[2].share == Approx(0.25));
  double usd = 0;
  for (const CostPart& part : detail.cost) usd += part.usd.value();
  CHECK(usd == Approx(summary.cost.usd.value()));
}

TEST_CASE("classes are told apart, largest first, the many small ones together") {
  Metrics metrics = fixture::ten_requests();
  CHECK(detail_of(metrics).classes.empty());
  std::uint32_t id = 12;
  for (std::uint16_t c = 1; c <= 40; ++c) {
    for (int i = 0; i < c; ++i) {
      RequestRow row = fixture::row_of(2);
      row.id = id++;
      row.class_index = c;
      metrics.rows.push(row);
    }
  }
  metrics.arrived = id;
  const RunDetail detail = detail_of(metrics);
  REQUIRE(detail.classes.size() == kMostClasses + 1);
  CHECK(detail.classes[0].name == "class 40");
  CHECK(detail.classes[0].finished == 40);
  CHECK(detail.classes[0].ttft.p50 == Approx(200).epsilon(1.0 / 1024));
  CHECK(detail.classes.back().name == "29 other classes");
  std::uint64_t all = 0;
  for (const ClassRow& row : detail.classes) all += row.finished;
  CHECK(all == metrics.rows.size());
}

}  // namespace headroom
