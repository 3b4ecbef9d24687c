#include "tests/catch.h"
#include "tests/policies/fake_cluster.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// Replicas from `first_joint` on are the mixed pool.
std::uint32_t route(std::vector<std::int64_t> queued, std::uint32_t first_joint) {
  FakeCluster cluster;
  cluster.outstanding = std::move(queued);
  cluster.first_joint = first_joint;
  RandomStream random{1, "routing"};
  const FakeRequest request(0, 1000);
  return make_policy<RoutingPolicy>("splitwise", {{"queue_tokens", "100"}})
      ->route(request.view(), cluster, random)
      .index();
}

}  // namespace

TEST_CASE("splitwise: the shortest prompt queue up to the threshold, then the mixed pool") {
  CHECK(route({50, 20, 0}, 2) == 1);    // the mixed replica is idle, and stays so
  CHECK(route({20, 20, 0}, 2) == 0);    // ties to the first
  CHECK(route({150, 100, 0}, 2) == 1);  // at the threshold, not above
  CHECK(route({150, 101, 40}, 2) == 2);
  CHECK(route({150, 101, 60, 50}, 2) == 3);
}

TEST_CASE("splitwise: where both pools are above the threshold, the shortest queue of all") {
  CHECK(route({150, 120, 140}, 2) == 1);
  CHECK(route({150, 120, 110}, 2) == 2);
  CHECK(route({150, 120, 120}, 2) == 1);
}

TEST_CASE("splitwise: with one kind of replica it joins the shortest queue") {
  CHECK(route({500, 400, 600}, 3) == 1);
  CHECK(route({500, 400, 600}, 0) == 1);
}

TEST_CASE("splitwise: a burst overflows into the mixed pool, and all of it is served") {
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 60; ++i) requests.push_back(request(kMicrosecond * i, 200, 10));
  ListSource source(std::move(requests));
  const LineCost cost({kMillisecond, Duration(0), 0, kMicrosecond * 5});
  const auto served = [&](const char* threshold) {
    ListSource again = source;
    SimulationSetup setup = world(again);
    setup.routing = make_policy<RoutingPolicy>("splitwise", {{"queue_tokens", threshold}});
    for (const ReplicaRole role : {ReplicaRole::prefill, ReplicaRole::decode, ReplicaRole::joint}) {
      setup.replicas.push_back(replica(make_policy<BatchPolicy>("vllm-v1"), cost));
      setup.replicas.back().role = role;
    }
    setup.pools = PoolSetup{};
    setup.pools->routing = make_policy<RoutingPolicy>("round-robin");
    const Metrics metrics = simulate(std::move(setup));
    CHECK(metrics.finished == 60);
    return metrics.replicas[2].finished;
  };
  CHECK(served("1000000") == 0);
  // Six prompts of 200 tokens fit below 1,000; then both pools fill in turn.
  const std::int64_t overflow = served("1000");
  CHECK(overflow > 10);
  CHECK(overflow < 50);
}
