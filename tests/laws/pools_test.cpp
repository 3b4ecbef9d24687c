// Laws of prefill and decode pools over every registered batch policy, on random worlds: requests,
// blocks and moves conserved, parts of latencies adding up, and the compressed path giving the same
// bytes as the plain one; again where replicas of both pools fail, start, drain and restart.
#include <rapidcheck.h>

#include <algorithm>
#include <deque>

#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/laws/random_dynamics.h"
#include "tests/toy_world.h"

using namespace headroom;

namespace {

struct World {
  std::vector<RequestSpec> requests;
  std::deque<std::vector<std::uint64_t>> hashes;  ///< that requests point into
  toy::LineCostTerms cost;
  toy::ReplicaShape prefill, decode;
  std::int64_t prefills = 1, decodes = 1, joints = 0;
  TransferRules rules;
  double bandwidth = 0;  ///< bytes a second; 0: moves take no time
  Duration latency{0};
  std::int64_t layers = 0;
  std::optional<Instant> time_limit{};
  std::optional<laws::RandomDynamics> dynamics{};
  [[nodiscard]] std::int64_t replicas() const { return decodes + joints + prefills; }
};

World arbitrary_world() {
  World world;
  const bool sharing = *rc::gen::arbitrary<bool>();
  const auto count = *rc::gen::inRange<int>(1, 50);
  const auto spread = *rc::gen::element<std::int64_t>(0, 1'000, 2'000'000, 40'000'000);
  const auto longest_prompt = *rc::gen::element<std::int64_t>(8, 100, 700);
  const auto longest_output = *rc::gen::element<std::int64_t>(2, 40, 300);
  std::int64_t at = 0;
  for (int i = 0; i < count; ++i) {
    at += *rc::gen::inRange<std::int64_t>(0, spread + 1);
    world.requests.push_back(toy::request(Duration(at),
                                          *rc::gen::inRange<std::int64_t>(1, longest_prompt + 1),
                                          *rc::gen::inRange<std::int64_t>(1, longest_output + 1)));
    if (sharing) laws::share_prefix(world.hashes, world.requests.back());
  }
  // Round durations make completions of different replicas coincide.
  world.cost.base = Duration(*rc::gen::element<std::int64_t>(1'000, 1'000'000, 1'234'567));
  world.cost.per_decode = Duration(*rc::gen::element<std::int64_t>(0, 0, 41'113));
  world.cost.per_context_fixed = *rc::gen::element<std::int64_t>(0, 0, 311'000'777);
  world.cost.per_prefill = Duration(*rc::gen::element<std::int64_t>(0, 1'000, 17'171));
  // One request of the largest size always fits: 1,001 tokens are 63 blocks of 16.
  world.prefill.kv_blocks = *rc::gen::element<std::int64_t>(70, 90, 200, 100'000);
  world.decode.kv_blocks = *rc::gen::element<std::int64_t>(70, 90, 200, 100'000);
  world.decode.host_blocks = *rc::gen::element<std::int64_t>(0, 100, 10'000);
  world.prefill.max_model_len = world.decode.max_model_len = 1024;
  world.prefills = *rc::gen::inRange<std::int64_t>(1, 4);
  world.decodes = *rc::gen::inRange<std::int64_t>(1, 4);
  world.joints = *rc::gen::element<std::int64_t>(0, 0, 1);
  world.rules.waiting_share = *rc::gen::element(0.001, 0.05, 0.5, 1.0);
  world.rules.loop = *rc::gen::element(TransferRules::Loop::runs_on, TransferRules::Loop::waits);
  world.bandwidth = *rc::gen::element(0.0, 1e7, 1.024e9, 1e12);
  world.layers = *rc::gen::element<std::int64_t>(0, 0, 1, 4, 80);
  world.latency = Duration(*rc::gen::element<std::int64_t>(0, 5'000, 1'000'000));
  return world;
}

World arbitrary_dynamic_world() {
  World world = arbitrary_world();
  world.dynamics = laws::arbitrary_dynamics(world.replicas());
  // Failures more frequent than answers are long would never end.
  world.time_limit = Instant() + 5 * kSecond;
  return world;
}

struct Outcome {
  Metrics metrics;
  toy::Recorder recorder;
};

Outcome play(const World& world, const PolicyEntry<BatchPolicy>& policy,
             const PolicyEntry<RoutingPolicy>& routing, RunCompression compression) {
  Outcome outcome;
  toy::ListSource source(world.requests);
  const toy::LineCost cost(world.cost);
  SimulationSetup setup = toy::world(source);
  ReplicaWiring wiring;
  const SwitchId spine = wiring.topology.add_switch();
  const auto add = [&](std::int64_t count, const toy::ReplicaShape& shape, ReplicaRole role) {
    for (std::int64_t i = 0; i < count; ++i) {
      setup.replicas.push_back(
          toy::replica(policy.make(default_parameters(policy.parameters)), cost, shape));
      setup.replicas.back().batch_name = policy.name;
      setup.replicas.back().new_batch = [&] {
        return policy.make(default_parameters(policy.parameters));
      };
      setup.replicas.back().role = role;
      setup.replicas.back().transfer = world.rules;
      const DeviceId device = wiring.topology.add_device(wiring.topology.add_node());
      if (world.bandwidth > 0) {
        wiring.topology.connect(Endpoint::of(device), Endpoint::of(spine),
                                {LinkKind::nic, BytesPerSecond(world.bandwidth), world.latency});
      }
      wiring.endpoints.push_back(device);
    }
  };
  add(world.decodes, world.decode, ReplicaRole::decode);
  add(world.joints, world.prefill, ReplicaRole::joint);
  add(world.prefills, world.prefill, ReplicaRole::prefill);
  setup.pools = PoolSetup{routing.make(default_parameters(routing.parameters)), routing.name};
  if (world.bandwidth > 0) setup.pools->wiring = std::move(wiring);
  setup.pools->layers = world.layers;
  if (world.dynamics) world.dynamics->add_to(setup, {world.decodes, world.joints, world.prefills});
  setup.time_limit = world.time_limit;
  setup.compression = compression;
  setup.sample_interval = kMillisecond * 7;
  setup.sinks = {&outcome.recorder};
  outcome.metrics = simulate(std::move(setup));
  return outcome;
}

bool same_request(const FinishedRequest& a, const FinishedRequest& b) {
  return a.id == b.id && a.replica == b.replica && a.first_scheduled == b.first_scheduled &&
         a.first_token == b.first_token && a.finish == b.finish && a.preempted == b.preempted &&
         a.transfer == b.transfer && a.stalled == b.stalled && a.decode == b.decode;
}

bool same_totals(const ReplicaTotals& a, const ReplicaTotals& b) {
  return a.busy == b.busy && a.iterations == b.iterations &&
         a.prefill_iterations == b.prefill_iterations && a.prefill_tokens == b.prefill_tokens &&
         a.decode_tokens == b.decode_tokens && a.peak_blocks == b.peak_blocks &&
         a.preemptions_recompute == b.preemptions_recompute && a.swapped == b.swapped &&
         a.finished == b.finished && a.handed_over == b.handed_over && a.paid == b.paid;
}

bool same_sample(const ClusterSample& a, const ClusterSample& b) {
  return a.time == b.time && a.waiting == b.waiting && a.running == b.running &&
         a.swapped == b.swapped && a.used_blocks == b.used_blocks &&
         a.busy_replicas == b.busy_replicas;
}

void require_same(const Outcome& fast, const Outcome& plain) {
  const Metrics& a = fast.metrics;
  const Metrics& b = plain.metrics;
  RC_ASSERT(a.decision_digest == b.decision_digest);
  RC_ASSERT(a.end == b.end);
  RC_ASSERT(a.rejected == b.rejected);
  RC_ASSERT(a.ledger.fixed_ns == b.ledger.fixed_ns);
  RC_ASSERT(a.transfers.bytes == b.transfers.bytes);
  RC_ASSERT(a.transfers.called_off == b.transfers.called_off);
  RC_ASSERT(a.dynamics.lost == b.dynamics.lost);
  RC_ASSERT(a.live_at_end == b.live_at_end);
  RC_ASSERT(a.transfers.waited.mean() == b.transfers.waited.mean());
  RC_ASSERT(a.transfers.moved.mean() == b.transfers.moved.mean());
  RC_ASSERT(a.token_gaps.mean() == b.token_gaps.mean());
  RC_ASSERT(std::equal(fast.recorder.finished.begin(), fast.recorder.finished.end(),
                       plain.recorder.finished.begin(), plain.recorder.finished.end(),
                       same_request));
  RC_ASSERT(std::equal(a.samples.begin(), a.samples.end(), b.samples.begin(), b.samples.end(),
                       same_sample));
  RC_ASSERT(std::equal(a.replicas.begin(), a.replicas.end(), b.replicas.begin(), b.replicas.end(),
                       same_totals));
}

void require_lawful(const World& world, const Outcome& outcome) {
  const Metrics& metrics = outcome.metrics;
  if (!world.dynamics) {
    RC_ASSERT(metrics.live_at_end == 0U);
    RC_ASSERT(metrics.transfers.started == metrics.transfers.landed);
    RC_ASSERT(metrics.arrived == world.requests.size());
  }
  RC_ASSERT(metrics.finished + metrics.total_rejected() + metrics.live_at_end == metrics.arrived);
  std::int64_t handed_over = 0;
  std::size_t index = 0;
  for (const ReplicaTotals& totals : metrics.replicas) {
    RC_ASSERT(totals.peak_blocks <= totals.total_blocks);
    handed_over += totals.handed_over;
    const auto at = static_cast<std::int64_t>(index++);
    if (at >= world.decodes + world.joints) RC_ASSERT(totals.decode_tokens == 0);
    if (at < world.decodes) RC_ASSERT(totals.handed_over == 0);
  }
  const auto refused = static_cast<std::int64_t>(metrics.total_rejected());
  if (!world.dynamics) {
    RC_ASSERT(metrics.transfers.started <= handed_over);
    RC_ASSERT(metrics.transfers.started + refused >= handed_over);
  }
  RC_ASSERT(metrics.transfers.landed <= handed_over);
  for (const FinishedRequest& r : outcome.recorder.finished) {
    RC_ASSERT(r.queued + r.prefill + r.preempted + r.transfer + r.stalled + r.decode ==
              r.end_to_end());
    if (r.output == Tokens(1)) RC_ASSERT(r.transfer == Duration(0));
  }
}

/// Whose result leaves when done, so that requests may join one by one.
bool may_decode(const PolicyEntry<BatchPolicy>& policy) {
  return policy.make(default_parameters(policy.parameters))->result_release() ==
         ResultRelease::when_done;
}

void check_every_policy(const std::string& what, World (*arbitrary)()) {
  const auto& routers = PolicyRegistry<RoutingPolicy>::instance().entries();
  for (const PolicyEntry<BatchPolicy>& policy : PolicyRegistry<BatchPolicy>::instance().entries()) {
    if (!may_decode(policy)) continue;
    INFO(policy.name);
    CHECK(rc::check(what + policy.name, [&] {
      const World world = arbitrary();
      const PolicyEntry<RoutingPolicy>& router =
          routers[*rc::gen::inRange<std::size_t>(0, routers.size())];
      const Outcome fast = play(world, policy, router, RunCompression::on);
      const Outcome plain = play(world, policy, router, RunCompression::off);
      require_lawful(world, fast);
      require_same(fast, plain);
    }));
  }
}

}  // namespace

TEST_CASE("pools keep every law, and summing runs of equal iterations changes no byte") {
  check_every_policy("pools under ", arbitrary_world);
}

TEST_CASE("nor where replicas of both pools fail, start, drain and restart") {
  check_every_policy("dynamic pools under ", arbitrary_dynamic_world);
}
