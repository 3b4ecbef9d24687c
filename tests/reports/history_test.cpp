#include "reports/history.h"

#include <random>

#include "tests/catch.h"

using namespace headroom;

namespace {

/// Sum of twelve uniforms: mean 0, variance 1, nearly normal, the same on every machine.
double noise(std::minstd_rand& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) {
    sum += static_cast<double>(random() - std::minstd_rand::min()) /
           static_cast<double>(std::minstd_rand::max() - std::minstd_rand::min());
  }
  return sum;
}

std::vector<double> course(std::minstd_rand& random, std::size_t count, double step) {
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(100 + noise(random) + (i >= count / 2 ? step : 0));
  }
  return values;
}

RecordSet run_of(const std::string& name, const std::string& label, double value) {
  RecordSet set;
  set.name = name;
  set.label = label;
  set.tool_version = "0.1.0";
  RunRecord run;
  run.metrics.push_back({"latency.tpot.mean", "ms", value, Better::lower});
  set.runs.push_back(run);
  return set;
}

}  // namespace

TEST_CASE("a course without noise changes wherever its figure does") {
  CHECK(change_points(std::vector<double>{5, 5, 5, 5}).empty());
  CHECK(change_points(std::vector<double>{5, 5, 5.1, 5.1, 5.1, 5}) ==
        std::vector<std::size_t>{2, 5});
  CHECK(change_points(std::vector<double>{5}).empty());
  CHECK(change_points(std::vector<double>{}).empty());
  // The ninth digit is rounding.
  CHECK(change_points(std::vector<double>{5, 5, 5.000000001, 5.000000001}).empty());
}

TEST_CASE("noise alone is no change; a step of four deviations is found near where it is") {
  std::minstd_rand random(1);
  int alarms = 0, found = 0;
  for (int i = 0; i < 200; ++i) {
    alarms += change_points(course(random, 40, 0)).empty() ? 0 : 1;
    const std::vector<std::size_t> steps = change_points(course(random, 40, 4));
    const bool near = steps.size() == 1 && steps[0] >= 19 && steps[0] <= 21;
    found += near ? 1 : 0;
  }
  CAPTURE(alarms, found);
  CHECK(alarms <= 10);
  CHECK(found >= 180);
}

TEST_CASE("runs of one label are one point; a step says which way it went") {
  std::vector<RecordSet> runs;
  for (const char* label : {"a", "b", "c"}) {
    const double base = *label == 'c' ? 12 : 10;
    runs.push_back(run_of("chat", label, base - 1));
    runs.push_back(run_of("chat", label, base + 1));
    runs.push_back(run_of("code", "", 3));
  }
  const std::vector<History> all = histories(runs, "tpot", "");
  REQUIRE(all.size() == 2);
  // Between two runs of a label another scenario's would not stand apart either.
  REQUIRE(all[0].points.size() == 3);
  CHECK(all[0].points[2].value == 12);
  CHECK(all[0].points[2].runs == 2);
  CHECK(all[0].points[2].first_run == 7);
  REQUIRE(all[0].steps.size() == 1);
  CHECK(all[0].steps[0].point == 2);
  CHECK(all[0].steps[0].way == HistoryStep::Way::worse);
  CHECK(all[1].points.size() == 3);  // without labels each run is a point
  CHECK(all[1].steps.empty());
  const std::string text = history_console(all, 2);
  CHECK(text.find("chat, latency.tpot.mean: 3 points, 1 change\n") != std::string::npos);
  CHECK(text.find("10.00 -> 12.00 (+20.0 %) WORSE") != std::string::npos);
  CHECK(histories(runs, "tpot", "code").size() == 1);
  CHECK(histories(runs, "cost", "").empty());
}
