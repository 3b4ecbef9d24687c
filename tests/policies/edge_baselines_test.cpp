// The baselines of edge and cloud scheduling: what each does on tasks small enough to follow.
#include "tests/catch.h"
#include "tests/policies/edge_world.h"

using namespace headroom;
using namespace headroom::edge_test;

namespace {

/// Types in the order in which they ran at the edge.
std::string order_at_edge(const std::string& policy, const std::vector<std::string>& names,
                          std::int64_t deadline) {
  World world(policy);
  for (const std::string& name : names) world.arrive(0, name, deadline);
  world.run();
  std::string order;
  for (const Record::Line& line : world.record.lines) {
    if (line.result.outcome == EdgeOutcome::edge) order += line.type + " ";
  }
  return order;
}

}  // namespace

TEST_CASE("edge-only policies run by arrival, time, benefit and utility") {
  const std::vector<std::string> names{"MD", "CD", "HV", "DEO", "BP", "DEV"};
  CHECK(order_at_edge("edge-fifo", names, 5000) == "MD CD HV DEO BP DEV ");
  CHECK(order_at_edge("edge-sjf", names, 5000) == "MD DEV HV BP CD DEO ");
  CHECK(order_at_edge("edge-hpf", names, 5000) == "DEO CD HV DEV MD BP ");
  CHECK(order_at_edge("edge-huf", names, 5000) == "DEO CD HV DEV MD BP ");
  // floor(100 x utility / ms): HV 71, DEV 57, MD 52, DEO 33, CD 30, BP 15.
  CHECK(order_at_edge("edge-huf-per-time", names, 5000) == "HV DEV MD DEO CD BP ");
  // By deadline: equal ones keep their order of arrival.
  CHECK(order_at_edge("edge-edf", names, 5000) == "MD CD HV DEO BP DEV ");
}

TEST_CASE("an edge-only task that would be late when its turn comes is dropped then") {
  // MD to 142, then DEV 142 + 172 = 314 <= 750 runs, then HV at 314: 174 < 480 - 314 = 166 is
  // false.
  World world("edge-sjf");
  world.arrive(0, "MD");
  world.arrive(0, "DEV");
  world.arrive(0, "HV", 480);
  world.run();
  CHECK(world.outcome("HV") == EdgeOutcome::expired_edge);
  CHECK(world.record.find("HV")->result.when == at_ms(314));
  CHECK(world.metrics.task_utility(world.setup.types) == 74 + 99);
}

TEST_CASE("cloud-only calls what pays, drops the rest, and lets late turns expire") {
  World world("cloud-only");
  world.setup.cloud.concurrency = 1;
  world.arrive(0, "HV");
  world.arrive(0, "BP");   // a call would cost 3 more than it gives
  world.arrive(0, "DEV");  // its turn comes at 398: 429 < 750 - 398 = 352 is false
  world.run();
  CHECK(world.outcome("HV") == EdgeOutcome::cloud);
  CHECK(world.outcome("BP") == EdgeOutcome::drop_cost);
  CHECK(world.outcome("DEV") == EdgeOutcome::expired_cloud);
  CHECK(world.metrics.task_utility(world.setup.types) == 100);
  CHECK(world.metrics.causes[static_cast<std::size_t>(MissCause::cloud_wait)] == 1);
}

TEST_CASE("DEDAS displaces one task only where the mean run falls") {
  // Nothing ran yet: a newcomer in mid-queue goes to the cloud, though it displaces nobody.
  World cold("dedas");
  cold.arrive(0, "DEO");
  cold.arrive(1, "CD", 3000);
  cold.arrive(2, "HV", 2000);
  cold.run();
  CHECK(cold.outcome("HV") == EdgeOutcome::cloud);
  // After a run of 739 its 174 lower the mean: (739 + 0) / 1 > (739 + 174) / 2.
  World warm("dedas");
  warm.arrive(0, "DEO");
  warm.arrive(1000, "DEO", 3000);
  warm.arrive(1001, "CD", 3000);
  warm.arrive(1002, "HV", 2000);
  warm.run();
  CHECK(warm.outcome("HV") == EdgeOutcome::edge);
}

TEST_CASE("D3 with Kalmia extends deadlines of tasks that are not urgent, and judges by them") {
  // HV runs to 174. BP (deadline 400): 174 + 244 = 418 is not below 400, 542 > 400: extended to
  // 490, then it fits and ends at 418.
  for (const bool faithful : {false, true}) {
    World world("d3-kalmia", faithful ? kFaithful : decltype(kFaithful){});
    world.arrive(0, "HV");
    world.arrive(1, "BP", 399);
    world.arrive(2, "CD", 500);  // urgent: 563 does not fit anywhere
    world.run();
    CHECK(world.outcome("BP") == EdgeOutcome::edge);
    CHECK(world.record.find("BP")->result.task.deadline == at_ms(490));
    CHECK(world.outcome("CD") == EdgeOutcome::drop_time);
    // The released code enters the task twice; it counts once, and its copy expires here: at 418
    // 244 < 490 - 418 is false.
    CHECK(world.metrics.generated() == 3);
    CHECK(world.metrics.copies_run == 0);
  }
  World copies("d3-kalmia", kFaithful);
  copies.setup.types[copies.type("BP")].extension = ms(500);
  copies.arrive(0, "HV");
  copies.arrive(1, "BP", 399);
  copies.run();
  CHECK(copies.metrics.copies_run == 1);
  CHECK(copies.metrics.sites[0].busy == ms(174 + 2 * 244));
}

TEST_CASE("d3-kalmia without a cloud extends when a task's turn comes") {
  World world("d3-kalmia", {{"edge_only", "true"}});
  world.arrive(0, "HV");
  world.arrive(0, "BP", 400);  // at 174: 244 < 226 is false; extended by 90: 244 < 316
  world.arrive(0, "HV", 500);  // at 418: 174 < 82 is false, and HV is urgent
  world.run();
  CHECK(world.outcome("BP") == EdgeOutcome::edge);
  CHECK(world.outcome("HV", 1) == EdgeOutcome::expired_edge);
}

TEST_CASE("one arrival may displace a task into a call and another one out of existence") {
  // A blocker runs to 400; BP (ends 644 of 961) and CD (ends 1207 of 1251) wait behind it. A task
  // of 500 ms with deadline 951 ends at 900: BP would end at 1144, CD at 1463. BP's call never
  // pays, CD's does, and starts although a drop is booked with it.
  World world("dem");
  EdgeTaskType rich = world.setup.types[world.type("DEV")];
  rich.name = "RICH";
  rich.benefit = 1000;
  rich.cloud_price = 900;  // loses 899 by moving, BP and CD together 38 + 148
  rich.edge_time = ms(500);
  world.setup.types.push_back(rich);
  EdgeTaskType blocker = rich;
  blocker.name = "X";
  blocker.edge_time = ms(400);
  world.setup.types.push_back(blocker);
  world.arrive(0, "X", 20'000);
  world.arrive(1, "BP", 960);
  world.arrive(1, "CD", 1250);
  world.arrive(1, "RICH", 950);
  world.run();
  CHECK(world.outcome("RICH") == EdgeOutcome::edge);
  CHECK(world.outcome("CD") == EdgeOutcome::rescheduled_cloud);
  CHECK(world.outcome("BP") == EdgeOutcome::rescheduled_drop_cost);
}
