// HTML pages: what stands in them whatever stands in the input.
#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "reports/html/assets.h"
#include "reports/html/axis.h"
#include "reports/html/markup.h"
#include "reports/html/page.h"
#include "reports/html/run_page.h"
#include "reports/html/svg_chart.h"
#include "reports/json_report.h"
#include "tests/catch.h"
#include "tests/reports/markup_check.h"
#include "tests/reports/metrics_fixture.h"

namespace headroom {
namespace {

using markup::count;
using markup::fault_in;

const char* const kHostile =
    "</script><script>alert(1)</script> \"'><img src=x onerror=alert(2)> & \xe2\x80\xae evil "
    "\xf0\x9f\x9a\x80 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \x01 ]]> <!--";

Summary hostile_summary() {
  ReportContext c = fixture::context();
  for (std::string* text : {&c.scenario, &c.model, &c.device, &c.cost_model, &c.price_source,
                            &c.power_source, &c.tool_version, &c.scenario_digest}) {
    *text = kHostile;
  }
  c.notes = c.warnings = {kHostile};
  c.lower_bound->reason = kHostile;
  c.pools = {{kHostile, kHostile, 1, 2}, {"decode", "decode", 1, 2}};
  c.validation = ValidationError{0.1, 0.05, 22, kHostile};
  return summarise(fixture::ten_requests(), c);
}

std::string page_of(const Summary& summary) {
  const RunDetail detail = run_detail(fixture::ten_requests(), summary);
  return run_page(summary, detail, {{"/name", kHostile, kHostile}});
}

Chart small_chart() {
  Chart chart{"Latency", "One sentence.", {"ms", AxisScale::logarithmic}, {"share"}};
  chart.y.percent = true;
  chart.series = {{"one", SeriesStyle::line, {{1, 0}, {10, 0.5}, {NAN, 0.7}, {100, 1}}},
                  {"two", SeriesStyle::points, {{2, 0.1, "a <b>"}, {0, 0.2}, {-3, 0.4}}}};
  chart.bands = {{"band", {{1, 0}, {9, 0.5}}, {{1, 0}, {11, 0.5}}}};
  chart.marks = {{ChartMark::Across::x, 50, "limit"}, {ChartMark::Across::y, 0.9, "target"}};
  return chart;
}

}  // namespace

TEST_CASE("a hostile name is text in a page, whatever field it stands in") {
  const std::string page = page_of(hostile_summary());
  CHECK(fault_in(page) == "");
  CHECK(page.find("<script>alert") == page.npos);
  CHECK(page.find("<img") == page.npos);
  CHECK(page.find("&lt;img src=x onerror=alert(2)&gt;") != page.npos);
  CHECK(page.find("\xe2\x80\xae") == page.npos);                       // reverses what follows
  CHECK(page.find("\xf0\x9f\x9a\x80 \xd7\xa9\xd7\x9c") != page.npos);  // a rocket, Hebrew
  // The scripts of the page itself: one document a chart, the bundle, its loader.
  const std::size_t charts = count(page, "<figure class=\"chart");
  const std::size_t scripts = page_charts().empty() ? 0 : charts + 2;
  CHECK(count(page, "<script") == scripts);
  CHECK(count(page, "</script") == scripts);
}

TEST_CASE("text for JSON inside a page is JSON and holds nothing that HTML reads") {
  CHECK(json_text("a\"b\\c</script>&") == R"("a\"b\\c\u003c/script\u003e\u0026")");
  CHECK(json_text("line\nbreak\x01") == "\"line break?\"");
  CHECK(json_number(NAN) == "null");
  CHECK(json_number(-0.0) == "0");
  CHECK(json_number(1.0 / 3) == "0.333333333");
  CHECK(html_text("<a href='x'>&\"") == "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

TEST_CASE("counts are grouped by three digits") {
  CHECK(grouped(std::uint64_t{0}) == "0");
  CHECK(grouped(std::uint64_t{999}) == "999");
  CHECK(grouped(std::uint64_t{1'062'456}) == "1,062,456");
  CHECK(grouped(std::int64_t{-1000}) == "-1,000");
}

TEST_CASE("a page opens with the answer in one sentence") {
  const Summary summary = fixture::summary();
  const RunDetail detail = run_detail(fixture::ten_requests(), summary);
  // Ten requests answer of twelve; number i has TTFT 100 i ms within 500, TPOT 10 i within 80 and
  // end-to-end 200 i within 1400: 5 of 12 hold all. At 90 %, the ninth of ten: 900 ms of TTFT.
  const std::string answer = run_answer(summary, detail);
  CHECK(
      answer.starts_with("Does not hold: 41.67 % of 12 requests hold all limits (target 90.00 %);"
                         " TTFT misses first: 899."));
  CHECK(
      answer.ends_with("ms against a limit of 500.0 ms; 8.000 USD/h, 222.2 USD a million output "
                       "tokens."));
  const std::string page = run_page(summary, detail, {});
  CHECK(page.find(answer) < page.find("<h2"));
}

TEST_CASE("a run without requests, limits or prices is a page too") {
  const Summary empty = summarise({}, {});
  const std::string page = run_page(empty, run_detail({}, empty), {});
  CHECK(fault_in(page) == "");
  CHECK(page.find("No answer: no request arrived") != page.npos);
  ReportContext c = fixture::context();
  c.slo = {};
  c.gpu_hour_price = {};
  const Summary open = summarise(fixture::ten_requests(), c);
  const RunDetail detail = run_detail(fixture::ten_requests(), open);
  CHECK(run_answer(open, detail) == "No service level set: 10 of 12 requests answered.");
  CHECK(fault_in(run_page(open, detail, {})) == "");
}

TEST_CASE("the same summary gives the same bytes, and every section stands once") {
  const std::string page = page_of(fixture::summary());
  CHECK(page == page_of(fixture::summary()));
  for (const char* title :
       {"Latency", "Service level", "Over time", "Where latency went", "Requests and throughput",
        "Cluster", "Cost", "What the costs rest on", "Scenario and digests"}) {
    INFO(title);
    CHECK(count(page, std::string("<bdi>") + title + "</bdi></h2>") == 1);
  }
  CHECK(page.find("0123456789abcdef") != page.npos);  // decisions
  CHECK(page.find("default-src 'none'") != page.npos);
}

TEST_CASE("every chart of a page has its SVG and its values as a table") {
  const std::string page = page_of(fixture::summary());
  const std::size_t charts = count(page, "<figure class=\"chart");
  CHECK(charts >= 8);
  CHECK(count(page, "<svg ") == charts);
  CHECK(count(page, "<summary>Values") == charts);
  const std::regex ids(" id=\"([^\"]+)\"");
  std::map<std::string, int> seen;
  for (auto it = std::sregex_iterator(page.begin(), page.end(), ids); it != std::sregex_iterator();
       ++it) {
    CHECK(++seen[(*it)[1]] == 1);
  }
}

TEST_CASE("an SVG is well-formed, leaves out what has no place, and describes itself") {
  const std::string svg = svg_chart(small_chart(), "x");
  CHECK(fault_in(svg) == "");
  CHECK(svg.find("nan") == svg.npos);
  CHECK(svg.find("inf") == svg.npos);
  // 0 and -3 have no logarithm: one point of three stays. The gap starts the line anew.
  CHECK(count(svg, "<circle ") == 1);
  CHECK(svg.find("a &lt;b&gt;") != svg.npos);
  const std::regex line("d=\"(M[^\"]*)\" fill=\"none\"");
  std::smatch found;
  REQUIRE(std::regex_search(svg, found, line));
  CHECK(count(found[1], "M") == 2);
  CHECK(svg.find("aria-label=\"Latency. One sentence. one: 0.00 % to 100.00 %.") != svg.npos);
}

TEST_CASE("charts without points or with equal values are drawn") {
  for (const AxisScale scale : {AxisScale::linear, AxisScale::logarithmic, AxisScale::category}) {
    Chart chart{"Empty", {}, {"x", scale}, {"y", scale}};
    CHECK(fault_in(svg_chart(chart, "a")) == "");
    chart.series = {{"s", SeriesStyle::line, {{3, 5}, {3, 5}}}, {"t", SeriesStyle::area, {{3, 0}}}};
    CHECK(fault_in(svg_chart(chart, "a")) == "");
    CHECK(svg_chart(chart, "a").find("nan") == std::string::npos);
  }
}

TEST_CASE("ticks of an axis ascend, lie on it and are few") {
  struct Case {
    AxisScale scale;
    double least, most;
  };
  for (const auto& [scale, least, most] :
       {Case{AxisScale::linear, 0, 1}, Case{AxisScale::linear, 0, 123456789},
        Case{AxisScale::linear, -5, 7e-9}, Case{AxisScale::linear, 41, 41},
        Case{AxisScale::linear, 0, 0}, Case{AxisScale::logarithmic, 0.003, 20'000},
        Case{AxisScale::logarithmic, 1, 1}, Case{AxisScale::logarithmic, 1e-200, 1e200},
        Case{AxisScale::linear, NAN, NAN}}) {
    INFO(least << " to " << most);
    for (const int room : {2, 5, 12}) {
      const PlotAxis axis({"", scale}, least, most, room);
      REQUIRE(axis.ticks().size() >= 1);
      CHECK(axis.ticks().size() <= 3 * static_cast<std::size_t>(room) + 3);
      double before = -1;
      for (const AxisTick& tick : axis.ticks()) {
        const double place = axis.place(tick.at);
        CHECK(place > before);
        CHECK(place >= -1e-6);
        CHECK(place <= 1 + 1e-6);
        before = place;
      }
      if (scale != AxisScale::linear || !std::isfinite(least)) continue;
      CHECK(axis.place(least) >= -1e-9);
      CHECK(axis.place(most) <= 1 + 1e-9);
    }
  }
}

TEST_CASE("a page without its fixed parts grows with charts, not with requests") {
  Metrics many = fixture::ten_requests();
  for (std::uint32_t i = 12; i < 50'012; ++i) {
    RequestRow row = fixture::row_of(1 + i % 10);
    row.id = i;
    row.arrival_ns = std::int64_t{i} * 10'000'000;
    many.rows.push(row);
    ++many.arrived;
    ++many.finished;
  }
  many.last_arrival = Instant(50'012LL * 10'000'000);
  many.last_finish = many.last_arrival;
  const Summary summary = summarise(many, fixture::context());
  const std::string page = run_page(summary, run_detail(many, summary), {});
  const std::size_t fixed = page_charts().size() + page_style().size() + page_loader().size();
  CHECK(page.size() - fixed < 300'000);
  CHECK(page.size() < 1'500'000);
}

}  // namespace headroom
