// Workers that die, by hand: what is lost, what survives, when the replica goes on.
//
// The world: a prompt token costs 1 us on top of 1 ms an iteration, a decode iteration 1 ms.
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

const LineCost kCost({kMillisecond, Duration(0), 0, kMicrosecond});

struct Played {
  Metrics metrics;
  Recorder seen;
};

Played play(std::vector<RequestSpec> requests, std::vector<ReplicaFailure> failures,
            RunCompression compression = RunCompression::on) {
  Played played;
  ListSource source(std::move(requests));
  SimulationSetup setup = world(source);
  const auto* entry = PolicyRegistry<BatchPolicy>::instance().find("vllm-v1");
  REQUIRE(entry != nullptr);
  setup.replicas.push_back(
      replica(entry->make(default_parameters(entry->parameters)), kCost, {.kv_blocks = 1000}));
  setup.replicas.back().failures = std::move(failures);
  setup.compression = compression;
  setup.sinks = {&played.seen};
  played.metrics = simulate(std::move(setup));
  return played;
}

Instant at(double ms) { return Instant() + duration_from_seconds(ms * 1e-3); }
Duration ms(double value) { return duration_from_seconds(value * 1e-3); }

}  // namespace

TEST_CASE("a worker without KV only stops its replica, once the iteration under way has ended") {
  // 1,000 tokens: 1 + 1 ms, then 9 decodes of 1 ms: 11 ms. Dead at 4.5 ms, so the iteration up to 5
  // ms ends; back 10 ms after the death, at 14.5 ms, with 6 decodes to go.
  const Played played = play({request(Duration(0), 1000, 10)}, {{at(4.5), ms(10), 0}});
  REQUIRE(played.seen.finished.size() == 1);
  CHECK(played.seen.finished[0].finish == at(20.5));
  CHECK(played.metrics.replicas[0].preemptions_recompute == 0);
}

TEST_CASE("KV that dies is computed again, prompt and tokens made so far") {
  // At 5 ms 4 tokens are made. Back at 14.5 ms: 1,003 tokens that had KV and the one to come, 1 +
  // 1.004 ms, which yields the fifth; then 5 decodes.
  const Played played = play({request(Duration(0), 1000, 10)}, {{at(4.5), ms(10), 1}});
  REQUIRE(played.seen.finished.size() == 1);
  CHECK(played.metrics.replicas[0].preemptions_recompute == 1);
  CHECK(played.seen.finished[0].finish == at(14.5 + 1 + 1.004 + 5));
}

TEST_CASE("a worker that holds every fourth request takes those with it") {
  std::vector<RequestSpec> eight(8, request(Duration(0), 100, 50));
  const Played played = play(eight, {{at(10), ms(0), 4}});
  CHECK(played.metrics.finished == 8);
  CHECK(played.metrics.replicas[0].preemptions_recompute == 2);
}

TEST_CASE("runs with failures are the same summed or stepped, and end with the last request") {
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 40; ++i) requests.push_back(request(ms(7.3 * i), 100 + 13 * i, 20 + i));
  const std::vector<ReplicaFailure> failures{
      {at(33.3), ms(20), 1}, {at(40), ms(1), 0}, {at(90), ms(5), 3}, {at(9e6), ms(5), 1}};
  const Played on = play(requests, failures);
  const Played off = play(requests, failures, RunCompression::off);
  CHECK(on.metrics.finished == 40);
  CHECK(on.metrics.decision_digest == off.metrics.decision_digest);
  CHECK(on.metrics.end == off.metrics.end);
  CHECK(on.metrics.end == on.metrics.last_finish);
}
