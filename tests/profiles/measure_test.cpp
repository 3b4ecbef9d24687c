#include "profiles/measure.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "profiles/measure_store.h"
#include "tests/catch.h"
#include "tests/profiles/measure_fake.h"
#include "tests/scratch.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom;
using namespace headroom::measure_test;

struct Scratch : test::ScratchFolder {
  [[nodiscard]] std::string journal() const { return file("journal"); }
  [[nodiscard]] std::string store() const { return file("kernels.db"); }
};

/// Measures a plan in one go.
MeasureOutcome measured(FakeDevice& device, const MeasurePlan& plan, const MeasureMethod& method) {
  const Scratch scratch;
  MeasureJournal journal(scratch.journal(), "test");
  REQUIRE(run_schedule(device, plan, method, journal, {}));
  return evaluate(plan, method, journal.records(), device.peaks());
}

}  // namespace

TEST_CASE("the schedule holds every point once a pass, in shuffled order, with anchors between") {
  const MeasurePlan plan = fake_plan(6);
  const MeasureMethod method = fake_method();
  const std::vector<MeasureStep> steps = schedule_of(plan, method);
  std::map<std::pair<int, std::size_t>, int> own;
  std::int64_t groups = 0;
  std::size_t since = 0;
  for (const MeasureStep& step : steps) {
    if (step.group < 0) {
      ++own[{step.pass, step.point}];
      ++since;
      CHECK(since <= method.anchor_every);
    } else {
      groups = std::max(groups, step.group + 1);
      since = 0;
    }
  }
  // 12 points x 3 passes = 36 of their own; a look before each five and one at the end: 8 + 1.
  CHECK(own.size() == 36);
  for (const auto& [key, times] : own) CHECK(times == 1);
  CHECK(groups == 9);
  CHECK(steps.size() == 36 + 9 * 2);
  CHECK(steps.back().group == 8);
}

TEST_CASE("a measurement finds a device's true costs within its reported noise") {
  FakeBehaviour behaviour;
  behaviour.noise = 0.03;
  FakeDevice device(behaviour, 11);
  const MeasurePlan plan = fake_plan(20);
  const MeasureOutcome outcome = measured(device, plan, fake_method());
  CHECK(outcome.rows == 40);
  CHECK(outcome.left_out == 0);
  CHECK(outcome.noisy == 0);
  CHECK(device.evicted > 0);
  // A pass settles at a standard error of 0.5 % (fewer samples never do): so much do passes differ.
  CHECK(outcome.spread > 0.001);
  CHECK(outcome.spread < 0.007);
  CHECK(outcome.drift < 0.015);
  for (const MeasuredPoint& point : outcome.points) {
    CHECK(point.device.median_ns == Approx(fake_cost(point.shape)).epsilon(4 * outcome.spread));
    CHECK(point.device.min_ns <= point.device.median_ns);
    CHECK(point.device.p90_ns >= point.device.median_ns);
    CHECK(point.passes == 3);
  }
}

TEST_CASE("a second measurement agrees within the noise that both report") {
  const MeasurePlan plan = fake_plan(40);
  const Scratch scratch;
  ProfileStore store(scratch.store(), ProfileStore::Mode::read_write);
  Agreement agreement;
  for (const std::uint64_t seed : {std::uint64_t{1}, std::uint64_t{2}}) {
    FakeBehaviour behaviour;
    behaviour.noise = 0.04;
    FakeDevice device(behaviour, seed);
    const MeasureOutcome outcome = measured(device, plan, fake_method());
    ProfileRun run = device.identity();
    run.plan_hash = plan.hash();
    agreement = agreement_with_earlier(store, run, outcome);
    store_measurement(store, run, plan, fake_method(), outcome);
  }
  CHECK(agreement.earlier_run == 1);
  CHECK(agreement.rows == 80);
  // 95 % of a normal law lie within two standard errors; of 80 rows 76, give or take 2.
  CHECK(agreement.within >= 70);
  CHECK(agreement.within < 80);
  CHECK(agreement.median < agreement.expected);
}

TEST_CASE("a device that changed by more than the noise does not agree") {
  const MeasurePlan plan = fake_plan(10);
  const Scratch scratch;
  ProfileStore store(scratch.store(), ProfileStore::Mode::read_write);
  Agreement agreement;
  for (const double speed : {1.0, 0.9}) {
    FakeBehaviour behaviour;
    behaviour.noise = 0.02;
    behaviour.speed = [speed](double) { return speed; };
    FakeDevice device(behaviour, 5);
    const MeasureOutcome outcome = measured(device, plan, fake_method());
    ProfileRun run = device.identity();
    run.plan_hash = plan.hash();
    agreement = agreement_with_earlier(store, run, outcome);
    store_measurement(store, run, plan, fake_method(), outcome);
  }
  CHECK(agreement.within == 0);
  CHECK(agreement.shift == Approx(1 / 0.9 - 1).epsilon(0.05));
}

TEST_CASE("a run in the store names its plan, its passes and what was left out") {
  FakeBehaviour behaviour;
  behaviour.refused = [](const KernelShape& shape) {
    return shape.m == 3 ? std::string("no such kernel") : std::string();
  };
  FakeDevice device(behaviour, 1);
  const MeasurePlan plan = fake_plan(4);
  const MeasureOutcome outcome = measured(device, plan, fake_method());
  const Scratch scratch;
  ProfileStore store(scratch.store(), ProfileStore::Mode::read_write);
  store_measurement(store, device.identity(), plan, fake_method(), outcome);
  const std::vector<StoredRun> runs = store.stored_runs();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].kernels == 6);
  CHECK(runs[0].run.plan_hash == plan.hash());
  CHECK(runs[0].run.repeats == outcome.least_samples);
  CHECK(runs[0].run.notes.find("2 left out") != std::string::npos);
  CHECK(runs[0].run.notes.find("no such kernel") != std::string::npos);
}

TEST_CASE(
    "a kernel whose result is wrong, or that is faster than the device, is named, not stored") {
  FakeBehaviour behaviour;
  behaviour.wrong = [](const KernelShape& shape) {
    return shape.m == 2 ? std::string("out[0]: expected 1, got 0") : std::string();
  };
  FakeDevice device(behaviour, 1);
  // GEMM of 4 rows, 8 x 8: 512 operations; at 1e8 a second no less than 5.12 us, and it takes
  // 5 us hot (allowed: within 5 %), 10 us cold. Of 5 rows: 640 operations, 6.4 us, takes 6 us hot,
  // which is more than 5 % too fast.
  device.peaks_.flops_per_second["fp32"] = 1e8;
  const MeasureOutcome outcome = measured(device, fake_plan(5), fake_method());
  std::set<std::string> left;
  for (const MeasuredPoint& point : outcome.points)
    if (!point.left_out.empty())
      left.insert(std::to_string(point.shape.m) + point.shape.variant + ": " +
                  point.left_out.substr(0, 12));
  CHECK(left ==
        std::set<std::string>{"2cold: wrong: out[0", "2hot: wrong: out[0", "5hot: faster than "});
  CHECK(outcome.rows == 7);
}

TEST_CASE("a kernel that fails when it is launched is left out, and the others are measured") {
  FakeBehaviour behaviour;
  behaviour.launched = [](const KernelShape& shape) {
    if (shape.m == 2) throw KernelRefusal("no memory");
  };
  FakeDevice device(behaviour, 1);
  const MeasureOutcome outcome = measured(device, fake_plan(4), fake_method());
  CHECK(outcome.rows == 6);
  CHECK(outcome.short_of_passes == 0);
  for (const MeasuredPoint& point : outcome.points)
    CHECK(point.left_out == (point.shape.m == 2 ? "refused: no memory" : ""));
}

TEST_CASE("a result that was wrong once yields no row, whatever happened later") {
  FakeBehaviour behaviour;
  int checks = 0, launches = 0;
  behaviour.wrong = [&checks](const KernelShape&) {
    return ++checks == 1 ? std::string("out[0]: expected 1, got 0") : std::string();
  };
  // The second pass of the only kernel fails while it is launched.
  behaviour.launched = [&launches](const KernelShape&) {
    if (++launches == 1) throw KernelRefusal("no memory");
  };
  FakeDevice device(behaviour, 1);
  MeasurePlan plan = fake_plan(1);
  plan.points.resize(1);
  plan.anchors.clear();
  const MeasureOutcome outcome = measured(device, plan, fake_method());
  REQUIRE(outcome.points.size() == 1);
  CHECK(outcome.points.front().passes == 1);
  CHECK(outcome.points.front().left_out.starts_with("wrong: out[0]"));
  CHECK_FALSE(outcome.drift_known);
}

TEST_CASE("a row of fewer passes is stored and named") {
  FakeBehaviour behaviour;
  behaviour.about = "1/2 is 66 of 132 multiprocessors";
  // Two readings a step: the anchors' two steps, then three attempts of the first kernel's.
  int readings = 0;
  behaviour.clock = [&readings] {
    ++readings;
    return readings > 4 && readings <= 10 && readings % 2 == 0 ? 1500.0 : 2000.0;
  };
  FakeDevice device(behaviour, 1);
  const MeasurePlan plan = fake_plan(4);
  const MeasureOutcome outcome = measured(device, plan, fake_method());
  CHECK(outcome.rows == 8);
  CHECK(outcome.short_of_passes == 1);
  CHECK(outcome.clock == 2000);
  CHECK(outcome.least_clock == 2000);  // of steps that count
  const Scratch scratch;
  ProfileStore store(scratch.store(), ProfileStore::Mode::read_write);
  ProfileRun run = device.identity();
  run.sm_clock_mhz = 2100;
  store_measurement(store, run, plan, fake_method(), outcome);
  const std::string notes = store.stored_runs().at(0).run.notes;
  INFO(notes);
  CHECK(notes.find("1 of fewer passes") != std::string::npos);
  CHECK(notes.find("; 1/2 is 66 of 132 multiprocessors;") != std::string::npos);
  CHECK(notes.find("flagged: ") != std::string::npos);
  CHECK(notes.find("(2 passes, then throttled)") != std::string::npos);
  CHECK(notes.find("clock while sampling 2000 MHz in the median, 2000 at least, of 2100") !=
        std::string::npos);
}

TEST_CASE("a measurement goes on only on the device and driver that it was begun on") {
  const MeasurePlan plan = fake_plan(1);
  ProfileRun run;
  run.device = "fake";
  run.driver = "1";
  const auto identity = [&](const std::string& unit) {
    return measurement_identity(run, unit, plan, fake_method());
  };
  const std::string first = identity("GPU-a");
  CHECK(identity("GPU-a") == first);
  CHECK(identity("GPU-b") != first);
  run.driver = "2";
  CHECK(identity("GPU-a") != first);
}

TEST_CASE("a device that slows down during a step gets a pause and another attempt") {
  FakeBehaviour behaviour;
  // Slow from 2 ms to 6 ms of its time.
  behaviour.speed = [](double now) { return now > 2e6 && now < 6e6 ? 0.5 : 1.0; };
  FakeDevice device(behaviour, 1);
  const MeasureOutcome outcome = measured(device, fake_plan(8), fake_method());
  CHECK(outcome.left_out == 0);

  FakeBehaviour falling;
  int readings = 0;
  falling.clock = [&readings] { return ++readings % 2 == 1 ? 1.0 : 0.8; };
  FakeDevice worse(falling, 1);
  const MeasureOutcome nothing = measured(worse, fake_plan(2), fake_method());
  CHECK(nothing.rows == 0);
  CHECK(nothing.left_out == 4);
  CHECK(nothing.points.front().left_out.find("throttled") != std::string::npos);
}

TEST_CASE("anchors tell by how much the machine drifted") {
  FakeBehaviour behaviour;
  // From the middle on, 10 % slower.
  behaviour.speed = [](double now) { return now > 20e6 ? 1 / 1.1 : 1.0; };
  FakeDevice device(behaviour, 1);
  const MeasureOutcome outcome = measured(device, fake_plan(20), fake_method());
  CHECK(outcome.drift > 0.04);
  CHECK(outcome.drift < 0.11);
}

TEST_CASE("an interrupted measurement goes on where it stopped and ends with the same rows") {
  const MeasurePlan plan = fake_plan(5);
  const MeasureMethod method = fake_method();
  const std::size_t all = schedule_of(plan, method).size();
  FakeDevice whole({}, 1);
  const MeasureOutcome expected = measured(whole, plan, method);
  const Scratch scratch;
  std::int64_t prepared = 0;
  std::size_t calls = 0;
  for (bool done = false; !done; ++calls) {
    FakeDevice device({}, 1);
    MeasureJournal journal(scratch.journal(), "test");
    std::atomic<bool> stop{false};
    MeasureHooks hooks;
    hooks.stop = &stop;
    std::size_t steps = 0;
    hooks.progress = [&](const MeasureProgress& at) {
      CHECK(at.all == all);
      if (++steps == 8) stop = true;  // during the eighth step of each call
    };
    done = run_schedule(device, plan, method, journal, hooks);
    prepared += device.prepared;
    if (!done) CHECK(journal.records().size() == 7 * (calls + 1));
    if (done) {
      const MeasureOutcome outcome = evaluate(plan, method, journal.records(), {});
      REQUIRE(outcome.points.size() == expected.points.size());
      for (std::size_t i = 0; i < outcome.points.size(); ++i)
        CHECK(outcome.points[i].device.median_ns == expected.points[i].device.median_ns);
    }
  }
  // Each interruption repeats the one step in progress, no more.
  CHECK(prepared == static_cast<std::int64_t>(all + calls - 1));
}

TEST_CASE("a killed measurement loses at most the step in progress") {
  const MeasurePlan plan = fake_plan(30);
  const MeasureMethod method = fake_method();
  const std::size_t all = schedule_of(plan, method).size();
  const Scratch scratch;
  std::size_t before = 0;
  for (int kill_at = 20; kill_at <= 60; kill_at += 20) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      FakeDevice device({}, 1);
      MeasureJournal journal(scratch.journal(), "test");
      int steps = 0;
      MeasureHooks hooks;
      hooks.progress = [&](const MeasureProgress&) {
        if (++steps == kill_at) ::raise(SIGKILL);
      };
      static_cast<void>(run_schedule(device, plan, method, journal, hooks));
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    MeasureJournal journal(scratch.journal(), "test");
    CHECK(journal.records().size() == before + static_cast<std::size_t>(kill_at) - 1);
    before = journal.records().size();
  }
  FakeDevice device({}, 1);
  MeasureJournal journal(scratch.journal(), "test");
  REQUIRE(run_schedule(device, plan, method, journal, {}));
  CHECK(journal.records().size() == all);
  CHECK(device.prepared == static_cast<std::int64_t>(all - before));
  CHECK(evaluate(plan, method, journal.records(), {}).rows == 60);
}
