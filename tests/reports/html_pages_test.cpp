// Pages of sweeps and plans.
#include <cmath>
#include <string>

#include "reports/html/assets.h"
#include "reports/html/plan_page.h"
#include "reports/html/sweep_page.h"
#include "tests/catch.h"
#include "tests/reports/markup_check.h"

namespace headroom {
namespace {

using markup::count;
using markup::fault_in;

const char* const kHostile = "</script><b onclick=\"x\"> & '\xf0\x9f\x9a\x80";

/// Rates times replicas, two seeds; a point holds where replicas >= rate / 10. Costs 3 USD a
/// replica; TTFT p99 is 100 ms times rate over replicas, 2 ms more under the second seed.
SweepResults sweep_of(std::size_t rates, std::size_t replicas) {
  SweepResults r;
  r.scenario = kHostile;
  r.tool_version = "0.1.0";
  r.digest = "00000000000000cc";
  r.paths = {"workload.rate", "deployment.replicas", "deployment.batch"};
  r.seeds = {1, 2};
  r.metrics = {{"slo.joint", "share", Better::higher},
               {"latency.ttft.p99", "ms", Better::lower},
               {"latency.tpot.p99", "ms", Better::lower},
               {"cost.usd_per_hour", "USD/h", Better::lower}};
  for (std::size_t a = 1; a <= rates; ++a) {
    for (std::size_t b = 1; b <= replicas; ++b) {
      for (const char* batch : {"sarathi", "orca"}) {
        const std::size_t point = r.points.size();
        r.points.push_back({std::to_string(10 * a) + " /s", std::to_string(b), batch});
        const double load = static_cast<double>(10 * a) / static_cast<double>(b);
        for (std::size_t seed = 0; seed < 2; ++seed) {
          SweepCell cell;
          cell.point = point;
          cell.seed = r.seeds[seed];
          cell.verdict = b >= a ? "met" : "missed";
          cell.values = {b >= a ? 1.0 : 0.5, 100 * load + 2 * static_cast<double>(seed), 20,
                         3.0 * static_cast<double>(b)};
          r.cells.push_back(cell);
        }
      }
    }
  }
  return r;
}

PlanRow row_of(const std::string& name, double usd, bool front) {
  PlanRow row;
  row.name = name;
  row.pools = {{"joint", "h100-sxm", 2, 1, 1, 3}};
  row.holds = true;
  row.on_front = front;
  row.gpus = 6;
  row.usd_per_hour = usd;
  row.max_load = 1.41;
  row.figures = PlanFigures{};
  row.figures->ttft_p99 = 400;
  row.figures->tpot_p99 = 30;
  row.figures->attainment = 0.973;
  row.figures->usd_per_million_output = 0.84;
  return row;
}

}  // namespace

TEST_CASE("a sweep's page names the cheapest point that holds under every seed") {
  SweepResults sweep = sweep_of(10, 10);
  const std::string page = sweep_page(sweep);
  CHECK(fault_in(page) == "");
  // Of ten rates times ten replicas times two policies, those with replicas >= rate / 10: 55 x 2.
  CHECK(page.find("110 of 200 points hold the service levels under each of 2 seeds; the cheapest "
                  "for each load and service level stand first below.") != page.npos);
  // 40 /s takes four replicas: 12 USD/h; both policies hold, sarathi was swept first.
  const std::string row = "<td><bdi>40 /s</bdi></td><td><bdi>4</bdi></td><td><bdi>sarathi</bdi>";
  CHECK(page.find(row) < page.find("Cost against latency</bdi></h2>"));
  SweepResults alone = sweep_of(1, 2);
  alone.paths[0] = "model";
  CHECK(sweep_page(alone).find("the cheapest costs 3.000 USD/h: model=10 /s, replicas=1, "
                               "batch=sarathi.") != std::string::npos);
  // Two trades, and a chart for each of the three metrics that small multiples show.
  CHECK(count(page, "<figure class=\"chart") == 5);
  CHECK(page.find("deployment.batch = sarathi") != page.npos);  // where the others stand
  const std::size_t fixed = page_charts().size() + page_style().size() + page_loader().size();
  CHECK(page.size() - fixed < 400'000);
  CHECK(page == sweep_page(sweep));
  // One seed that misses is enough.
  sweep.cells[0].verdict = "missed";
  CHECK(sweep_page(sweep).find("109 of 200 points hold") != std::string::npos);
}

TEST_CASE("small multiples draw one line a value along the key with most values") {
  const SweepResults sweep = sweep_of(12, 3);
  const SmallMultiples some = small_multiples(sweep, 1);
  REQUIRE(some.charts.size() == 3);
  const Chart& ttft = some.charts[1];
  CHECK(ttft.x.name == "workload.rate, /s");
  REQUIRE(ttft.series.size() == 3);
  CHECK(ttft.series[1].name == "2");
  REQUIRE(ttft.series[1].points.size() == 12);
  CHECK(ttft.series[1].points[3].x == 40);
  CHECK(ttft.series[1].points[3].y == Approx(100.0 * 40 / 2 + 1));  // mean over the two seeds
  CHECK(some.held == "deployment.batch = orca");
}

TEST_CASE("values that are no numbers of one unit become categories") {
  SweepResults sweep = sweep_of(2, 1);
  sweep.paths = {"a", "b", "c"};
  sweep.points = {{"1 s", "x", "y"}, {"2 ms", "x", "y"}, {"1 s", "x", "z"}, {"2 ms", "x", "z"}};
  const SmallMultiples some = small_multiples(sweep, 0);
  REQUIRE(!some.charts.empty());
  CHECK(some.charts[0].x.scale == AxisScale::category);
  CHECK(some.charts[0].x.categories == std::vector<std::string>{"1 s", "2 ms"});
}

TEST_CASE("a sweep of more points than a page takes says so and stays small") {
  const SweepResults sweep = sweep_of(60, 20);
  const std::string page = sweep_page(sweep);
  CHECK(fault_in(page) == "");
  CHECK(page.find("The first 1000 of 2,400 points") != page.npos);
  CHECK(page.size() < 1'500'000);
}

TEST_CASE("a sweep without service level, values or runs has a page") {
  SweepResults sweep = sweep_of(2, 2);
  for (SweepCell& cell : sweep.cells) {
    cell.verdict = "not_set";
    cell.values = {NAN, NAN, NAN, NAN};
  }
  CHECK(sweep_page(sweep).find("no service level was set") != std::string::npos);
  for (SweepCell& cell : sweep.cells) {
    cell.status = CellStatus::does_not_fit;
    cell.verdict = "";
    cell.why = kHostile;
    cell.values.clear();
  }
  sweep.metrics.clear();
  const std::string page = sweep_page(sweep);
  CHECK(fault_in(page) == "");
  CHECK(page.find("None of 8 points holds the service levels") != page.npos);
  CHECK(page.find("What did not run") != page.npos);
}

TEST_CASE("a plan's page opens with the deployment, its price, its headroom and what binds") {
  PlanReport report;
  report.scenario = kHostile;
  report.ranked = {row_of("h100-sxm tp 2", 18, true), row_of("h200-sxm tp 2", 21, false)};
  report.lost = {row_of(kHostile, 9, false)};
  report.lost[0].why_not = kHostile;
  report.headroom = 1.41;
  report.binds = "TPOT";
  report.outlooks = {{"load x 2", 2, 1, false, row_of("h100-sxm tp 2", 36, true)}};
  const std::string page = plan_page(report);
  CHECK(fault_in(page) == "");
  CHECK(page.find("3 replicas of h100-sxm tp 2: 6 GPUs, 18.00 USD/h, 0.8400 USD a million output "
                  "tokens; 97.30 % of requests hold all limits; load may grow by 41 %, then TPOT "
                  "is missed first.") != page.npos);
  CHECK(count(page, "<figure class=\"chart") == 2);
  const Chart front = front_chart(report, "TTFT p99", &PlanFigures::ttft_p99);
  REQUIRE(front.series.size() == 3);
  CHECK(front.series[0].points[0].x == 18);
  CHECK(front.series[0].points[0].y == 400);
}

TEST_CASE("a plan that finds nothing says so first") {
  PlanReport report;
  report.limits.gpus = 8;
  report.infeasible = "one token takes 60 ms on any of them";
  const std::string page = plan_page(report);
  CHECK(fault_in(page) == "");
  CHECK(page.find("No deployment of at most 8 GPUs holds the service levels: one token takes 60 ms "
                  "on any of them.") != page.npos);
}

}  // namespace headroom
