// The compressed path gives the same bytes as the plain one, over every registered batch policy
// (R11).
#include <rapidcheck.h>

#include <algorithm>
#include <deque>

#include "sim/registry.h"
#include "tests/catch.h"
#include "tests/laws/random_dynamics.h"
#include "tests/toy_world.h"

using namespace headroom;

namespace {

/// A small random world: enough pressure on KV blocks that admissions block and requests are
/// preempted.
struct World {
  std::vector<RequestSpec> requests;
  std::deque<std::vector<std::uint64_t>> hashes;  ///< that requests point into
  toy::LineCostTerms cost;
  toy::ReplicaShape shape;
  std::int64_t replicas = 1;
  std::optional<Duration> time_limit{};
  std::optional<laws::RandomDynamics> dynamics{};
};

World arbitrary_world() {
  World world;
  const auto count = *rc::gen::inRange<int>(1, 60);
  const auto spread = *rc::gen::element<std::int64_t>(1'000, 2'000'000, 40'000'000);
  const auto longest_prompt = *rc::gen::element<std::int64_t>(8, 100, 700);
  const auto longest_output = *rc::gen::element<std::int64_t>(2, 40, 300);
  // Half of the worlds share prefixes: the first blocks of one of three documents.
  const bool sharing = *rc::gen::arbitrary<bool>();
  std::int64_t at = 0;
  for (int i = 0; i < count; ++i) {
    at += *rc::gen::inRange<std::int64_t>(0, spread);
    world.requests.push_back(toy::request(Duration(at),
                                          *rc::gen::inRange<std::int64_t>(1, longest_prompt + 1),
                                          *rc::gen::inRange<std::int64_t>(1, longest_output + 1)));
    if (sharing) laws::share_prefix(world.hashes, world.requests.back());
  }
  world.cost.base = Duration(*rc::gen::inRange<std::int64_t>(1, 3'000'000));
  world.cost.per_decode = Duration(*rc::gen::inRange<std::int64_t>(0, 50'000));
  world.cost.per_context_fixed = *rc::gen::inRange<std::int64_t>(0, 400'000'000);
  world.cost.per_prefill = Duration(*rc::gen::inRange<std::int64_t>(0, 20'000));
  world.cost.per_prefill_before = Duration(*rc::gen::element<std::int64_t>(0, 0, 7'000));
  // One request of the largest size always fits: 1,000 tokens are 63 blocks of 16.
  world.shape.kv_blocks = *rc::gen::element<std::int64_t>(70, 90, 200, 100'000);
  world.shape.host_blocks = *rc::gen::element<std::int64_t>(0, 100, 10'000);
  world.shape.kept_below = {Blocks(*rc::gen::element<std::int64_t>(0, 50, 10'000)),
                            Blocks(*rc::gen::element<std::int64_t>(0, 50))};
  world.shape.max_model_len = 1024;
  world.shape.scheduling = *rc::gen::element(Scheduling::in_step, Scheduling::overlapped);
  world.replicas = *rc::gen::inRange<std::int64_t>(1, 4);
  // Half of the worlds end somewhere in between.
  if (*rc::gen::arbitrary<bool>()) {
    world.time_limit = Duration(*rc::gen::inRange<std::int64_t>(1, 2 * spread * count));
  }
  return world;
}

World arbitrary_dynamic_world() {
  World world = arbitrary_world();
  world.dynamics = laws::arbitrary_dynamics(world.replicas);
  // Failures more frequent than answers are long would never end.
  if (!world.time_limit) world.time_limit = 20 * kSecond;
  return world;
}

struct Outcome {
  Metrics metrics;
  toy::Recorder recorder;
};

Outcome play(const World& world, const PolicyEntry<BatchPolicy>& policy,
             const Parameters& parameters, RunCompression compression) {
  Outcome outcome;
  toy::ListSource source(world.requests);
  const toy::LineCost cost(world.cost);
  SimulationSetup setup = toy::world(source);
  for (std::int64_t i = 0; i < world.replicas; ++i) {
    setup.replicas.push_back(toy::replica(policy.make(parameters), cost, world.shape));
    setup.replicas.back().batch_name = policy.name;
    setup.replicas.back().new_batch = [&] { return policy.make(parameters); };
  }
  if (world.dynamics) world.dynamics->add_to(setup, {world.replicas});
  if (world.time_limit) setup.time_limit = Instant() + *world.time_limit;
  setup.compression = compression;
  setup.sample_interval = kMillisecond * 7;
  setup.sinks = {&outcome.recorder};
  outcome.metrics = simulate(std::move(setup));
  return outcome;
}

bool same_request(const FinishedRequest& a, const FinishedRequest& b) {
  return a.id == b.id && a.replica == b.replica && a.first_scheduled == b.first_scheduled &&
         a.first_token == b.first_token && a.finish == b.finish && a.queued == b.queued &&
         a.prefill == b.prefill && a.preempted == b.preempted && a.stalled == b.stalled &&
         a.decode == b.decode && a.output == b.output && a.preemptions == b.preemptions;
}

bool same_sample(const ClusterSample& a, const ClusterSample& b) {
  return a.time == b.time && a.waiting == b.waiting && a.running == b.running &&
         a.swapped == b.swapped && a.used_blocks == b.used_blocks &&
         a.busy_replicas == b.busy_replicas && a.up_replicas == b.up_replicas;
}

bool same_totals(const ReplicaTotals& a, const ReplicaTotals& b) {
  return a.busy == b.busy && a.iterations == b.iterations &&
         a.prefill_iterations == b.prefill_iterations && a.batched_requests == b.batched_requests &&
         a.prefill_tokens == b.prefill_tokens && a.decode_tokens == b.decode_tokens &&
         a.preemptions_recompute == b.preemptions_recompute &&
         a.preemptions_swap == b.preemptions_swap && a.peak_blocks == b.peak_blocks &&
         a.swapped == b.swapped && a.finished == b.finished && a.paid == b.paid &&
         a.prefixes.asked == b.prefixes.asked && a.prefixes.hit == b.prefixes.hit &&
         a.prefixes.evicted == b.prefixes.evicted;
}

void require_same(const Outcome& fast, const Outcome& plain) {
  const Metrics& a = fast.metrics;
  const Metrics& b = plain.metrics;
  RC_ASSERT(a.decision_digest == b.decision_digest);
  RC_ASSERT(a.end == b.end);
  RC_ASSERT(a.finished == b.finished);
  RC_ASSERT(a.rejected == b.rejected);
  RC_ASSERT(a.ledger.fixed_ns == b.ledger.fixed_ns);
  RC_ASSERT(a.token_gaps.count() == b.token_gaps.count());
  RC_ASSERT(a.token_gaps.mean() == b.token_gaps.mean());
  for (const double q : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    RC_ASSERT(a.token_gaps.quantile(q) == b.token_gaps.quantile(q));
  }
  RC_ASSERT(std::equal(fast.recorder.finished.begin(), fast.recorder.finished.end(),
                       plain.recorder.finished.begin(), plain.recorder.finished.end(),
                       same_request));
  RC_ASSERT(std::equal(a.samples.begin(), a.samples.end(), b.samples.begin(), b.samples.end(),
                       same_sample));
  RC_ASSERT(std::equal(a.replicas.begin(), a.replicas.end(), b.replicas.begin(), b.replicas.end(),
                       same_totals));
}

/// Default parameters, with some of them drawn anew inside their bounds.
Parameters arbitrary_parameters(const PolicyEntry<BatchPolicy>& policy) {
  Parameters parameters = default_parameters(policy.parameters);
  for (const ParameterSpec& spec : policy.parameters) {
    if (!*rc::gen::arbitrary<bool>()) continue;
    if (spec.kind == ParameterSpec::Kind::flag) {
      parameters.set(spec.name, *rc::gen::arbitrary<bool>());
    } else if (spec.kind == ParameterSpec::Kind::choice) {
      parameters.set(spec.name, *rc::gen::elementOf(spec.choices));
    } else if (spec.kind == ParameterSpec::Kind::integer) {
      const auto least = static_cast<std::int64_t>(spec.least);
      const auto most = std::min(static_cast<std::int64_t>(spec.most), least + 600);
      parameters.set(spec.name, *rc::gen::inRange(least, most + 1));
    }
  }
  return parameters;
}

}  // namespace

TEST_CASE("summing runs of equal iterations changes no byte, whatever the policy") {
  const auto& policies = PolicyRegistry<BatchPolicy>::instance().entries();
  REQUIRE(policies.size() >= 5);
  for (const PolicyEntry<BatchPolicy>& policy : policies) {
    INFO(policy.name);
    const bool held = rc::check("fast path equals plain path: " + policy.name, [&policy] {
      const World world = arbitrary_world();
      const Parameters parameters = arbitrary_parameters(policy);
      require_same(play(world, policy, parameters, RunCompression::on),
                   play(world, policy, parameters, RunCompression::off));
    });
    CHECK(held);
  }
}

TEST_CASE("nor where replicas fail, start and drain") {
  for (const PolicyEntry<BatchPolicy>& policy : PolicyRegistry<BatchPolicy>::instance().entries()) {
    INFO(policy.name);
    const bool held = rc::check("fast path equals plain path, dynamic: " + policy.name, [&policy] {
      const World world = arbitrary_dynamic_world();
      const Parameters parameters = arbitrary_parameters(policy);
      require_same(play(world, policy, parameters, RunCompression::on),
                   play(world, policy, parameters, RunCompression::off));
    });
    CHECK(held);
  }
}

TEST_CASE("compression skips most events of a long decode") {
  // One request of 1,000 tokens: 1 prefill and 999 decodes. Plain: an event each; compressed: two.
  const auto* policy = PolicyRegistry<BatchPolicy>::instance().find("vllm-v1");
  REQUIRE(policy != nullptr);
  World world;
  world.requests = {toy::request(Duration(0), 10, 1000)};
  const Parameters parameters = default_parameters(policy->parameters);
  const Outcome fast = play(world, *policy, parameters, RunCompression::on);
  const Outcome plain = play(world, *policy, parameters, RunCompression::off);
  CHECK(fast.metrics.replicas[0].iterations == 1000);
  CHECK(plain.metrics.replicas[0].iterations == 1000);
  CHECK(fast.metrics.events < 10);
  CHECK(plain.metrics.events > 1000);
}
