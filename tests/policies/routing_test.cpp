#include "tests/catch.h"
#include "tests/policies/fake_cluster.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

struct Router {
  std::unique_ptr<RoutingPolicy> policy;
  FakeCluster cluster;
  RandomStream random{1, "routing"};

  Router(const char* name, std::vector<std::int64_t> outstanding)
      : policy(make_policy<RoutingPolicy>(name)) {
    cluster.outstanding = std::move(outstanding);
  }
  std::uint32_t route() {
    const FakeRequest request(0);
    return policy->route(request.view(), cluster, random).index();
  }
  std::vector<int> counts(int n) {
    std::vector<int> counts(cluster.outstanding.size());
    for (int i = 0; i < n; ++i) ++counts[route()];
    return counts;
  }
};

}  // namespace

TEST_CASE("round-robin: replicas take turns whatever their load") {
  Router router("round-robin", {9, 0, 5});
  for (const std::uint32_t expected : {0U, 1U, 2U, 0U, 1U, 2U, 0U})
    CHECK(router.route() == expected);
}

TEST_CASE("random: every replica gets its share") {
  // 4,000 draws over 4: 1,000 each, standard deviation sqrt(4000 * 1/4 * 3/4) = 27.4; five of them
  // are 137.
  Router router("random", {0, 0, 0, 0});
  for (const int count : router.counts(4000)) CHECK(std::abs(count - 1000) < 137);
}

TEST_CASE("least-outstanding: the fewest unfinished requests win, ties go to the lowest index") {
  CHECK(Router("least-outstanding", {3, 2, 5}).route() == 1);
  CHECK(Router("least-outstanding", {3, 2, 2}).route() == 1);
  CHECK(Router("least-outstanding", {0, 0, 0}).route() == 0);
  CHECK(Router("least-outstanding", {1, 0, 0}).route() == 1);
}

TEST_CASE("power-of-two: the worst of all replicas is never chosen, all others are") {
  // Two different replicas are compared, so the only one with 9 always loses.
  Router router("power-of-two", {1, 9, 1, 1});
  const std::vector<int> counts = router.counts(3000);
  CHECK(counts[1] == 0);
  CHECK(std::min({counts[0], counts[2], counts[3]}) > 0);
}

TEST_CASE("power-of-two: the best of four replicas gets half of the requests") {
  // It is among the two drawn with probability 1 - (3/4)(2/3) = 1/2. Standard deviation sqrt(4000 /
  // 4) = 31.6.
  Router router("power-of-two", {1, 0, 1, 1});
  CHECK(std::abs(router.counts(4000)[1] - 2000) < 158);
}

TEST_CASE("every router serves a cluster of one replica") {
  for (const auto& entry : PolicyRegistry<RoutingPolicy>::instance().entries()) {
    CHECK(Router(entry.name.c_str(), {7}).counts(5) == std::vector<int>{5});
  }
}

TEST_CASE("least-outstanding keeps a shorter tail than round-robin where requests differ") {
  const auto worst = [](const char* routing) {
    const LineCost cost({kMillisecond, Duration(0), 0, kMicrosecond * 100});
    ListSource source(random_requests(12, 400, kMillisecond * 10, 800, 40));
    SimulationSetup setup = world(source);
    setup.routing = make_policy<RoutingPolicy>(routing);
    for (int i = 0; i < 4; ++i) {
      setup.replicas.push_back(
          replica(make_policy<BatchPolicy>("orca", {{"max_batch_size", "1"}}), cost));
    }
    Recorder seen;
    setup.sinks.push_back(&seen);
    static_cast<void>(simulate(std::move(setup)));
    Duration most{0};
    for (const FinishedRequest& request : seen.finished) most = std::max(most, request.queued);
    return most;
  };
  CHECK(worst("least-outstanding") < worst("round-robin"));
}
