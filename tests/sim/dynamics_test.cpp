// Replicas that come and go, in worlds that can be followed by hand: iterations of 1 ms.
#include "sim/dynamics.h"

#include <numeric>

#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

constexpr Duration ms(std::int64_t count) { return kMillisecond * count; }

/// Runs whatever is there, at once.
class Everything final : public BatchPolicy {
 public:
  void next_batch(BatchPlan& plan) override {
    while (plan.waiting_count() > 0) plan.admit(plan.waiting(0));
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (plan.grow(request, request.missing())) plan.schedule(request, request.missing());
    }
  }
};

struct World {
  World(std::int64_t replicas, std::vector<RequestSpec> requests, Duration start_up)
      : source(std::move(requests)), setup(world(source)) {
    for (std::int64_t i = 0; i < replicas; ++i) {
      setup.replicas.push_back(replica(std::make_unique<Everything>(), cost));
    }
    setup.dynamics = dynamics(replicas, start_up);
    setup.sinks.push_back(&seen);
  }
  Metrics run() { return simulate(std::move(setup)); }
  [[nodiscard]] DynamicsSetup& rules() { return *setup.dynamics; }

  ListSource source;
  LineCost cost{LineCostTerms{}};
  Recorder seen;
  SimulationSetup setup;
};

std::vector<RequestSpec> every(Duration apart, int count, std::int64_t output) {
  std::vector<RequestSpec> requests;
  for (int i = 0; i < count; ++i) requests.push_back(request(apart * i, 10, output));
  return requests;
}

/// Says what it is told to, one after the other.
class Told final : public ScalingPolicy {
 public:
  Told(std::vector<std::int64_t> answers, std::vector<ScalingView>& seen)
      : answers_(std::move(answers)), seen_(seen) {}
  [[nodiscard]] std::int64_t wanted(const ScalingView& view) override {
    seen_.push_back(view);
    return answers_[std::min(seen_.size(), answers_.size()) - 1];
  }

 private:
  std::vector<std::int64_t> answers_;
  std::vector<ScalingView>& seen_;
};

}  // namespace

TEST_CASE("replicas that could come and go, but do not, change nothing") {
  World still(3, every(ms(2), 50, 20), ms(10));
  World plain(3, every(ms(2), 50, 20), ms(10));
  plain.setup.dynamics.reset();
  const Metrics a = still.run();
  const Metrics b = plain.run();
  CHECK(a.decision_digest == b.decision_digest);
  CHECK(a.end == b.end);
  CHECK(a.replicas[0].paid == a.end - Instant());
}

TEST_CASE("requests of a replica that fails compute prompt and answer again on another") {
  // Requests 0 and 1 start at 0 on replicas 0 and 1: prompt and first token at 1 ms, then a token a
  // millisecond. Replica 1 fails at 5.5 ms: of request 1 five tokens are there, the sixth is lost.
  // It joins replica 0 at the boundary at 6 ms: 10 + 5 tokens again, its sixth token at 7 ms, the
  // twentieth at 21 ms.
  World one(2, {request(Duration(0), 10, 20), request(Duration(0), 10, 20)}, ms(1000));
  one.rules().outages = {{Instant() + ms(5) + kMicrosecond * 500, ReplicaId(1), ms(1000)}};
  const Metrics metrics = one.run();
  CHECK(metrics.dynamics.failures == 1);
  CHECK(metrics.dynamics.lost == 1);
  CHECK(metrics.replicas[1].iterations == 5);
  CHECK(metrics.replicas[1].decode_tokens == 4);
  CHECK(metrics.replicas[1].busy == ms(5) + kMicrosecond * 500);
  CHECK(metrics.replicas[0].prefill_tokens == 10 + 15);
  REQUIRE(one.seen.finished.size() == 2);
  const FinishedRequest& moved = one.seen.finished[1];
  CHECK(moved.id == RequestId(1));
  CHECK(moved.replica == ReplicaId(0));
  CHECK(moved.finish == Instant() + ms(21));
  CHECK(moved.preempted == kMicrosecond * 500);
  CHECK(moved.ttft() == ms(1));
  CHECK(metrics.output_tokens == 40);
}

TEST_CASE("or they get no answer") {
  World one(2, {request(Duration(0), 10, 20), request(Duration(0), 10, 20)}, ms(1000));
  one.rules().outages = {{Instant() + ms(5), ReplicaId(1), ms(1000)}};
  one.rules().on_loss = OnLoss::reject;
  const Metrics metrics = one.run();
  CHECK(metrics.finished == 1);
  CHECK(metrics.rejected[static_cast<std::size_t>(RejectReason::replica_lost)] == 1);
  REQUIRE(one.seen.rejected.size() == 1);
  CHECK(one.seen.rejected[0].when == Instant() + ms(5));
}

TEST_CASE("a replica that comes back remembers nothing of before") {
  // The prompt's iteration is lost after half of it; the next one, 4 ms later, would take 10 ms
  // more.
  World one(1, {request(Duration(0), 10, 1)}, ms(1));
  LineCostTerms terms;
  terms.per_prefill_before = kMillisecond;
  one.cost = LineCost(terms);
  one.rules().outages = {{Instant() + 500 * kMicrosecond, ReplicaId(0), ms(4)}};
  static_cast<void>(one.run());
  REQUIRE(one.seen.finished.size() == 1);
  CHECK(one.seen.finished[0].finish == Instant() + 5'500 * kMicrosecond);
}

TEST_CASE("requests that find no replica up wait for one") {
  // The only replica is down from 2 to 30 ms; the request of 10 ms starts at 30.
  World one(1, {request(Duration(0), 10, 1), request(ms(10), 10, 1)}, ms(1));
  one.rules().outages = {{Instant() + ms(2), ReplicaId(0), ms(28)}};
  static_cast<void>(one.run());
  REQUIRE(one.seen.finished.size() == 2);
  CHECK(one.seen.finished[1].first_scheduled == Instant() + ms(30));
  CHECK(one.seen.finished[1].queued == ms(20));
}

TEST_CASE("an autoscaler's replicas serve after their start-up and are paid from its beginning") {
  // Asked at 10 ms: two replicas. The second starts up from 10 to 14 ms, and turns off at 50 ms,
  // when one is wanted again: nothing runs on it then.
  std::vector<ScalingView> seen;
  World one(2, every(ms(1), 100, 1), ms(4));
  one.rules().units[0].floor = {{Instant(), 1}};
  one.rules().interval = ms(10);
  one.rules().units[0].scaling =
      std::make_unique<Told>(std::vector<std::int64_t>{2, 2, 2, 2, 1}, seen);
  const Metrics metrics = one.run();
  CHECK(metrics.finished == 100);
  CHECK(metrics.dynamics.starts == 1);
  CHECK(metrics.dynamics.drains == 1);
  CHECK(metrics.dynamics.most_up == 2);
  // A request of 49 ms ends at 50 ms: the replica is empty at the latest at 51 ms.
  CHECK(metrics.replicas[1].paid >= ms(40));
  CHECK(metrics.replicas[1].paid <= ms(41));
  CHECK(metrics.replicas[0].paid == metrics.last_finish - metrics.first_arrival);
  CHECK(metrics.replicas[1].finished > 10);
  REQUIRE(seen.size() >= 2);
  CHECK(seen[0].serving == 1);
  CHECK(seen[0].arrivals == Approx(1000).epsilon(0.11));
  CHECK(seen[0].busy == Approx(1).epsilon(0.01));
  CHECK(seen[1].serving == 2);
  CHECK(seen[1].least == 1);
  CHECK(seen[1].most == 2);
}

TEST_CASE("a schedule is the floor of its time") {
  World one(3, every(ms(1), 100, 1), Duration(0));
  one.rules().units[0].floor = {{Instant(), 1}, {Instant() + ms(30), 3}, {Instant() + ms(60), 2}};
  one.rules().interval = ms(5);
  const Metrics metrics = one.run();
  CHECK(metrics.dynamics.most_up == 3);
  CHECK(metrics.replicas[0].paid > ms(99));
  CHECK((metrics.replicas[2].paid >= ms(30) && metrics.replicas[2].paid <= ms(31)));
}

TEST_CASE("a rolling restart takes one replica at a time and loses nothing") {
  World one(4, every(ms(1), 200, 5), ms(7));
  one.rules().restart = Instant() + ms(20);
  std::vector<ClusterSample> samples;
  one.setup.sample_interval = ms(1);
  const Metrics metrics = one.run();
  CHECK(metrics.finished == 200);
  CHECK(metrics.dynamics.restarts == 4);
  CHECK(metrics.dynamics.starts == 4);
  CHECK(metrics.dynamics.lost == 0);
  std::int64_t least = 4;
  for (const ClusterSample& sample : metrics.samples) least = std::min(least, sample.up_replicas);
  CHECK(least == 3);
}

TEST_CASE("spot capacity drains for its notice; what is not done by then is lost") {
  // Answers take 5 ms. A notice of 100 ms loses none, one of 0 loses what runs.
  for (const bool enough : {true, false}) {
    World one(3, every(ms(1), 3000, 5), ms(3));
    one.rules().mean_reclaim = ms(200);
    one.rules().notice = enough ? ms(100) : Duration(0);
    const Metrics metrics = one.run();
    CHECK(metrics.finished == 3000);
    CHECK(metrics.dynamics.reclaims > 10);
    CHECK((metrics.dynamics.lost == 0) == enough);
  }
}

TEST_CASE("a replica is up mtbf / (mtbf + mttr + start-up) of the time") {
  // 1,000 s with failures every 400 ms on average, 60 ms of repair, 40 ms of start-up: 0.8. Some
  // 2,000 cycles a replica, four replicas: the share's standard error is about 0.002.
  World one(4, every(ms(10), 100'000, 1), ms(40));
  one.rules().mean_up = ms(400);
  one.rules().mean_repair = ms(60);
  one.setup.sample_interval = kSecond / 2;
  const Metrics metrics = one.run();
  CHECK(metrics.finished == 100'000);
  CHECK(metrics.dynamics.failures == Approx(4 * 2000).epsilon(0.05));
  double up = 0;
  for (const ClusterSample& sample : metrics.samples) up += static_cast<double>(sample.up_replicas);
  CHECK(up / 4 / static_cast<double>(metrics.samples.size()) == Approx(0.8).margin(0.03));
  // Down or not, the hardware is paid.
  for (const ReplicaTotals& totals : metrics.replicas) {
    CHECK(totals.paid == metrics.last_finish - metrics.first_arrival);
  }
}
