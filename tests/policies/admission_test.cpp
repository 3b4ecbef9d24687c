#include "tests/catch.h"
#include "tests/policies/fake_cluster.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

using Verdict = AdmissionDecision::Verdict;

struct Door {
  std::unique_ptr<AdmissionPolicy> policy;
  FakeCluster cluster;
  std::uint32_t next_id = 0;

  Door(const char* name, const Texts& texts) : policy(make_policy<AdmissionPolicy>(name, texts)) {
    cluster.outstanding = {0};
    cluster.waiting = {0};
  }
  Verdict ask(Duration at, std::int32_t prompt = 1) {
    cluster.time = Instant(at.value());
    const FakeRequest request(next_id++, prompt);
    return policy->admit(request.view(), cluster).verdict;
  }
};

}  // namespace

TEST_CASE("accept: everyone enters") {
  CHECK(Door("accept", {}).ask(Duration(0)) == Verdict::accept);
}

TEST_CASE("token-bucket: a burst enters at once, then the rate holds") {
  Door door("token-bucket", {{"rate", "1"}, {"burst", "2"}});
  CHECK(door.ask(Duration(0)) == Verdict::accept);
  CHECK(door.ask(Duration(0)) == Verdict::accept);
  CHECK(door.ask(Duration(0)) == Verdict::reject);
  CHECK(door.ask(kMillisecond * 500) == Verdict::reject);  // half a unit
  CHECK(door.ask(kSecond) == Verdict::accept);             // the other half
  CHECK(door.ask(kSecond * 100) == Verdict::accept);       // full again, and no fuller than 2
  CHECK(door.ask(kSecond * 100) == Verdict::accept);
  CHECK(door.ask(kSecond * 100) == Verdict::reject);
}

TEST_CASE("token-bucket: tokens of prompts can be counted instead of requests") {
  Door door("token-bucket", {{"rate", "100"}, {"burst", "1000"}, {"unit", "tokens"}});
  CHECK(door.ask(Duration(0), 900) == Verdict::accept);
  CHECK(door.ask(Duration(0), 101) == Verdict::reject);  // 100 are left
  CHECK(door.ask(Duration(0), 100) == Verdict::accept);
  CHECK(door.ask(kSecond * 2, 201) == Verdict::reject);  // 200 came
  CHECK(door.ask(kSecond * 2, 200) == Verdict::accept);
}

TEST_CASE("token-bucket: held requests enter in order of arrival, one a period") {
  // Burst 2, 1 a second, 5 arrivals at 0: two enter at once, the others at 1, 2 and 3 s.
  const LineCost cost({});
  ListSource source(std::vector<RequestSpec>(5, request(Duration(0), 8, 1)));
  SimulationSetup setup = world(source);
  setup.admission = make_policy<AdmissionPolicy>(
      "token-bucket", {{"rate", "1"}, {"burst", "2"}, {"when_empty", "hold"}});
  setup.replicas.push_back(replica(make_policy<BatchPolicy>("orca"), cost));
  Recorder seen;
  setup.sinks.push_back(&seen);
  static_cast<void>(simulate(std::move(setup)));
  REQUIRE(seen.finished.size() == 5);
  for (std::uint32_t i = 0; i < 5; ++i) {
    CHECK(seen.finished[i].id.index() == i);
    const Duration expected = i < 2 ? Duration(0) : kSecond * (i - 1);
    CHECK(seen.finished[i].queued >= expected);
    CHECK(seen.finished[i].queued <= expected + kNanosecond);  // rounded up
  }
}

TEST_CASE("token-bucket: a prompt larger than the bucket is held for what it lacks") {
  Door door("token-bucket",
            {{"rate", "100"}, {"burst", "10"}, {"unit", "tokens"}, {"when_empty", "hold"}});
  const FakeRequest request(0, 60);
  const AdmissionDecision decision = door.policy->admit(request.view(), door.cluster);
  CHECK(decision.verdict == Verdict::hold);
  CHECK(std::abs((decision.retry - Instant(kMillisecond.value() * 500)).value()) <= 1);
  door.cluster.time = decision.retry;
  CHECK(door.policy->admit(request.view(), door.cluster).verdict == Verdict::accept);
}

TEST_CASE("queue-limit: rejects while the queues together hold limit x replicas requests") {
  Door door("queue-limit", {{"limit", "2"}});
  door.cluster.outstanding = {9, 9};
  door.cluster.waiting = {3, 0};
  CHECK(door.ask(Duration(0)) == Verdict::accept);
  door.cluster.waiting = {3, 1};
  CHECK(door.ask(Duration(0)) == Verdict::reject);
}

TEST_CASE("queue-limit: no more than the limit ever wait") {
  // One request at a time for 10 ms each, arrivals every 1 ms: a queue of 3 fills and stays.
  const LineCost cost({});
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(request(kMillisecond * i, 8, 10));
  ListSource source(std::move(requests));
  SimulationSetup setup = world(source);
  setup.admission = make_policy<AdmissionPolicy>("queue-limit", {{"limit", "3"}});
  std::vector<Step> steps;
  setup.replicas.push_back(replica(
      std::make_unique<Watched>(make_policy<BatchPolicy>("orca", {{"max_batch_size", "1"}}), steps),
      cost));
  setup.compression = RunCompression::off;
  const Metrics metrics = simulate(std::move(setup));
  std::size_t most = 0;
  for (const Step& step : steps) most = std::max(most, step.waiting.size());
  CHECK(most == 3);
  CHECK(metrics.rejected[static_cast<std::size_t>(RejectReason::admission)] > 80);
}
