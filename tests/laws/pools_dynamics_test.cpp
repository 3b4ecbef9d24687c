// Prefill and decode replicas that fail, by hand: what is lost with which, what is offered again,
// who waits; and what their scaling policies see.
//
// The world: a prompt token costs 1 us on top of 1 ms an iteration, a decode iteration 1 ms. KV is
// 1,024 bytes a token; a move at 1 GB/s of 1,000 tokens takes 1.024 ms.
#include "sim/cli/dynamics_wiring.h"
#include "sim/pools.h"
#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

const LineCost kCost({kMillisecond, Duration(0), 0, kMicrosecond});

Duration ms(double value) { return duration_from_seconds(value * 1e-3); }
Instant at(double milliseconds) { return Instant() + ms(milliseconds); }

std::unique_ptr<BatchPolicy> vllm() {
  const auto* entry = PolicyRegistry<BatchPolicy>::instance().find("vllm-v1");
  REQUIRE(entry != nullptr);
  return entry->make(default_parameters(entry->parameters));
}

/// `prefills` prefill replicas, then `decodes` decode replicas; all serve at first.
struct Cluster {
  Cluster(std::int64_t prefills, std::int64_t decodes, std::vector<RequestSpec> requests)
      : source(std::move(requests)), setup(world(source)) {
    const auto add = [&](std::int64_t count, ReplicaRole role) {
      for (std::int64_t i = 0; i < count; ++i) {
        setup.replicas.push_back(replica(vllm(), kCost));
        setup.replicas.back().role = role;
        setup.replicas.back().block_bytes = Bytes(16'384);
      }
    };
    add(prefills, ReplicaRole::prefill);
    add(decodes, ReplicaRole::decode);
    setup.pools = PoolSetup{std::make_unique<InTurn>(), "in turn"};
    setup.dynamics = dynamics({prefills, decodes}, ms(1));
    setup.sinks = {&seen};
  }
  /// A network card each, joined by a switch.
  Cluster& wired(double bandwidth = 1e9) {
    ReplicaWiring wiring;
    const SwitchId spine = wiring.topology.add_switch();
    for (std::size_t i = 0; i < setup.replicas.size(); ++i) {
      const DeviceId device = wiring.topology.add_device(wiring.topology.add_node());
      wiring.topology.connect(Endpoint::of(device), Endpoint::of(spine),
                              {LinkKind::nic, BytesPerSecond(bandwidth), Duration(0)});
      wiring.endpoints.push_back(device);
    }
    setup.pools->wiring = std::move(wiring);
    return *this;
  }
  Cluster& fails(std::uint32_t replica, double from_ms, double down_ms) {
    setup.dynamics->outages.push_back({at(from_ms), ReplicaId(replica), ms(down_ms)});
    return *this;
  }
  void run() { metrics = simulate(std::move(setup)); }
  [[nodiscard]] const FinishedRequest& done(std::size_t i) const {
    REQUIRE(seen.finished.size() > i);
    return seen.finished[i];
  }

  ListSource source;
  Recorder seen;
  SimulationSetup setup;
  Metrics metrics;
};

/// Keeps what it sees and wants what is there.
class Watcher final : public ScalingPolicy {
 public:
  explicit Watcher(std::vector<ScalingView>& seen) : seen_(seen) {}
  [[nodiscard]] std::int64_t wanted(const ScalingView& view) override {
    seen_.push_back(view);
    return view.serving;
  }

 private:
  std::vector<ScalingView>& seen_;
};

}  // namespace

TEST_CASE("what a decode replica that fails has had is computed again by the prefill pool") {
  // Prompt at 2 ms, three tokens more by 5 ms on replica 1. It fails at 5.5: 1,004 tokens are
  // computed again on replica 0 by 5.5 + 2.004 ms, the fifth token with them; the other five follow
  // on replica 2.
  Cluster one(1, 2, {request(Duration(0), 1000, 10)});
  one.fails(1, 5.5, 100).run();
  CHECK(one.done(0).finish == at(12.504));
  CHECK(one.done(0).replica == ReplicaId(2));
  CHECK(one.done(0).ttft() == ms(2));
  CHECK(one.metrics.dynamics.lost == 1);
  CHECK(one.metrics.replicas[0].prefill_tokens == 2004);
  CHECK(one.metrics.replicas[0].handed_over == 2);
  CHECK(one.metrics.output_tokens == 10);
}

TEST_CASE("KV that moves to a decode replica that fails is whole, and is moved to another") {
  // The move begins at 2 ms; its target fails at 2.5; another move of 1.024 ms lands at 3.524.
  Cluster one(1, 2, {request(Duration(0), 1000, 10)});
  one.wired().fails(1, 2.5, 100).run();
  CHECK(one.done(0).transfer == ms(1.524));
  CHECK(one.done(0).finish == at(3.524 + 9));
  CHECK(one.metrics.dynamics.lost == 0);
  CHECK(one.metrics.transfers.started == 2);
  CHECK(one.metrics.transfers.landed == 1);
  CHECK(one.metrics.transfers.called_off == 1);
  CHECK(one.metrics.replicas[0].prefill_tokens == 1000);
}

TEST_CASE("KV that moves from a prefill replica that fails is lost, and its room is given back") {
  // The other prefill replica computes prompt and first token again from 2.5 ms on: 2.001 ms; 1,001
  // tokens of KV move in 1.025024 ms; eight decodes.
  Cluster one(2, 1, {request(Duration(0), 1000, 10)});
  one.wired().fails(0, 2.5, 100).run();
  const FinishedRequest& done = one.done(0);
  CHECK(done.finish == at(2.5 + 2.001 + 1.025024 + 8));
  CHECK(done.transfer == ms(0.5 + 1.025024));
  CHECK(done.queued + done.prefill + done.preempted + done.transfer + done.stalled + done.decode ==
        done.end_to_end());
  CHECK(one.metrics.dynamics.lost == 1);
  CHECK(one.metrics.transfers.called_off == 1);
  CHECK(one.metrics.replicas[1].prefill_tokens == 1001);
}

TEST_CASE("a move beside one that is called off has the link for itself from then on") {
  // Two prompts in one iteration, done at 3 ms, share the card of replica 0: half of a move is done
  // by 4.024 ms, when one target fails. The other lands after 0.512 ms more instead of 1.024.
  Cluster one(1, 2, {request(Duration(0), 1000, 2), request(Duration(0), 1000, 2)});
  one.wired().fails(1, 4.024, 100);
  one.setup.replicas[2].transfer.waiting_share = 1e-6;  // one at a time
  one.run();
  CHECK(one.done(0).id == RequestId(1));
  CHECK(one.done(0).transfer == ms(1.536));
  // The other is pulled at the next boundary of replica 2, after its decode of 1 ms.
  CHECK(one.done(1).first_token + one.done(1).transfer == at(4.536 + 1 + 1.024));
}

TEST_CASE("room that a lost prompt gives back lets the next one in at the next boundary") {
  // Request 0 decodes from 1.016 + 0.16384 ms on, an iteration a millisecond. 1 takes 51 of 100
  // blocks and moves at 0.1 GB/s; 2, done at 2.816 ms, finds no room. Prefill replica 1 fails at 5:
  // 2 is pulled at 5.17984, for 8.192 ms.
  Cluster one(
      2, 1,
      {request(Duration(0), 16, 60), request(Duration(0), 800, 3), request(Duration(1), 800, 3)});
  one.setup.replicas[2].kv_blocks = Blocks(100);
  one.setup.replicas[2].transfer.waiting_share = 1;
  one.wired(1e8).fails(1, 5, 1000).run();
  CHECK(one.done(0).id == RequestId(2));
  CHECK(seconds(one.done(0).transfer) == Approx((5.17984 + 8.192 - 2.816) * 1e-3));
  CHECK(one.metrics.finished == 3);
}

TEST_CASE("requests in line at a decode replica that fails get no answer where none is to resume") {
  for (const bool resumes : {true, false}) {
    Cluster one(1, 2, {request(Duration(0), 1000, 10)});
    one.wired().fails(1, 2.5, 100);
    one.setup.dynamics->on_loss = resumes ? OnLoss::resume : OnLoss::reject;
    one.run();
    CHECK(one.seen.rejected.size() == (resumes ? 0U : 1U));
    CHECK(one.metrics.dynamics.lost == (resumes ? 0 : 1));
  }
}

TEST_CASE("finished prompts wait, with their KV, while no decode replica is up") {
  // Down from 1 to 31 ms.
  Cluster one(1, 1, {request(Duration(0), 1000, 10), request(ms(5), 100, 1)});
  one.fails(1, 1, 30).run();
  CHECK(one.done(0).id == RequestId(1));
  CHECK(one.done(0).finish == at(5 + 1.1));
  CHECK(one.done(1).transfer == ms(29));
  CHECK(one.done(1).finish == at(31 + 9));
}

TEST_CASE("new requests, and those that come back, wait while no prefill replica is up") {
  // Replica 0 is down from 2.5 to 50 ms, replica 1 (decode) fails at 10: request 0 has its prompt's
  // token of 2 ms and those of 3 to 10 ms, computes 1,009 tokens with request 1's 100 from 50 on.
  Cluster one(1, 1, {request(Duration(0), 1000, 20), request(ms(4), 100, 1)});
  one.fails(0, 2.5, 47.5).fails(1, 10, 1).run();
  CHECK(one.done(0).id == RequestId(1));
  CHECK(one.done(0).queued == ms(46));
  CHECK(one.done(0).finish == at(50 + 1 + 1.109));
  CHECK(one.done(1).finish == at(50 + 1 + 1.109 + 10));
}

TEST_CASE("each pool scales by what it sees of its own") {
  // Ten prompts a tenth of a millisecond apart. By 15 ms the first eight or so have been handed
  // over to the decode pool, where 100 tokens each keep them.
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 10; ++i) requests.push_back(request(ms(0.1 * i), 2000, 100));
  Cluster one(1, 1, requests);
  std::vector<ScalingView> prefill;
  std::vector<ScalingView> decode;
  one.setup.dynamics->units[0].scaling = std::make_unique<Watcher>(prefill);
  one.setup.dynamics->units[1].scaling = std::make_unique<Watcher>(decode);
  one.setup.dynamics->interval = ms(15);
  one.run();
  REQUIRE(prefill.size() > 2);
  REQUIRE(decode.size() == prefill.size());
  const ScalingView& p = prefill.front();
  const ScalingView& d = decode.front();
  CHECK(p.serving == 1);
  CHECK(d.most == 1);
  CHECK(p.outstanding + d.outstanding == 10);
  CHECK(d.outstanding > 0);
  CHECK(p.arrivals == Approx(10 / 15e-3));
  CHECK(d.arrivals == Approx(static_cast<double>(d.outstanding) / 15e-3));
  CHECK(p.busy == Approx(1));
  CHECK(prefill[2].outstanding == 0);
  CHECK(prefill[2].busy == 0);
  CHECK(decode[2].outstanding == 10);
}

TEST_CASE("a replica is off at the instant at which the last KV leaves it, whatever comes next") {
  // Asked at 1.5 ms, the prefill pool is to be one. Both prompts end, and move at once, at 2 ms;
  // the next event is later.
  class One final : public ScalingPolicy {
    [[nodiscard]] std::int64_t wanted(const ScalingView& /*view*/) override { return 1; }
  };
  Cluster one(2, 1, {request(Duration(0), 999, 30), request(Duration(0), 999, 30)});
  one.setup.dynamics->units[0].floor = {{Instant(), 2}, {at(1), 1}};
  one.setup.dynamics->units[0].scaling = std::make_unique<One>();
  one.setup.dynamics->interval = ms(1.5);
  one.run();
  CHECK(one.metrics.finished == 2);
  CHECK(one.metrics.replicas[0].paid == one.metrics.last_finish - Instant());
  CHECK(one.metrics.replicas[1].paid == ms(1.999));
}

TEST_CASE("a rolling restart of both pools loses nothing") {
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 300; ++i) requests.push_back(request(ms(i), 50, 20));
  Cluster one(2, 2, requests);
  one.setup.dynamics->restart = at(20);
  one.setup.sample_interval = ms(1);
  one.wired().run();
  CHECK(one.metrics.finished == 300);
  CHECK(one.metrics.dynamics.restarts == 4);
  CHECK(one.metrics.dynamics.lost == 0);
  CHECK(one.metrics.transfers.called_off == 0);
  for (const ClusterSample& sample : one.metrics.samples) CHECK(sample.up_replicas >= 3);
}

TEST_CASE("replicas that could come and go, but do not, change nothing between pools either") {
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 100; ++i) requests.push_back(request(ms(0.7 * i), 90 + i, 1 + i % 30));
  Cluster still(2, 2, requests);
  Cluster plain(2, 2, requests);
  plain.setup.dynamics.reset();
  still.wired().run();
  plain.wired().run();
  CHECK(still.metrics.decision_digest == plain.metrics.decision_digest);
  CHECK(still.metrics.end == plain.metrics.end);
}

TEST_CASE("costs twice as high are a clock that goes half as fast, autoscalers and failures too") {
  // Follows the load, and keeps what it sees.
  class Follower final : public ScalingPolicy {
   public:
    explicit Follower(std::vector<ScalingView>& seen) : seen_(seen) {}
    [[nodiscard]] std::int64_t wanted(const ScalingView& view) override {
      seen_.push_back(view);
      return view.outstanding / 4 + 1;
    }

   private:
    std::vector<ScalingView>& seen_;
  };
  struct Played {
    std::vector<ScalingView> views;
    Metrics metrics;
    Recorder seen;
  };
  const auto play = [](std::int64_t slower) {
    const std::int64_t clock = 2 / slower;  // ms of this clock to 1 ms at half of its speed
    Played played;
    std::vector<RequestSpec> requests;
    for (int i = 0; i < 80; ++i) requests.push_back(request(kMillisecond * clock * i, 10, 9));
    ListSource source(std::move(requests));
    const LineCost cost({kMillisecond * clock, Duration(0), 0, Duration(0)});
    SimulationSetup setup = world(source);
    for (int i = 0; i < 4; ++i) setup.replicas.push_back(replica(vllm(), cost));
    setup.dynamics = dynamics(4, ms(10));
    setup.dynamics->units[0].floor = {{Instant(), 1}, {at(60), 2}};
    setup.dynamics->units[0].scaling = std::make_unique<Follower>(played.views);
    setup.dynamics->interval = ms(8);
    setup.dynamics->outages = {{at(40), ReplicaId(0), ms(30)}};
    setup.dynamics->restart = at(100);
    setup.sinks = {&played.seen};
    if (slower != 1) slow_clock(*setup.dynamics, static_cast<double>(slower));
    played.metrics = simulate(std::move(setup));
    return played;
  };
  const Played real = play(1);
  const Played half = play(2);
  CHECK(real.metrics.dynamics.starts > 2);
  CHECK(real.metrics.dynamics.starts == half.metrics.dynamics.starts);
  CHECK(real.metrics.dynamics.lost == half.metrics.dynamics.lost);
  REQUIRE(real.views.size() == half.views.size());
  for (std::size_t i = 0; i < real.views.size(); ++i) {
    CHECK(real.views[i].now == half.views[i].now);
    CHECK(real.views[i].outstanding == half.views[i].outstanding);
    CHECK(real.views[i].arrivals == Approx(half.views[i].arrivals));
    CHECK(real.views[i].start_up == half.views[i].start_up);
  }
  REQUIRE(real.seen.finished.size() == half.seen.finished.size());
  for (std::size_t i = 0; i < real.seen.finished.size(); ++i) {
    CHECK(real.seen.finished[i].finish - Instant() ==
          (half.seen.finished[i].finish - Instant()) * 2);
  }
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(real.metrics.replicas[i].paid == half.metrics.replicas[i].paid * 2);
}
