// Plans of deployments whose replicas come and go: they cost what their runs are paid for, and no
// bound is above that.
#include "sim/cli/plan_dynamics.h"

#include <algorithm>
#include <map>

#include "reports/summary.h"
#include "sim/cli/plan_answer.h"
#include "tests/catch.h"
#include "tests/cli/plan_world.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

/// A bursty load under `dynamics`; `groups` and `more` go into the scenario as they are.
std::string scenario_with(const std::string& dynamics,
                          const std::string& groups = R"([{"replicas": 4}])",
                          const std::string& more = "") {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8, "nic": "50 GB/s"}]},
  "deployment": )" +
         groups + R"(, "routing": "least-outstanding",
  "workload": {"arrivals": "gamma", "arrival_cv": 3, "rate": "40 /s", "requests": 800,
    "prompt": 1000, "output": 150},
  "slo": {"ttft": "3 s", "tpot": "40 ms", "attainment": 0.8},)" +
         more + R"( "dynamics": )" + dynamics + "}";
}

const std::string kScaled =
    R"({"scaling": {"policy": "hpa", "target": 30, "stabilisation": "4 s"}, "interval": "1 s",
        "least": 1, "start_up": "500 ms", "mtbf": "30 s", "mttr": "1 s"})";

Summary run_of(const PlanSpace& space, const PlanFamily& family, const PlanCounts& counts) {
  const Scenario scenario = read_scenario(deployment_scenario(space, family, counts)).scenario;
  const RunResult result = run_scenario(scenario);
  REQUIRE(result.does_not_fit.empty());
  return summarise(result.metrics, result.context);
}

void check_costs(const std::string& scenario, const std::vector<std::string>& words) {
  PlanWorld world(scenario, words);
  const PlanAnswer answer = answer_plan(*world.search, 3);
  REQUIRE(answer.winner.has_value());
  const FamilyAnswer& winner = *answer.winner;
  const PlanFamily& family = world.space.families[winner.index];
  const Summary run = run_of(world.space, family, winner.counts);
  const PlanRow& row = answer.report.ranked.front();
  CHECK(row.usd_per_hour == *run.cost.usd_per_hour);
  CHECK(row.figures->paid_gpus == run.dynamics->mean_paid);
  CHECK(row.figures->usd_per_million_output == *run.cost.usd_per_million_output);
  CHECK(row.figures->watts == Approx(*run.cost.energy_kwh * 3.6e6 / run.span_s));
  CHECK(row.objective == row.usd_per_hour);
  // Not all replicas are there all the time, and a perfect system needs less.
  CHECK(row.usd_per_hour < bill_of(family, winner.counts).usd_per_hour);
  CHECK(answer.report.bound_usd_per_hour > 0);
  CHECK(answer.report.bound_usd_per_hour < row.usd_per_hour);
}

}  // namespace

TEST_CASE("a plan of a scenario with an autoscaler costs what a run of its winner says") {
  check_costs(scenario_with(kScaled), {"--devices", "h100-sxm,a100-80g", "--tensor", "1,2",
                                       "--pools", "joint", "--most-gpus", "16"});
}

TEST_CASE("and so with terms of purchase, and with two pools") {
  check_costs(scenario_with(kScaled, R"([{"replicas": 4}])", R"("purchase": {"terms": "spot"},)"),
              {"--devices", "h100-sxm", "--tensor", "1", "--pools", "joint"});
  check_costs(
      scenario_with(
          kScaled,
          R"([{"name": "p", "role": "prefill", "replicas": 4}, {"name": "d", "role": "decode", "replicas": 4}])"),
      {"--devices", "h100-sxm", "--tensor", "1", "--pools", "apart", "--most-gpus", "8"});
}

TEST_CASE("replicas paid at all times are no more than a run is paid for") {
  for (const char* dynamics :
       {kScaled.c_str(), R"({"mtbf": "5 s", "mttr": "2 s", "start_up": "1 s"})",
        R"({"least": 3, "start_up": "1 s", "reclaim": "6 s", "notice": "1 s"})",
        R"({"least": 4, "schedule": [{"at": "5 s", "replicas": 1}, {"at": "9 s", "replicas": 2}]})",
        R"({"least": 2, "rolling_restart": "2 s", "start_up": "2 s"})"}) {
    INFO(dynamics);
    PlanWorld world(scenario_with(dynamics),
                    {"--devices", "h100-sxm", "--tensor", "1", "--pools", "joint"});
    const PlanFamily& family = world.space.families.front();
    for (const std::int64_t n : {1, 2, 3, 5}) {
      const PlanCounts paid = paid_at_least(world.judge->scenario(), family, {n});
      CHECK(paid[0] >= 1);
      CHECK(paid[0] <= n);
      const Summary run = run_of(world.space, family, {n});
      CHECK(static_cast<double>(paid[0]) <= run.dynamics->mean_paid + 1e-9);
      CHECK(run.dynamics->mean_paid <= static_cast<double>(n) + 1e-9);
    }
  }
}

TEST_CASE("pruning loses nothing where replicas come and go") {
  // Of each family the least replicas that hold, by trying all; the best of these wins.
  const std::string scenario = scenario_with(kScaled);
  const std::vector<std::string> words{
      "--devices", "h100-sxm,a100-80g,l40s", "--tensor", "1,2", "--pools", "joint", "--most-gpus",
      "12"};
  for (const char* objective : {"usd-per-hour", "usd-per-token", "gpus", "energy"}) {
    INFO(objective);
    std::vector<std::string> asked = words;
    asked.insert(asked.end(), {"--objective", objective});
    PlanWorld world(scenario, asked);
    const PlanFound found = world.search->find({});
    PlanWorld slow(scenario, asked);
    std::optional<double> best;
    for (const PlanFamily& family : slow.space.families) {
      for (std::int64_t n = 1; within(slow.space.limits, bill_of(family, {n})); ++n) {
        const Judged judged = slow.judge->judge(family, {n});
        if (!judged.holds) continue;
        const double value =
            objective_value(slow.space.objective, bill_of(family, {n}), *judged.figures);
        if (!best || value < *best) best = value;
        break;
      }
    }
    REQUIRE(best.has_value());
    REQUIRE_FALSE(found.ranked.empty());
    CHECK(found.ranked.front().objective == *best);
  }
}

TEST_CASE("dynamics of a scenario fit deployments of any size") {
  PlanWorld world(scenario_with(R"({"least": 4, "schedule": [{"at": "5 s", "replicas": 3}],
        "outages": [{"at": "1 s", "replica": 0, "down": "1 s"},
                    {"at": "2 s", "replica": 3, "down": "1 s"}]})"),
                  {"--devices", "h100-sxm", "--tensor", "1", "--pools", "joint,apart"});
  for (const PlanFamily& family : world.space.families) {
    const PlanCounts counts(family.phases.size(), 1);
    const Scenario read = read_scenario(deployment_scenario(world.space, family, counts)).scenario;
    REQUIRE(read.dynamics.has_value());
    CHECK(read.dynamics->groups.size() == family.phases.size());
    for (const DynamicsSpec::Group& unit : read.dynamics->groups) {
      CHECK(unit.least == 1);
      CHECK(unit.schedule.front().replicas == 1);
    }
    CHECK(read.dynamics->outages.size() == 1);
  }
}
