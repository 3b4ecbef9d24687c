#include "reports/percentile_limits.h"

#include "reports/console.h"
#include "reports/json_report.h"
#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"

using namespace headroom;

namespace {

PercentileLimit ttft(double percentile, std::int64_t ms) {
  PercentileLimit limit;
  limit.percentile = percentile;
  limit.at_most = kMillisecond * ms;
  return limit;
}

}  // namespace

TEST_CASE("a percentile is held by a share of the arrived requests, rejected ones miss it") {
  Metrics metrics = fixture::ten_requests();
  metrics.rejected_of_class = {2};
  // TTFT is 100, 200, ..., 1000 ms; two of twelve were rejected: 700 ms is held by 7 of 12.
  const auto results = percentile_results(metrics, {ttft(58, 700), ttft(59, 700)});
  REQUIRE(results.size() == 2);
  CHECK(results[0].requests == 12);
  CHECK(results[0].share == Approx(7.0 / 12));
  CHECK(results[0].held);   // 42 % of 12 is 5.04: five may miss
  CHECK(!results[1].held);  // 41 % of 12 is 4.92: four may
}

TEST_CASE("a limit of a class looks at that class alone") {
  Metrics metrics;
  for (int i = 1; i <= 10; ++i) {
    RequestRow row = fixture::row_of(i);
    row.class_index = i > 8 ? 1 : 0;
    metrics.rows.push(row);
  }
  PercentileLimit fast = ttft(100, 800);
  fast.request_class = 0;
  PercentileLimit slow = ttft(100, 900);
  slow.request_class = 1;
  const auto results = percentile_results(metrics, {fast, slow});
  CHECK(results[0].requests == 8);
  CHECK(results[0].held);
  CHECK(results[1].requests == 2);
  CHECK(results[1].share == Approx(0.5));
  CHECK(!results[1].held);
  CHECK(limit_text(slow) == "TTFT p100 900.0 ms, class 1");
}

TEST_CASE("of a hundred requests one may miss a 99th percentile") {
  CHECK(allowed_misses(0.99, 100) == 1);
  CHECK(allowed_misses(0.99, 99) == 0);
  CHECK(allowed_misses(0.9, 10) == 1);
  CHECK(allowed_misses(1, 1000) == 0);
}

TEST_CASE("a missed percentile is a missed service level, and both reports show it") {
  ReportContext context;
  context.slo.percentiles = {ttft(50, 1000), ttft(99, 500)};
  const Summary summary = summarise(fixture::ten_requests(), context);
  CHECK(summary.slo.verdict == SloVerdict::missed);
  CHECK(console_report(summary, Colour::off).find("TTFT p99 500.0 ms") != std::string::npos);
  CHECK(json_report(summary).find("\"percentiles\"") != std::string::npos);
}
