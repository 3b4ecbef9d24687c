#include "reports/summary.h"

#include <rapidcheck.h>

#include "reports/metric_list.h"
#include "tests/catch.h"
#include "tests/reports/metrics_fixture.h"

namespace headroom {
namespace {

TEST_CASE("quantiles of a hand-made run are the nearest-rank values") {
  const Summary s = fixture::summary();
  const DurationSummary& ttft = s.of(LatencyMetric::ttft);
  // 100, 200, ..., 1000 ms: ranks ceil(10 q) = 5, 9, 10, 10.
  CHECK(ttft.count == 10);
  CHECK(ttft.mean == Approx(550));
  CHECK(ttft.p50 == 500);
  CHECK(ttft.p90 == 900);
  CHECK(ttft.p95 == 1000);
  CHECK(ttft.p99 == 1000);
  CHECK(ttft.max == 1000);
  CHECK(s.of(LatencyMetric::tpot).p50 == 50);
  CHECK(s.of(LatencyMetric::end_to_end).p90 == 1800);
  CHECK(s.of(LatencyMetric::queueing).mean == Approx(220));
  // 200 i ms over 11 tokens, in whole ns: 5th is 1000 ms / 11 = 90.909090 ms.
  CHECK(s.of(LatencyMetric::normalised).p50 == Approx(90.909090));
  // 100 gaps, 10 of each 10 i ms; the histogram is exact to 1 in 1024.
  CHECK(s.of(LatencyMetric::itl).count == 100);
  CHECK(s.of(LatencyMetric::itl).p50 == Approx(50).epsilon(1.0 / 1024));
  CHECK(s.of(LatencyMetric::itl).max == 100);
}

TEST_CASE("a request with one output token has no TPOT and holds any TPOT limit") {
  Metrics m;
  m.arrived = m.finished = 2;
  m.first_arrival = Instant(0);
  m.last_finish = Instant(1000 * fixture::kMs);
  RequestRow single = fixture::row_of(1);
  single.output = 1;
  single.end_to_end_ns = single.ttft_ns;
  m.rows.push(single);
  m.rows.push(fixture::row_of(2));  // TPOT 20 ms
  ReportContext c;
  c.slo.tpot = 10 * kMillisecond;
  const Summary s = summarise(m, c);
  CHECK(s.of(LatencyMetric::tpot).count == 1);
  CHECK(s.of(LatencyMetric::tpot).p50 == 20);
  CHECK(s.slo.tpot == 0.5);
}

TEST_CASE("attainment counts rejected requests as missed and joint is the worst of all limits") {
  const Summary s = fixture::summary();
  // Of 12 arrived: TTFT held by 1..5, TPOT by 1..8, end-to-end by 1..7, all by 1..5.
  CHECK(s.slo.ttft == Approx(5.0 / 12));
  CHECK(s.slo.tpot == Approx(8.0 / 12));
  CHECK(s.slo.end_to_end == Approx(7.0 / 12));
  CHECK(s.slo.joint == Approx(5.0 / 12));
  CHECK(s.slo.requests_met == 5);
  CHECK(s.slo.verdict == SloVerdict::missed);

  ReportContext lax = fixture::context();
  lax.slo.attainment = 5.0 / 12;
  CHECK(summarise(fixture::ten_requests(), lax).slo.verdict == SloVerdict::met);
  lax.slo = SloLimits{};
  CHECK(summarise(fixture::ten_requests(), lax).slo.verdict == SloVerdict::not_set);
  CHECK(summarise(Metrics{}, fixture::context()).slo.verdict == SloVerdict::no_requests);
}

TEST_CASE("joint attainment is below every separate one when different requests miss them") {
  Metrics m;
  m.arrived = m.finished = 4;
  m.first_arrival = Instant(0);
  m.last_finish = Instant(10 * kSecond.value());
  // (TTFT, TPOT) in ms: (1, 1), (9, 1), (1, 9), (9, 9) against limits of 5 and 5: 2/4, 2/4, joint
  // 1/4.
  for (std::uint32_t i = 0; i < 4; ++i) {
    RequestRow row;
    row.id = i;
    row.ttft_ns = (i % 2 == 0 ? 1 : 9) * fixture::kMs;
    row.output = 2;
    row.end_to_end_ns = row.ttft_ns + (i < 2 ? 1 : 9) * fixture::kMs;
    m.rows.push(row);
  }
  ReportContext c;
  c.slo.ttft = 5 * kMillisecond;
  c.slo.tpot = 5 * kMillisecond;
  const Summary s = summarise(m, c);
  CHECK(s.slo.ttft == 0.5);
  CHECK(s.slo.tpot == 0.5);
  CHECK(s.slo.joint == 0.25);
}

TEST_CASE("rates are over first arrival to last finish, and per GPU over all GPUs") {
  const Summary s = fixture::summary();
  CHECK(s.span_s == Approx(11));
  CHECK(s.throughput.requests.per_second == Approx(10.0 / 11));
  CHECK(s.throughput.good_requests.per_second == Approx(5.0 / 11));
  CHECK(s.throughput.input_tokens.per_second == Approx(10'000.0 / 11));
  CHECK(s.throughput.output_tokens.per_gpu_second == Approx(110.0 / 11 / 4));
}

TEST_CASE("a run cut by a time limit is measured to its end and says what is missing") {
  Metrics m = fixture::ten_requests();
  m.arrived += 3;
  m.live_at_end = 3;
  m.end = Instant(20 * kSecond.value());
  const Summary s = summarise(m, fixture::context());
  CHECK(s.span_s == Approx(20));
  CHECK(s.slo.joint == Approx(5.0 / 15));
  REQUIRE(s.warnings.size() >= 1);
  CHECK(s.warnings[0].find("3 requests were not done") != std::string::npos);
}

TEST_CASE("the parts of latency sum to end-to-end latency and their shares to one") {
  const Summary s = fixture::summary();
  double sum = 0;
  double shares = 0;
  for (const PartShare& part : s.parts) {
    sum += part.mean_ms;
    shares += part.share;
  }
  CHECK(sum == Approx(s.of(LatencyMetric::end_to_end).mean));  // 40+60+20+80 = 200
  CHECK(shares == Approx(1));
  CHECK(std::string(s.parts[0].key) == "queue");
  CHECK(s.parts[0].share == Approx(0.2));
}

TEST_CASE("cost follows from GPUs, span, price and energy") {
  const Summary s = fixture::summary();
  // 4 GPUs for 11 s at 2 USD an hour.
  CHECK(s.cost.gpu_hours == Approx(44.0 / 3600));
  CHECK(*s.cost.usd == Approx(88.0 / 3600));
  CHECK(*s.cost.usd_per_hour == Approx(8));
  CHECK(*s.cost.usd_per_million_output == Approx(88.0 / 3600 / 110 * 1e6));
  CHECK(*s.cost.energy_kwh == Approx(2));
  CHECK(*s.cost.joules_per_output_token == Approx(7.2e6 / 110));
  REQUIRE(s.lower_bound);
  CHECK(s.lower_bound->gpu_ratio == Approx(4.0 / 3));
  CHECK(*s.lower_bound->usd == Approx(3 * 2 * 11.0 / 3600));
}

TEST_CASE("use of the cluster follows from the replicas' totals and the samples") {
  const Summary s = fixture::summary();
  CHECK(s.engine.busy_share == Approx(0.75));  // 11 s and 5.5 s of 11 s
  CHECK(s.engine.least_busy == Approx(0.5));
  CHECK(s.engine.most_busy == Approx(1));
  CHECK(s.engine.mean_batch == Approx(3));
  CHECK(s.engine.preemptions_recompute == 2);
  CHECK(s.engine.preemptions_swap == 1);
  CHECK(*s.engine.kv_mean == Approx(0.275));
  CHECK(*s.engine.kv_peak == Approx(0.9));
  CHECK(s.series.size() == 12);
  CHECK(s.series[3].kv_share == Approx(0.15));
}

TEST_CASE("shares of simulated time sum to one by operator and by evidence") {
  const TimeShares time = fixture::summary().time;
  CHECK(time.by_operator[static_cast<std::size_t>(OperatorClass::gemm)] == Approx(0.9));
  CHECK(time.by_evidence[static_cast<std::size_t>(Evidence::measured)] == Approx(0.6));
  CHECK(time.by_evidence[static_cast<std::size_t>(Evidence::extrapolated)] == Approx(0.1));
  double operators = 0;
  for (const double share : time.by_operator) operators += share;
  double evidence = 0;
  for (const double share : time.by_evidence) evidence += share;
  CHECK(operators == Approx(1));
  CHECK(evidence == Approx(1));
}

TEST_CASE("the figures call for advice only where there is something to change") {
  const Summary s = fixture::summary();  // 3 preemptions for 10 requests
  REQUIRE(s.advice.size() == 1);
  CHECK(s.advice[0].find("3 preemptions for 10 finished requests") == 0);
  Metrics calm = fixture::ten_requests();
  calm.replicas[1].preemptions_recompute = 0;
  calm.replicas[1].preemptions_swap = 0;
  CHECK(summarise(calm, fixture::context()).advice.empty());
}

TEST_CASE("an empty run has no figures and no division by zero") {
  const Summary s = summarise(Metrics{}, ReportContext{});
  CHECK(s.span_s == 0);
  CHECK(s.throughput.requests.per_second == 0);
  CHECK(s.of(LatencyMetric::ttft).count == 0);
  CHECK_FALSE(s.cost.usd);
  for (const NamedMetric& metric : metric_list(s)) CHECK(metric.value == 0);
}

TEST_CASE("quantiles ascend and goodput never exceeds throughput, whatever the requests") {
  CHECK(rc::check([](const std::vector<std::uint32_t>& draws) {
    Metrics m;
    m.first_arrival = Instant(0);
    std::uint32_t id = 0;
    for (const std::uint32_t draw : draws) {
      RequestRow row;
      row.id = id++;
      row.ttft_ns = draw % 1'000'000'007;
      row.end_to_end_ns = row.ttft_ns + draw / 3;
      row.queued_ns = row.ttft_ns / 2;
      row.output = 1 + draw % 17;
      m.rows.push(row);
      m.last_finish = std::max(m.last_finish, Instant(row.end_to_end_ns + 1));
    }
    m.arrived = m.finished = draws.size();
    ReportContext c;
    c.gpus = 2;
    c.slo.ttft = Duration(500'000'000);
    c.slo.tpot = Duration(50'000'000);
    const Summary s = summarise(m, c);
    for (const DurationSummary& d : s.latency) {
      RC_ASSERT(d.p50 <= d.p90 && d.p90 <= d.p95 && d.p95 <= d.p99 && d.p99 <= d.max);
      RC_ASSERT(d.mean <= d.max * (1 + 1e-12));
    }
    RC_ASSERT(s.throughput.good_requests.per_second <= s.throughput.requests.per_second);
    RC_ASSERT(s.slo.joint <= s.slo.ttft && s.slo.joint <= s.slo.tpot);
  }));
}

TEST_CASE("a column's quantiles equal those of sorting it") {
  CHECK(rc::check([](std::vector<std::uint32_t> draws) {
    RC_PRE(!draws.empty());
    std::vector<std::int64_t> column(draws.begin(), draws.end());
    const DurationSummary d = summary_of(column);
    std::sort(draws.begin(), draws.end());
    const auto nearest_rank = [&](std::size_t percent) {
      std::size_t rank = 0;
      while (rank * 100 < draws.size() * percent) ++rank;  // smallest rank with rank/n >= q
      return static_cast<double>(draws[rank - 1]) / 1e6;
    };
    RC_ASSERT(d.p50 == nearest_rank(50));
    RC_ASSERT(d.p90 == nearest_rank(90));
    RC_ASSERT(d.p95 == nearest_rank(95));
    RC_ASSERT(d.p99 == nearest_rank(99));
    RC_ASSERT(d.max == static_cast<double>(draws.back()) / 1e6);
  }));
}

TEST_CASE("metric names are unique and a figure that does not exist is left out") {
  const std::vector<NamedMetric> all = metric_list(fixture::summary());
  std::vector<std::string> names;
  for (const NamedMetric& metric : all) names.push_back(metric.name);
  CHECK(std::find(names.begin(), names.end(), "latency.ttft.p99") != names.end());
  CHECK(std::find(names.begin(), names.end(), "cost.usd") != names.end());
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());

  ReportContext free = fixture::context();
  free.gpu_hour_price.reset();
  for (const NamedMetric& metric : metric_list(summarise(fixture::ten_requests(), free))) {
    CHECK(metric.name != "cost.usd");
  }
}

}  // namespace
}  // namespace headroom
