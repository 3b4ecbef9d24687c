#include "reports/plan_report.h"

#include <sstream>
#include <string>

#include "reports/text_layout.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

PlanRow row(const std::string& name, double usd) {
  PlanRow one;
  one.name = name;
  one.pools = {{"prefill", "h100-sxm", 2, 1, 1, 3}, {"decode", "h200-sxm", 2, 1, 1, 1}};
  one.holds = true;
  one.gpus = 8;
  one.nodes = 2;
  one.usd_per_hour = usd;
  one.figures = PlanFigures{};
  one.figures->ttft_p99 = 1234.5;
  return one;
}

PlanReport hostile() {
  PlanReport report;
  report.scenario = "s\x1b[31m.json";
  report.load = std::string(300, 'x');
  report.service_levels = {"TTFT p99 2000 ms"};
  report.ranked = {row(std::string(200, 'n'), 25.6), row("b\nc", 123456.7)};
  report.lost = {row("lost\r\n", 9e9)};
  report.lost[0].why_not = std::string(500, 'w') + "\t\x07";
  report.less.push_back({"a prefill replica", 2, 6, false, PlanFigures{}});
  report.outlooks.push_back({"load x 2", 2, 1, false, row("c", 43)});
  report.price_turns.push_back({"h100-sxm", 0.25, "h200-sxm tp 4"});
  report.headroom = 1.5;
  report.binds = "TTFT";
  report.cost_model = "roofline";
  return report;
}

void check_lines(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(display_width(line) <= 80);
    CHECK(line.find('\x1b') == std::string::npos);
    CHECK(line.find('\r') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("no line of a plan is wider than 80 columns, whatever names say") {
  check_lines(plan_console(hostile()));
  PlanReport none = hostile();
  none.nearest = none.ranked.front();
  none.ranked.clear();
  none.infeasible = "the decode step alone takes 14.1 ms at tp 8 on h100-sxm";
  check_lines(plan_console(none));
  PlanReport now = hostile();
  now.from_now = PlanFromNow{std::string(200, 'e'), row("a", 1), row("a", 1), row("b", 2), {}};
  now.from_now->changes = {{'~', "replicas", "2", "4"}};
  check_lines(plan_console(now));
}

TEST_CASE("a plan's JSON holds every part of the answer") {
  const std::string json = plan_json(hostile());
  for (const char* key :
       {"schema_version", "service_levels", "limits", "ranked", "lost", "why_not", "max_load",
        "on_front", "load_factor", "less", "what_if", "price_turns", "perfect_system", "figures"}) {
    INFO(key);
    CHECK(json.find(std::string("\"") + key + "\"") != std::string::npos);
  }
}
