// Decisions of the DEM family that can be checked by hand, from its published rules (arXiv
// 2412.20860): all of them in the released form (`faithful`) and in the repaired default.
#include "policies/edge_migration.h"
#include "tests/catch.h"
#include "tests/policies/edge_world.h"

using namespace headroom;
using namespace headroom::edge_test;

namespace {

using Given = std::vector<std::pair<std::string, std::string>>;
const std::vector<Given> kBoth{{}, kFaithful};

/// A task that every scheduler expects to hold the edge for 10 s; how long it does is its arrival's
/// to say.
void add_blocker(World& world, std::int64_t actual) {
  EdgeTaskType type;
  type.name = "X";
  type.benefit = 1000;
  type.cloud_price = 2000;
  type.edge_time = ms(10'000);
  type.cloud_time = ms(30'000);
  type.deadline = ms(20'000);
  world.setup.types.push_back(type);
  world.arrive(0, "X");
  world.arrivals.back().edge_actual = ms(actual);
}

EdgeTaskView view_of(EdgeTask& task, const EdgeTaskType& type, Duration slack) {
  task.deadline = Instant() + slack;
  task.edge_time = type.edge_time;
  task.cloud_time = type.cloud_time;
  return {0, task, type};
}

}  // namespace

TEST_CASE("a task whose slack equals its edge time does not fit: the inequality is strict") {
  for (const Given& given : kBoth) {
    World late("dems", given);
    late.arrive(0, "HV", 174);  // 174 > 0 + 174 is false; the cloud's 398 > 174
    late.run();
    CHECK(late.outcome("HV") == EdgeOutcome::drop_time);
    World fits("dems", given);
    fits.arrive(0, "HV", 175);
    fits.run();
    CHECK(fits.outcome("HV") == EdgeOutcome::edge);
    CHECK(fits.metrics.task_utility(fits.setup.types) == 124);  // 125 - 1
  }
}

TEST_CASE("the released scheduler overlooks the first displaced task, the repaired one does not") {
  for (const Given& given : kBoth) {
    World world("dems", given);
    for (const char* name : {"BP", "CD", "HV", "DEV"}) world.arrive(0, name);
    world.open();
    world.site->step();
    // HV goes before BP and CD without a victim: CD would end at 174 + 244 + 563 = 981 <= 1000. It
    // then runs, for all four arrive in the same instant.
    CHECK(world.site->plan().expected_busy() == ms(174));
    if (given.empty()) {
      // DEV would make CD late (174 + 172 + 244 + 563 = 1153), worth 148 > 25: DEV waits for the
      // cloud, trigger 750 - 429 - 10 = 311.
      CHECK(queue_of(*world.site) == "BP CD");
      REQUIRE(parked_of(*world.site) == "DEV");
      CHECK(cloud_trigger(world.site->plan().parked(0)) == at_ms(311));
    } else {
      // BP's 244 are neither tested nor added: CD is thought to end at 909.
      CHECK(queue_of(*world.site) == "DEV BP CD");
      CHECK(parked_of(*world.site).empty());
    }
    while (world.site->next() < Instant::never()) world.site->step();
    world.site->finish();
    CHECK(world.outcome("CD") == (given.empty() ? EdgeOutcome::edge : EdgeOutcome::expired_edge));
    if (given.empty()) {
      CHECK(world.outcome("DEV") == EdgeOutcome::cloud);
      CHECK(world.record.find("DEV")->call.queued == at_ms(261));  // 50 ms before its trigger
    }
  }
}

TEST_CASE("DEM moves what it displaces, edge-cloud lets it expire") {
  // HV, BP and CD end at 174, 418 and 981, all in time; DEV before BP makes CD late (1153 > 1000).
  World keeps("edge-cloud");
  for (const char* name : {"BP", "CD", "HV", "DEV"}) keeps.arrive(0, name);
  keeps.run();
  CHECK(keeps.outcome("CD") == EdgeOutcome::expired_edge);
  CHECK(keeps.metrics.causes[static_cast<std::size_t>(MissCause::edge_wait)] == 1);
  World moves("dem");
  for (const char* name : {"BP", "CD", "HV", "DEV"}) moves.arrive(0, name);
  moves.run();
  CHECK(moves.outcome("CD") == EdgeOutcome::edge);
  CHECK(moves.outcome("DEV") == EdgeOutcome::cloud);
  CHECK(moves.record.find("DEV")->call.queued == at_ms(0));  // called at once, not parked
}

TEST_CASE("a worthier newcomer displaces a task, which has no place left") {
  // A blocker runs to 400. At 1 come BP (ends 644 of 901), HV with 600 before it (ends 574 of 601,
  // BP then at 818), and a task of 172 ms with 750 between them: it ends at 746 of 751, and BP
  // would at 990. BP loses 38 (its call never pays), the newcomer |100 - 999| = 899: it stays and
  // BP goes.
  World world("dem");
  EdgeTaskType rich = world.setup.types[world.type("DEV")];
  rich.name = "RICH";
  rich.benefit = 1000;
  rich.cloud_price = 900;
  world.setup.types.push_back(rich);
  add_blocker(world, 400);
  world.setup.types.back().edge_time = ms(400);
  world.arrive(1, "BP");
  world.arrive(1, "HV", 600);
  world.arrive(1, "RICH", 750);
  world.run();
  CHECK(world.outcome("RICH") == EdgeOutcome::edge);
  CHECK(world.outcome("BP") == EdgeOutcome::rescheduled_drop_cost);
}

TEST_CASE("a parked task leaves for the cloud 50 ms before its trigger") {
  for (const Given& given : kBoth) {
    World world("dems", given);
    add_blocker(world, 10'000);
    world.arrive(1, "HV", 649);  // deadline at 650
    world.arrivals.back().cloud_actual = ms(500);
    world.run();
    // Trigger 650 - 398 - 10 = 242: due at 192, and the released worker looks every 10 ms.
    const Record::Line* hv = world.record.find("HV");
    CHECK(hv->call.queued == at_ms(given.empty() ? 192 : 200));
    // 500 ms later the deadline has passed: the call is paid for nothing.
    CHECK(hv->result.outcome == EdgeOutcome::missed_cloud);
    CHECK(utility_of(world.setup.types[world.type("HV")], hv->result.outcome) == -25);
    CHECK(hv->cause == MissCause::cloud_slow);
  }
}

TEST_CASE("a free edge steals parked tasks in the order BP, DEO, CD, DEV, HV, MD") {
  for (const Given& given : kBoth) {
    World world("dems", given);
    add_blocker(world, 100);
    for (const char* name : {"HV", "DEV", "MD", "BP", "CD", "DEO"}) world.arrive(1, name, 5000);
    world.run();
    std::string order;
    for (const Record::Line& line : world.record.lines) {
      if (line.type == "X") continue;
      CHECK(line.result.outcome == EdgeOutcome::stolen);
      order += line.type + " ";
    }
    CHECK(order == "BP DEO CD DEV HV MD ");
  }
}

TEST_CASE("scores and ranks of the published table") {
  const std::vector<EdgeTaskType>& types = edge_loads()[2].types;
  // In the order HV, DEV, MD, BP, CD, DEO.
  const std::vector<std::int64_t> with_cloud{24, 25, 14, 38, 148, 204};
  const std::vector<std::int64_t> without{124, 99, 74, 38, 171, 244};
  const std::vector<std::int64_t> ranks{137, 145, 98, 1168, 262, 276};
  for (std::size_t i = 0; i < types.size(); ++i) {
    EdgeTask task;
    CHECK(migration_score(view_of(task, types[i], ms(10'000)), Instant()) == with_cloud[i]);
    CHECK(migration_score(view_of(task, types[i], ms(100)), Instant()) == without[i]);
    CHECK(steal_rank(view_of(task, types[i], ms(10'000))) == ranks[i]);
  }
  EdgeTask task;  // exact equality of time and slack: 0, but for a call that never pays
  CHECK(migration_score(view_of(task, types[0], ms(398)), Instant()) == 0);
  CHECK(migration_score(view_of(task, types[3], ms(542)), Instant()) == 38);
}

namespace {

/// HV: `kept` in time, then one dropped while HV and BP are queued behind a CD.
std::string queue_after_a_drop(const Given& given, std::int64_t kept, const char* dropped = "HV") {
  World world("gems", given);
  for (std::int64_t i = 0; i < kept; ++i) world.arrive(i * 1000, "HV");
  world.arrive(9000, "CD");
  world.arrive(9100, "BP");
  world.arrive(9100, "HV");
  world.arrive(9150, dropped, 100);
  world.open();
  world.run_until(9150);
  const std::string queue = queue_of(*world.site);
  while (world.site->next() < Instant::never()) world.site->step();
  world.site->finish();
  if (kept == 8 && dropped == std::string("HV")) {
    CHECK(world.outcome("HV", 9) == EdgeOutcome::gatekeeper_cloud);
  }
  return queue;
}

}  // namespace

TEST_CASE("GEMS calls the cloud for a type below its rate: 8 of 9, not 9 of 10") {
  for (const Given& given : kBoth) {
    CHECK(queue_after_a_drop(given, 9) == "HV BP");
    CHECK(queue_after_a_drop(given, 8) == "BP");
    // BP's rate is 0 of 1, but its call never pays.
    CHECK(queue_after_a_drop(given, 9, "BP") == "HV BP");
  }
}

TEST_CASE("DEMS-A believes the mean of ten calls where it is more than 10 ms off") {
  for (const Given& given : kBoth) {
    for (const std::int64_t actual : {600, 405}) {
      World world("dems-a", given);
      world.setup.types[world.type("HV")].edge_time = ms(100'000);  // never fits the edge
      for (std::int64_t i = 0; i < 10; ++i) {
        world.arrive(i * 1000, "HV");
        world.arrivals.back().cloud_actual = ms(actual);
      }
      world.arrive(20'000, "HV", 2000);
      world.run();
      // 600: believed, so the eleventh is called 50 ms before 2000 - 600 - 10 (with its own
      // deadline of 650 the trigger would be 40); |398 - 405| <= 10: not believed.
      const Record::Line* last = world.record.find("HV", 10);
      CHECK(last->result.task.cloud_time == ms(actual == 600 ? 600 : 398));
      CHECK(last->call.queued == at_ms(20'000 + (actual == 600 ? 1340 : 2000 - 398 - 60) +
                                       (given.empty() || actual == 600 ? 0 : 8)));
    }
  }
}
