#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

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

struct Seen {
  std::int64_t requests;
  std::int64_t prompt;
  std::int64_t waiting;
};

/// Notes what it sees of the only replica.
class Watching final : public RoutingPolicy {
 public:
  explicit Watching(std::vector<Seen>& seen) : seen_(seen) {}
  [[nodiscard]] ReplicaId route(const RequestView& /*request*/, const ClusterView& cluster,
                                RandomStream& /*random*/) override {
    const ReplicaId only(0);
    seen_.push_back({cluster.outstanding_requests(only),
                     cluster.outstanding_prompt_tokens(only).value(),
                     cluster.waiting_requests(only)});
    return only;
  }

 private:
  std::vector<Seen>& seen_;
};

/// Holds request 0 until `retry` and notes whom it is asked about.
class Holding final : public AdmissionPolicy {
 public:
  Holding(Instant retry, std::vector<std::uint32_t>& asked) : retry_(retry), asked_(asked) {}
  [[nodiscard]] AdmissionDecision admit(const RequestView& request,
                                        const ClusterView& cluster) override {
    asked_.push_back(request.id().index());
    if (request.id().index() == 0 && cluster.now() < retry_)
      return AdmissionDecision::hold_until(retry_);
    return AdmissionDecision::accept();
  }

 private:
  Instant retry_;
  std::vector<std::uint32_t>& asked_;
};

/// One replica whose iterations last 1 ms.
struct OneReplica {
  explicit OneReplica(std::vector<RequestSpec> requests, ReplicaShape shape = {})
      : source(std::move(requests)), setup(world(source)) {
    setup.replicas.push_back(replica(std::make_unique<Everything>(), cost, shape));
  }
  ListSource source;
  LineCost cost{LineCostTerms{}};
  SimulationSetup setup;
};

}  // namespace

TEST_CASE("a router sees what is on its way, and nothing of what has left") {
  // 100 prompt tokens and one of output leave after one iteration of 1 ms; at 10 ms two more come.
  OneReplica one({request(Duration(0), 100, 1), request(10 * kMillisecond, 7, 1),
                  request(10 * kMillisecond, 5, 1)});
  std::vector<Seen> seen;
  one.setup.routing = std::make_unique<Watching>(seen);
  const Metrics metrics = simulate(std::move(one.setup));
  CHECK(metrics.finished == 3);
  CHECK(metrics.end.ns() == (11 * kMillisecond).value());
  REQUIRE(seen.size() == 3);
  CHECK(seen[1].requests == 0);
  CHECK(seen[1].prompt == 0);
  CHECK(seen[2].requests == 1);
  CHECK(seen[2].prompt == 7);
  CHECK(seen[2].waiting == 1);
}

TEST_CASE("what happens at the time limit still happens, a nanosecond later nothing does") {
  const Duration limit = 5 * kMillisecond;
  OneReplica one({request(limit, 1, 1), request(limit + kNanosecond, 1, 1)});
  one.setup.time_limit = Instant() + limit;
  const Metrics metrics = simulate(std::move(one.setup));
  CHECK(metrics.arrived == 1);
  CHECK(metrics.finished == 0);
  CHECK(metrics.live_at_end == 1);
}

TEST_CASE("who arrives goes before who is asked again in that instant") {
  const Instant retry = Instant() + 2 * kMillisecond;
  OneReplica one({request(Duration(0), 1, 1), request(2 * kMillisecond, 1, 1)});
  std::vector<std::uint32_t> asked;
  one.setup.admission = std::make_unique<Holding>(retry, asked);
  CHECK(simulate(std::move(one.setup)).finished == 2);
  CHECK(asked == std::vector<std::uint32_t>{0, 1, 0});
}

TEST_CASE("an answer ends where the model's length does, and is counted") {
  // 90 + 30 tokens in a model of 100: 10 of output; a prompt of 100 leaves no room for any.
  ReplicaShape shape;
  shape.max_model_len = 100;
  OneReplica one({request(Duration(0), 90, 30), request(Duration(0), 100, 1)}, shape);
  Recorder recorder;
  one.setup.sinks.push_back(&recorder);
  const Metrics metrics = simulate(std::move(one.setup));
  CHECK(metrics.truncated == 1);
  REQUIRE(recorder.finished.size() == 1);
  CHECK(recorder.finished[0].finish.ns() == (10 * kMillisecond).value());
  REQUIRE(recorder.rejected.size() == 1);
  CHECK(recorder.rejected[0].reason == RejectReason::prompt_too_long);
}

TEST_CASE("samples of a long run stay few and evenly apart") {
  // Three hours at one sample a second: 2,048 are reached twice and a little, so they end 8 s
  // apart.
  OneReplica one({request(Duration(0), 1, 1), request(3 * kHour, 1, 1)});
  const Metrics metrics = simulate(std::move(one.setup));
  CHECK(metrics.sample_interval == 8 * kSecond);
  REQUIRE(metrics.samples.size() > 1024);
  CHECK(metrics.samples.size() <= 2048);
  for (std::size_t i = 1; i < metrics.samples.size(); ++i) {
    REQUIRE(metrics.samples[i].time - metrics.samples[i - 1].time == 8 * kSecond);
  }
}

namespace {

/// Runs one request; after its first token sends it to host memory in a plan of its own, then
/// brings it back.
class SwapsInPlansOfTheirOwn final : public BatchPolicy {
 public:
  void next_batch(BatchPlan& plan) override {
    if (plan.swapped_count() > 0) {
      static_cast<void>(plan.swap_in(plan.swapped(0)));
      return;
    }
    if (plan.running_count() > 0 && plan.running(0).generated() == Tokens(1) && !swapped_) {
      swapped_ = true;
      plan.preempt(plan.running(0), Preemption::swap);
      return;
    }
    if (plan.waiting_count() > 0 && plan.grow(plan.waiting(0), plan.waiting(0).missing())) {
      plan.admit(plan.waiting(0));
    }
    if (plan.running_count() > 0 && plan.grow(plan.running(0), plan.running(0).missing())) {
      plan.schedule(plan.running(0), plan.running(0).missing());
    }
  }

 private:
  bool swapped_ = false;
};

}  // namespace

TEST_CASE("what is swapped in plans that start nothing is moved by the batch that follows") {
  toy::ListSource source({toy::request(Duration(0), 16, 3)});
  const toy::LineCost cost({});
  SimulationSetup setup = toy::world(source);
  setup.replicas.push_back(
      toy::replica(std::make_unique<SwapsInPlansOfTheirOwn>(), cost, {.host_blocks = 10}));
  const Bytes block = setup.replicas[0].block_bytes;
  const Metrics metrics = simulate(std::move(setup));
  REQUIRE(metrics.finished == 1);
  // 16 tokens fill one block: out once, in once.
  CHECK(metrics.replicas[0].swapped == block * 2);
}

TEST_CASE("contexts that are not equal cost the share that the cost model states") {
  // After a common prefill 9 iterations hold 2 decodes; the longest has 800 keys more than the
  // other.
  const auto end_of = [](std::int64_t share) {
    LineCostTerms terms{kMillisecond, Duration(0), 1000 * kFixedOne};
    terms.skew_share = share;
    const LineCost cost(terms);
    ListSource source({request(Duration(0), 100, 10), request(Duration(0), 900, 10)});
    SimulationSetup setup = world(source);
    setup.replicas.push_back(replica(std::make_unique<Everything>(), cost));
    return simulate(std::move(setup)).end.ns();
  };
  // 1 us a key: half of 800 keys in each iteration.
  CHECK(end_of(1 << (kSkewBits - 1)) - end_of(0) == (9 * 400 * kMicrosecond).value());
  // Above 1: tiles of the others wait for more than the longest sequence's.
  CHECK(end_of(2 << kSkewBits) - end_of(0) == (9 * 1600 * kMicrosecond).value());
}

TEST_CASE("where prices remember, an iteration is told the prompt tokens of the one before") {
  // Prompts of 100, at 30 ms 40 and at 60 ms 7 tokens; iterations last 1 ms and 1 us a prompt token
  // of the iteration before.
  LineCostTerms terms;
  terms.per_prefill_before = kMicrosecond;
  const LineCost cost(terms);
  ListSource source({request(Duration(0), 100, 10), request(30 * kMillisecond, 40, 1),
                     request(60 * kMillisecond, 7, 2)});
  SimulationSetup setup = world(source);
  if (GENERATE(true, false)) {
    setup.replicas.push_back(replica(std::make_unique<Everything>(), cost));
  } else {
    StageQueuesSetup queues;
    queues.stages = {&cost};
    queues.prefill_capacity = Tokens(1000);
    setup.stage_queues.push_back(queues);
  }
  Recorder recorder;
  setup.sinks.push_back(&recorder);
  static_cast<void>(simulate(std::move(setup)));
  REQUIRE(recorder.finished.size() == 3);
  CHECK(recorder.finished[0].finish.ns() == (10 * kMillisecond + 100 * kMicrosecond).value());
  CHECK(recorder.finished[1].finish.ns() == (31 * kMillisecond).value());
  // Behind the 40 tokens, however long it stood idle in between; then behind its own 7.
  CHECK(recorder.finished[2].finish.ns() == (62 * kMillisecond + 47 * kMicrosecond).value());
}
