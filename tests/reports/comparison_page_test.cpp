// Pages of comparisons and histories.
#include "reports/html/comparison_page.h"

#include <string>
#include <vector>

#include "reports/html/assets.h"
#include "reports/html/history_page.h"
#include "tests/catch.h"
#include "tests/reports/markup_check.h"
#include "tests/reports/record_fixture.h"

namespace headroom {
namespace {

using fixture::record_of;
using markup::count;
using markup::fault_in;

const char* const kHostile = "</script><b onclick=\"x\"> & '\xf0\x9f\x9a\x80 \xd7\xa9\xd7\x9c";

/// TTFT p99 from 100 to 120 ms with an interval that leaves out 0, decode the part that moved.
Comparison slower(const std::string& candidate) {
  const RecordFile base = record_of("a", {{"latency.ttft.p99", Better::lower, {99, 100, 101}},
                                          {"latency.tpot.mean", Better::lower, {20, 20, 20}},
                                          {"part.queue", Better::lower, {5, 5, 5}},
                                          {"part.decode", Better::lower, {30, 30, 30}}});
  const RecordFile now = record_of(candidate, {{"latency.ttft.p99", Better::lower, {118, 120, 122}},
                                               {"latency.tpot.mean", Better::lower, {20, 20, 20}},
                                               {"part.queue", Better::lower, {5, 5, 5}},
                                               {"part.decode", Better::lower, {40, 42, 44}}});
  ComparisonOptions options;
  options.gates = {parse_gate("ttft.p99 > +5%", "test")};
  return compare_records(base, now, options);
}

/// Where `what` stands; the page holds it.
std::size_t place(const std::string& page, const std::string& what) {
  INFO(what);
  REQUIRE(page.find(what) != std::string::npos);
  return page.find(what);
}

History course(const std::string& scenario, const std::vector<double>& values) {
  std::vector<RecordSet> runs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    RecordSet set;
    set.name = scenario;
    set.label = "c" + std::to_string(i);
    set.tool_version = "0.1.0";
    RunRecord run;
    run.metrics.push_back({"latency.tpot.mean", "ms", values[i], Better::lower});
    set.runs.push_back(run);
    runs.push_back(set);
  }
  return histories(runs, "tpot", "").front();
}

}  // namespace

TEST_CASE("a comparison's page opens with the verdict, then what is the same, changed, and why") {
  const Comparison c = slower("b");
  const std::string page = comparison_page({c});
  CHECK(fault_in(page) == "");
  CHECK(page == comparison_page({c}));
  const std::string answer = comparison_answer({c});
  // Differences 19, 20, 21: mean 20 of 100, half-width 4.303 / sqrt(3) = 2.484.
  CHECK(answer ==
        "Worse than a.json: latency.ttft.p99 was 100.0 ms, is 120.0 ms (+20.0 %, 95 % interval "
        "[+17.5, +22.5]); gate: ttft.p99 > +5%; 1 worse, 0 better, 0 unclear, 2 same, 0 missing.");
  std::vector<std::size_t> places{place(page, "<p class=\"answer no\">")};
  for (const char* title : {"Same or not", "What changed", "Where the time went",
                            "Where decisions part", "Inputs and digests", "What counts as worse"}) {
    places.push_back(place(page, std::string("<bdi>") + title + "</bdi></h2>"));
    CHECK(places.back() > places[places.size() - 2]);
  }
  place(page, "other scenario, same costs, other decisions, same requests; 3 seeds, paired.");
  place(page, "deployment.0.batch");  // the input that differs
  place(page, "decisions b");         // a digest
  place(page, "Mean latency +12");
  // Worst first: the gated figure, then the part that nobody gated.
  CHECK(place(page, "<bdi>WORSE</bdi>") < place(page, "<bdi>worse</bdi>"));
}

TEST_CASE("changes are drawn with their paired intervals, parts of both sides as bars") {
  const Comparison c = slower("b");
  const Chart changes = change_chart(c.sets[0]);
  CHECK(changes.y.categories == std::vector<std::string>{"latency.ttft.p99", "part.decode"});
  REQUIRE(changes.series.size() == 2);
  const ChartSeries& intervals = changes.series[0];
  CHECK(intervals.points[0].x == Approx(0.2 - 0.02484).epsilon(1e-3));
  CHECK(intervals.points[1].x == Approx(0.2 + 0.02484).epsilon(1e-3));
  CHECK(changes.series[1].points[0].x == Approx(0.2));
  CHECK(changes.series[1].points[1].x == Approx(0.4));  // 30 to 42
  // In words: a change is a share, never the number of its row.
  CHECK(description_of(changes).find("worse: 20.00 % to 40.00 %.") != std::string::npos);
  const Chart parts = part_chart(c.sets[0]);
  REQUIRE(parts.series.size() == 2);
  CHECK(parts.series[1].name == "decode");
  CHECK(parts.series[1].points[1].x == 42);
}

TEST_CASE("a page of several candidates tells each, and which is worse") {
  const Comparison same = compare_records(record_of("a", {{"x", Better::lower, {1}}}),
                                          record_of("a", {{"x", Better::lower, {1}}}), {});
  const std::string page = comparison_page({same, slower("b")});
  CHECK(fault_in(page) == "");
  place(page, "Of 2 candidates 1 is worse than a.json, 0 without an answer; b.json: latency.ttft");
  place(page, "2 candidates against a.json");
  place(page, "Identical to a.json: same scenario, same costs, same decisions.");
  CHECK(place(page, "<bdi>b.json</bdi></h2>") < place(page, "<h3><bdi>What changed</bdi></h3>"));
}

TEST_CASE("what cannot be compared says why and shows no figure") {
  RecordFile base = record_of("a", {{"latency.ttft.p99", Better::lower, {100}}});
  RecordFile other = record_of("b", {{"latency.ttft.p99", Better::lower, {100}}});
  other.sets.front().inputs[2].value = "9 /s";
  other.sets.front().runs.front().workload_digest = "others";
  const std::string page = comparison_page({compare_records(base, other, {})});
  CHECK(fault_in(page) == "");
  place(page,
        "No answer against a.json: workload.rate differs: 8 /s against 9 /s; 1 not comparable");
  CHECK(page.find("What changed") == std::string::npos);
}

TEST_CASE("hostile names of files, scenarios, values and labels are text in both pages") {
  Comparison c = slower(kHostile);
  c.base = kHostile;
  c.sets[0].name = kHostile;
  c.sets[0].obstacles = {kHostile};
  c.sets[0].flips = {{kHostile, kHostile, true}};
  c.sets[0].metrics[0].name = kHostile;
  c.gates = c.only_base = c.only_candidate = {kHostile};
  History h = course(kHostile, {10, 10, 12, 12});
  h.metric = kHostile;
  for (HistoryPoint& point : h.points) point.label = point.version = kHostile;
  for (const std::string& page :
       {comparison_page({c}), comparison_page({c, c}), history_page({h, h}, kHostile)}) {
    CHECK(fault_in(page) == "");
    CHECK(page.find("<b onclick") == page.npos);
    CHECK(page.find("&lt;/script&gt;&lt;b onclick=&quot;x&quot;&gt;") != page.npos);
    const std::size_t charts = count(page, "<figure class=\"chart");
    CHECK(charts > 0);
    CHECK(count(page, "</script") == (page_charts().empty() ? 0 : charts + 2));
  }
}

TEST_CASE("a history's page opens with its last change and draws levels and changes") {
  const History h = course("chat", {10, 10, 10, 12, 12, 9, 9, 9});
  REQUIRE(h.steps.size() == 2);
  CHECK(history_answer({h}) ==
        "latency.tpot.mean of chat: got better at c5, from 12.00 to 9.000 ms (-25.0 %); 2 changes "
        "over 8 "
        "points.");
  const Chart chart = history_chart(h, 8);
  CHECK(chart.x.categories.size() == 8);
  REQUIRE(chart.series.size() == 4);
  const ChartSeries& levels = chart.series[1];
  REQUIRE(levels.points.size() == 4);
  CHECK(levels.points[1].x == 3);
  CHECK(levels.points[1].y == 12);
  CHECK(levels.points[3].x == 7);
  CHECK(chart.series[2].points.size() == 1);  // worse at c3
  CHECK(chart.series[3].points[0].x == 5);    // better at c5
  const std::string page = history_page({h, course("code", {3, 3})}, "runs.db");
  CHECK(fault_in(page) == "");
  CHECK(count(page, "<figure class=\"chart") == 2);
  place(page, "One level throughout.");
  CHECK(place(page, "+20.0 %") > place(page, "-25.0 %"));  // newest first
}

TEST_CASE("the newest points of a long history keep the level that they began in") {
  std::vector<double> values(100, 10);
  for (std::size_t i = 50; i < 100; ++i) values[i] = 12;
  const History h = course("chat", values);
  const Chart late = history_chart(h, 20);
  REQUIRE(late.series.size() == 2);
  CHECK(late.series[1].points[0].y == 12);
  CHECK(late.x.categories.front() == "c80");
  const Chart across = history_chart(h, 60);
  CHECK(across.series[1].points[0].y == 10);
  CHECK(across.series[1].points[1].x == 10);
  std::vector<History> many(40, h);
  const std::string page = history_page(many, "runs.db");
  CHECK(page.size() < 1'500'000);
  place(page, "The newest 37 of 100 points; --json has all.");
}

}  // namespace headroom
