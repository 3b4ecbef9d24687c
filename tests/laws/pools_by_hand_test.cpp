// Prefill and decode pools by hand: what moves when, what waits for what, what is held meanwhile.
//
// The world: a prompt token costs 1 us on top of 1 ms an iteration, a decode iteration 1 ms. KV is
// 16 tokens a block of 16,384 bytes, so 1,024 bytes a token.
#include "sim/pools.h"
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

const LineCost kCost({kMillisecond, Duration(0), 0, kMicrosecond});

std::unique_ptr<BatchPolicy> batching(const char* name) {
  const auto* entry = PolicyRegistry<BatchPolicy>::instance().find(name);
  REQUIRE(entry != nullptr);
  Parameters parameters = default_parameters(entry->parameters);
  if (parameters.has("lookahead_blocks")) parameters.set("lookahead_blocks", std::int64_t{0});
  return entry->make(parameters);
}

/// One network card a replica, joined by a switch.
ReplicaWiring wired(std::uint32_t replicas, BytesPerSecond bandwidth, Duration latency) {
  ReplicaWiring wiring;
  const SwitchId spine = wiring.topology.add_switch();
  for (std::uint32_t i = 0; i < replicas; ++i) {
    const NodeId node = wiring.topology.add_node();
    const DeviceId device = wiring.topology.add_device(node);
    wiring.topology.connect(Endpoint::of(device), Endpoint::of(spine),
                            {LinkKind::nic, bandwidth, latency});
    wiring.endpoints.push_back(device);
  }
  return wiring;
}

struct PoolShape {
  std::int64_t prefills = 1, decodes = 1;
  std::int64_t prefill_blocks = 1000, decode_blocks = 1000;
  TransferRules rules{};
  std::optional<BytesPerSecond> bandwidth{};
  Duration latency{0};
  const char* decode_batch = "vllm-v1";
  std::int64_t layers = 0;
};

struct Played {
  Metrics metrics;
  Recorder seen;
};

Played play(std::vector<RequestSpec> requests, const PoolShape& shape) {
  Played played;
  ListSource source(std::move(requests));
  SimulationSetup setup = world(source);
  for (std::int64_t i = 0; i < shape.prefills; ++i) {
    setup.replicas.push_back(
        replica(batching("vllm-v1"), kCost, {.kv_blocks = shape.prefill_blocks}));
    setup.replicas.back().role = ReplicaRole::prefill;
  }
  for (std::int64_t i = 0; i < shape.decodes; ++i) {
    setup.replicas.push_back(
        replica(batching(shape.decode_batch), kCost, {.kv_blocks = shape.decode_blocks}));
    setup.replicas.back().role = ReplicaRole::decode;
    setup.replicas.back().transfer = shape.rules;
  }
  for (ReplicaSetup& one : setup.replicas) one.block_bytes = Bytes(16'384);
  setup.pools = PoolSetup{std::make_unique<InTurn>(), "in turn", {}, shape.layers};
  if (shape.bandwidth) {
    setup.pools->wiring = wired(static_cast<std::uint32_t>(shape.prefills + shape.decodes),
                                *shape.bandwidth, shape.latency);
  }
  setup.sinks = {&played.seen};
  played.metrics = simulate(std::move(setup));
  return played;
}

Duration ms(double value) { return duration_from_seconds(value * 1e-3); }

}  // namespace

TEST_CASE("a lone request computes its prompt here, moves, and decodes there") {
  // 1,000 tokens: 1 + 1 ms. 1,024,000 bytes over two links of 1 GB/s: 1.024 ms, and 2 x 5 us of
  // latency. Then 9 decodes of 1 ms.
  PoolShape shape;
  shape.bandwidth = BytesPerSecond(1e9);
  shape.latency = kMicrosecond * 5;
  const Played played = play({request(Duration(0), 1000, 10)}, shape);
  REQUIRE(played.seen.finished.size() == 1);
  const FinishedRequest& done = played.seen.finished[0];
  CHECK(done.ttft() == ms(2));
  CHECK(done.transfer == ms(1.034));
  CHECK(done.end_to_end() == ms(2 + 1.034 + 9));
  CHECK(done.decode == ms(9));
  CHECK(done.stalled == Duration(0));
  CHECK(done.replica == ReplicaId(1));
  const TransferTotals& moves = played.metrics.transfers;
  CHECK(moves.started == 1);
  CHECK(moves.landed == 1);
  CHECK(moves.bytes == Bytes(1'024'000));
  CHECK(played.metrics.replicas[0].handed_over == 1);
  CHECK(played.metrics.replicas[0].decode_tokens == 0);
  CHECK(played.metrics.replicas[0].finished == 0);
  CHECK(played.metrics.replicas[1].prefill_tokens == 0);
  CHECK(played.metrics.replicas[1].finished == 1);
}

TEST_CASE("without a network a move takes no time") {
  const Played played = play({request(Duration(0), 1000, 10)}, PoolShape{});
  CHECK(played.seen.finished[0].transfer == Duration(0));
  CHECK(played.seen.finished[0].end_to_end() == ms(11));
}

TEST_CASE("moved layer by layer, only what the prompt's time could not carry is left to move") {
  // 1,024,000 bytes, 2 ms of prompt. At 1 GB/s all but the last of 4 layers is sent in that time:
  // 256,000 bytes are left. At 0.1 GB/s 200,000 are sent, 824,000 left.
  PoolShape shape;
  shape.layers = 4;
  shape.bandwidth = BytesPerSecond(1e9);
  CHECK(play({request(Duration(0), 1000, 10)}, shape).seen.finished[0].transfer == ms(0.256));
  shape.bandwidth = BytesPerSecond(1e8);
  const Played slow = play({request(Duration(0), 1000, 10)}, shape);
  CHECK(seconds(slow.seen.finished[0].transfer) == Approx(8.24e-3));
  CHECK(slow.metrics.transfers.bytes == Bytes(1'024'000));
}

TEST_CASE("no layer leaves early for a target without room") {
  // 70 blocks hold one request of 63 at a time: the second moves when the first is done, whole.
  PoolShape shape;
  shape.layers = 4;
  shape.decode_blocks = 70;
  shape.rules.waiting_share = 1;
  shape.bandwidth = BytesPerSecond(1e9);
  const Played played =
      play({request(Duration(0), 1000, 10), request(Duration(0), 1000, 2)}, shape);
  REQUIRE(played.seen.finished.size() == 2);
  const FinishedRequest& second = played.seen.finished[1];
  CHECK(second.first_token + second.transfer == played.seen.finished[0].finish + ms(1.024));
}

TEST_CASE("a request of one token never moves") {
  PoolShape shape;
  shape.bandwidth = BytesPerSecond(1e6);
  const Played played = play({request(Duration(0), 100, 1)}, shape);
  CHECK(played.seen.finished[0].end_to_end() == ms(1.1));
  CHECK(played.seen.finished[0].replica == ReplicaId(0));
  CHECK(played.metrics.transfers.started == 0);
}

TEST_CASE("moves to different replicas share the sender's link fairly") {
  // Two prompts of 1,000 tokens in one iteration: 1 + 2 ms. Both moves leave over one card of 1
  // GB/s: 2.048 ms each instead of 1.024.
  PoolShape shape;
  shape.decodes = 2;
  shape.bandwidth = BytesPerSecond(1e9);
  const Played played = play({request(Duration(0), 1000, 2), request(Duration(0), 1000, 2)}, shape);
  REQUIRE(played.seen.finished.size() == 2);
  for (const FinishedRequest& done : played.seen.finished) {
    CHECK(done.ttft() == ms(3));
    CHECK(done.transfer == ms(2.048));
  }
}

TEST_CASE("finished prompts that nobody pulls stall the prefill replica") {
  // The decode replica holds 10 blocks. Request 0 takes 8 of them (101 tokens to come: 112 + 1
  // prompt tokens are 8 blocks) and keeps growing; 1 needs 8 as well and waits until 0 is done,
  // holding 7 of 10 blocks on the prefill replica; 2, of 7 blocks, therefore cannot even begin.
  PoolShape shape;
  shape.prefill_blocks = 10;
  shape.decode_blocks = 10;
  const std::vector<RequestSpec> requests{
      request(Duration(0), 112, 10), request(Duration(1), 112, 3), request(Duration(2), 112, 3)};
  const Played played = play(requests, shape);
  REQUIRE(played.seen.finished.size() == 3);
  const auto& done = played.seen.finished;
  // 0: prompt 1.112 ms, 9 decodes. 1: prompt from 1.112 to 2.224 ms, pulled when 0 ends.
  CHECK(done[0].finish == Instant(ms(1.112 + 9).value()));
  CHECK(done[1].first_token == Instant(ms(2.224).value()));
  CHECK(done[1].first_token + done[1].transfer == done[0].finish);
  CHECK(done[1].finish == done[0].finish + ms(2));
  // 2 begins when 1 has left the prefill replica.
  CHECK(done[2].first_scheduled == done[0].finish);
  CHECK(done[2].first_token == done[0].finish + ms(1.112));
  CHECK(played.metrics.replicas[0].peak_blocks <= Blocks(10));
  CHECK(played.metrics.replicas[1].peak_blocks <= Blocks(10));
}

TEST_CASE("who cannot be pulled holds back those behind") {
  // 0 runs with 6 of 10 blocks for 30 tokens. 1 needs 7 and waits; 2 needs 1, would fit, and waits
  // behind it.
  PoolShape shape;
  shape.decode_blocks = 10;
  const Played played =
      play({request(Duration(0), 64, 30), request(Duration(1), 100, 3), request(Duration(2), 4, 3)},
           shape);
  REQUIRE(played.seen.finished.size() == 3);
  CHECK(played.seen.finished[0].id == RequestId(0));
  const Instant freed = played.seen.finished[0].finish;
  for (std::size_t i = 1; i < 3; ++i) {
    const FinishedRequest& done = played.seen.finished[i];
    CHECK(done.first_token + done.transfer >= freed);
  }
}

TEST_CASE("prompts under way beyond the waiting share are not pulled") {
  // 100 blocks, share 5 %: a prompt of 80 tokens is 5 blocks, so one may be under way at a time.
  // Both prompts are done at 1.16 ms; one move of 81,920 bytes takes 81.92 us, and the pull looks
  // again at iteration boundaries: the second starts when the first has landed, for the decode
  // replica was idle, and no earlier.
  PoolShape shape;
  shape.decode_blocks = 100;
  shape.bandwidth = BytesPerSecond(1e9);
  const std::vector<RequestSpec> two{request(Duration(0), 80, 3), request(Duration(0), 80, 3)};
  const Played one_by_one = play(two, shape);
  CHECK(one_by_one.seen.finished[0].transfer == ms(0.08192));
  // The first landed, its iteration of 1 ms began, the second is pulled at its end.
  CHECK(one_by_one.seen.finished[1].transfer == ms(0.08192 + 1 + 0.08192));
  // With half of the pool allowed both move at once and share the link.
  shape.rules.waiting_share = 0.5;
  const Played together = play(two, shape);
  CHECK(together.seen.finished[0].transfer == ms(0.16384));
  CHECK(together.seen.finished[1].transfer == ms(0.16384));
}

TEST_CASE("a decode loop that waits for its moves starts no iteration under one") {
  // 0 decodes from 1.1 + 0.1024 ms on. 1's prompt ends at 1.1 + 1.1 ms, inside 0's first iteration
  // (1.2024 to 2.2024 ms); it is pulled at that boundary for 0.1024 ms. A loop that runs on ends 0
  // after 4 iterations; one that waits, a move later.
  PoolShape shape;
  shape.bandwidth = BytesPerSecond(1e9);
  const std::vector<RequestSpec> two{request(Duration(0), 100, 5), request(Duration(1), 100, 5)};
  CHECK(play(two, shape).seen.finished[0].finish == Instant(ms(1.1 + 0.1024 + 4).value()));
  shape.rules.loop = TransferRules::Loop::waits;
  CHECK(play(two, shape).seen.finished[0].finish == Instant(ms(1.1 + 0.1024 + 4 + 0.1024).value()));
}

TEST_CASE("a prompt that no decode replica can ever hold is refused when it is done") {
  PoolShape shape;
  shape.decode_blocks = 3;  // 48 tokens
  const Played played = play({request(Duration(0), 48, 5), request(Duration(1), 40, 5)}, shape);
  REQUIRE(played.seen.rejected.size() == 1);
  CHECK(played.seen.rejected[0].reason == RejectReason::never_fits);
  CHECK(played.seen.rejected[0].id == RequestId(0));
  REQUIRE(played.seen.finished.size() == 1);
}

TEST_CASE("joint replicas beside two pools take whole requests") {
  ListSource source({request(Duration(0), 100, 3), request(Duration(0), 100, 3)});
  Recorder seen;
  SimulationSetup setup = world(source);
  for (const ReplicaRole role : {ReplicaRole::joint, ReplicaRole::decode, ReplicaRole::prefill}) {
    setup.replicas.push_back(replica(batching("vllm-v1"), kCost));
    setup.replicas.back().role = role;
  }
  setup.pools = PoolSetup{std::make_unique<InTurn>(), "in turn"};
  setup.sinks = {&seen};
  const Metrics metrics = simulate(std::move(setup));
  REQUIRE(seen.finished.size() == 2);
  CHECK(metrics.replicas[0].finished == 1);
  CHECK(metrics.replicas[1].finished == 1);
  CHECK(metrics.replicas[2].handed_over == 1);
}
