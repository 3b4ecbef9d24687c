#include <deque>

#include "tests/catch.h"
#include "tests/policies/fake_cluster.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

std::uint32_t route(std::vector<std::int64_t> queued, std::vector<std::int64_t> cached,
                    const Texts& texts = {}) {
  FakeCluster cluster;
  cluster.outstanding = std::move(queued);
  cluster.cached = std::move(cached);
  RandomStream random{1, "routing"};
  const FakeRequest request(0, 1000);
  return make_policy<RoutingPolicy>("prefix-affinity", texts)
      ->route(request.view(), cluster, random)
      .index();
}

/// `count` requests a millisecond apart, in turn of one of `documents` documents of 640 tokens, on
/// three replicas under `routing`.
Metrics serve(const char* routing, int count, int documents) {
  std::deque<std::vector<std::uint64_t>> hashes;
  std::vector<RequestSpec> requests;
  for (int i = 0; i < count; ++i) {
    hashes.emplace_back();
    for (int b = 0; b < 40; ++b)
      hashes.back().push_back(static_cast<std::uint64_t>(1000 * (i % documents) + b + 1));
    requests.push_back(request(kMillisecond * i, 660, 5));
    requests.back().prefix_blocks = hashes.back();
    requests.back().prefix_block_tokens = Tokens(16);
  }
  ListSource source(std::move(requests));
  const LineCost cost({kMillisecond, Duration(0), 0, kMicrosecond * 5});
  SimulationSetup setup = world(source);
  setup.routing = make_policy<RoutingPolicy>(routing);
  for (int i = 0; i < 3; ++i)
    setup.replicas.push_back(replica(make_policy<BatchPolicy>("vllm-v1"), cost));
  return simulate(std::move(setup));
}

std::int64_t hit(const Metrics& metrics) {
  std::int64_t sum = 0;
  for (const ReplicaTotals& totals : metrics.replicas) sum += totals.prefixes.hit.value();
  return sum;
}

}  // namespace

TEST_CASE("prefix-affinity: the replica with most of the prompt wins, ties go to the first") {
  CHECK(route({0, 0, 0}, {0, 512, 256}) == 1);
  CHECK(route({0, 0, 0}, {0, 0, 0}) == 0);
}

TEST_CASE("prefix-affinity: a queue outweighs a prefix when its load does") {
  // At 0.5: 1000 - 512 + 0.5 * 1000 = 988 < 1000; with 1,100 tokens queued 1,038 > 1,000.
  CHECK(route({0, 1000}, {0, 512}) == 1);
  CHECK(route({0, 1100}, {0, 512}) == 0);
  CHECK(route({0, 100000}, {0, 16}, {{"load", "0"}}) == 1);
}

TEST_CASE("prefix-affinity: without prefixes it balances prompt tokens") {
  CHECK(route({9, 3, 5}, {}) == 1);
}

TEST_CASE("prefix-affinity: documents stay with their replica, so each is computed about once") {
  // Round robin: 5 documents over 3 replicas in turn reach each of them: 15 first computations.
  const Metrics apart = serve("round-robin", 600, 5);
  const Metrics together = serve("prefix-affinity", 600, 5);
  CHECK(hit(apart) == (600 - 15) * 640);
  CHECK(hit(together) > hit(apart));
  CHECK(hit(together) <= (600 - 5) * 640);
}
