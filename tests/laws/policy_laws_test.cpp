// Laws that hold for every registered policy, whatever it decides.
//
// Conservation of requests and blocks, legal answers and pending events are checked by the core at
// every step (SIM_CHECK aborts); these tests put each policy under loads that reach its corners and
// check what only shows outside.
#include <algorithm>
#include <tuple>

#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// Loads from idle to hopeless, pools from plenty to less than one request needs.
struct Load {
  const char* name;
  std::int64_t blocks;
  std::int64_t host_blocks;
  Duration gap;
  PredictorSetup predictor;
  std::int64_t stages = 1;
};

std::vector<Load> loads() {
  const PredictorSetup exact{};
  const PredictorSetup mean{PredictorSetup::Kind::mean, Tokens(20), 0};
  const PredictorSetup noisy{PredictorSetup::Kind::noisy, Tokens(0), 0.7};
  return {
      {"idle", 4000, 0, kSecond, exact},        {"busy", 400, 0, kMillisecond * 4, mean},
      {"backlog", 400, 40, Duration(1), exact}, {"tight", 40, 30, kMillisecond * 4, noisy},
      {"tiny", 12, 4, kMillisecond * 4, mean},  {"pipeline", 60, 30, kMillisecond * 2, noisy, 3}};
}

World world_of(const Load& load, RunCompression compression) {
  World world;
  world.shape.kv_blocks = load.blocks;
  world.shape.host_blocks = load.host_blocks;
  world.shape.max_model_len = 512;
  world.shape.pipeline_stages = load.stages;
  world.cost = {kMillisecond, kMicrosecond * 7, 3 * kFixedOne + 12345, kMicrosecond * 2};
  world.predictor = load.predictor;
  world.compression = compression;
  return world;
}

std::vector<RequestSpec> requests_of(const Load& load, std::uint64_t seed) {
  return random_requests(seed, 150, load.gap, 300, 100);
}

const std::vector<PolicyEntry<BatchPolicy>>& batch_policies() {
  return PolicyRegistry<BatchPolicy>::instance().entries();
}

/// A value away from the default, for every kind of parameter.
std::vector<std::string> corners(const ParameterSpec& spec) {
  switch (spec.kind) {
    case ParameterSpec::Kind::choice:
      return spec.choices;
    case ParameterSpec::Kind::flag:
      return {"true", "false"};
    case ParameterSpec::Kind::integer:
      return {std::to_string(static_cast<std::int64_t>(spec.least)),
              std::to_string(static_cast<std::int64_t>(std::min(spec.most, spec.least + 7)))};
    case ParameterSpec::Kind::number:
      return {spec.most >= 2 ? "2" : "0.5"};
    case ParameterSpec::Kind::duration:
      return {"3 ms"};
  }
  return {};
}

/// Each policy at its defaults and with each parameter in its corners.
std::vector<Texts> variants(const PolicyEntry<BatchPolicy>& entry) {
  std::vector<Texts> all{{}};
  for (const ParameterSpec& spec : entry.parameters) {
    for (const std::string& text : corners(spec)) all.push_back({{spec.name, text}});
  }
  return all;
}

template <class Check>
void for_each_policy_and_load(const Check& check) {
  for (const PolicyEntry<BatchPolicy>& entry : batch_policies()) {
    for (const Texts& texts : variants(entry)) {
      for (const Load& load : loads()) {
        INFO("policy " << entry.name << ", load " << load.name);
        for (const auto& [name, text] : texts) UNSCOPED_INFO("with " << name << " = " << text);
        check(entry.name, texts, load);
      }
    }
  }
}

/// One replica under a policy without the watching decorator.
Metrics run_plainly(const std::string& policy, const Texts& texts, const Load& load,
                    RunCompression compression, Recorder& seen) {
  const World shape = world_of(load, compression);
  const LineCost cost(shape.cost);
  ListSource source(requests_of(load, 5));
  SimulationSetup setup = world(source);
  setup.replicas.push_back(replica(make_policy<BatchPolicy>(policy, texts), cost, shape.shape));
  setup.sinks.push_back(&seen);
  setup.predictor = shape.predictor;
  setup.compression = compression;
  setup.time_limit = kTestLimit;
  return simulate(std::move(setup));
}

std::vector<std::tuple<std::uint32_t, std::int64_t, std::int64_t, std::int64_t>> milestones(
    const Recorder& seen) {
  std::vector<std::tuple<std::uint32_t, std::int64_t, std::int64_t, std::int64_t>> all;
  for (const FinishedRequest& request : seen.finished) {
    all.emplace_back(request.id.index(), request.first_scheduled.ns(), request.first_token.ns(),
                     request.finish.ns());
  }
  return all;
}

}  // namespace

TEST_CASE("every request leaves every batch policy, once, with all its tokens or with a reason") {
  for_each_policy_and_load([](const std::string& policy, const Texts& texts, const Load& load) {
    Recorder seen;
    const Metrics metrics = run_plainly(policy, texts, load, RunCompression::on, seen);
    CHECK(metrics.live_at_end == 0);
    CHECK(metrics.arrived == 150);
    CHECK(seen.finished.size() + seen.rejected.size() == 150);
    std::vector<bool> left(150, false);
    for (const FinishedRequest& request : seen.finished) {
      CHECK_FALSE(left[request.id.index()]);
      left[request.id.index()] = true;
    }
    for (const RejectedRequest& request : seen.rejected) {
      CHECK_FALSE(left[request.id.index()]);
      left[request.id.index()] = true;
    }
    CHECK(metrics.replicas[0].peak_blocks <= Blocks(load.blocks));
  });
}

TEST_CASE("a batch policy drops nobody whose whole life fits the pool twice over") {
  // At most 300 + 100 tokens: 25 blocks; `max` reserves 512 tokens: 32. Pools of 400 blocks and
  // more hold that many times.
  for_each_policy_and_load([](const std::string& policy, const Texts& texts, const Load& load) {
    if (load.blocks < 400 || texts.count("prefill_tokens") > 0 ||
        texts.count("max_num_batched_tokens") > 0) {
      return;  // these limit the prompts themselves
    }
    Recorder seen;
    CHECK(run_plainly(policy, texts, load, RunCompression::on, seen).finished == 150);
  });
}

TEST_CASE("the parts of each latency add up to the whole under every batch policy") {
  for_each_policy_and_load([](const std::string& policy, const Texts& texts, const Load& load) {
    Recorder seen;
    static_cast<void>(run_plainly(policy, texts, load, RunCompression::on, seen));
    for (const FinishedRequest& r : seen.finished) {
      const Duration parts = r.queued + r.prefill + r.preempted + r.transfer + r.stalled + r.decode;
      if (parts != r.end_to_end()) CHECK(parts.value() == r.end_to_end().value());
    }
  });
}

TEST_CASE(
    "a batch policy's promise of equal iterations is true: stepping gives the same decisions") {
  for_each_policy_and_load([](const std::string& policy, const Texts& texts, const Load& load) {
    Recorder fast_seen;
    Recorder slow_seen;
    const Metrics fast = run_plainly(policy, texts, load, RunCompression::on, fast_seen);
    const Metrics slow = run_plainly(policy, texts, load, RunCompression::off, slow_seen);
    CHECK(fast.decision_digest == slow.decision_digest);
    CHECK(milestones(fast_seen) == milestones(slow_seen));
    CHECK(fast.replicas[0].iterations == slow.replicas[0].iterations);
    CHECK(fast.replicas[0].preemptions_recompute == slow.replicas[0].preemptions_recompute);
    CHECK(fast.replicas[0].preemptions_swap == slow.replicas[0].preemptions_swap);
    CHECK(fast.replicas[0].prefill_tokens == slow.replicas[0].prefill_tokens);
    CHECK(fast.replicas[0].peak_blocks == slow.replicas[0].peak_blocks);
  });
}

TEST_CASE("every batch policy decides the same for the same input") {
  for_each_policy_and_load([](const std::string& policy, const Texts& texts, const Load& load) {
    Recorder first;
    Recorder second;
    CHECK(run_plainly(policy, texts, load, RunCompression::on, first).decision_digest ==
          run_plainly(policy, texts, load, RunCompression::on, second).decision_digest);
  });
}

TEST_CASE("no batch policy sees the future: decisions do not depend on what has not happened yet") {
  // Two runs that differ in what no scheduler can know at time T: true output lengths of requests
  // that are still running in both at T, and everything that arrives after T. All decisions up to T
  // must be equal.
  const auto decisions_until = [](const Run& run, Instant end) {
    std::vector<std::tuple<std::int64_t, std::int64_t, std::size_t, Ids, Ids>> all;
    for (const Step& step : run.steps) {
      if (step.when > end) break;
      all.emplace_back(step.when.ns(), step.tokens, step.preemptions, step.scheduled, step.waiting);
    }
    return all;
  };
  for_each_policy_and_load([&](const std::string& policy, const Texts& texts, const Load& load) {
    if (load.stages > 1) return;  // the watching decorator knows pipelines of one stage
    World world = world_of(load, RunCompression::off);
    world.predictor = {PredictorSetup::Kind::mean, Tokens(20), 0};
    const std::vector<RequestSpec> requests = requests_of(load, 9);
    const Run base = watch(policy, texts, requests, world);
    if (base.seen.finished.empty()) return;
    // T: just before the 20th request to finish does so. All that finish later get longer answers,
    // all that arrive later other prompts.
    const std::size_t nth = std::min<std::size_t>(20, base.seen.finished.size()) - 1;
    const Instant end = base.seen.finished[nth].finish - kNanosecond;
    // Static batching keeps what is done until its batch is: there only who has not begun by T may
    // change.
    const bool held = policy == "static";
    std::vector<bool> fixed(requests.size(), false);
    for (const FinishedRequest& request : base.seen.finished) {
      const Instant known = held ? request.first_scheduled : request.finish;
      fixed[request.id.index()] = known <= end;
    }
    std::vector<RequestSpec> changed = requests;
    for (std::size_t i = 0; i < changed.size(); ++i) {
      if (!fixed[i]) changed[i].output += Tokens(17);
      if (changed[i].arrival > end) changed[i].prompt = Tokens(1 + changed[i].prompt.value() / 2);
    }
    const Run other = watch(policy, texts, changed, world);
    const auto expected = decisions_until(base, end);
    CHECK_FALSE(expected.empty());
    CHECK((decisions_until(other, end) == expected));
  });
}

TEST_CASE("every router and door serves every cluster, and decides the same for the same input") {
  const auto digest = [](const std::string& routing, const std::string& admission) {
    const LineCost cost({kMillisecond, Duration(0), 0, kMicrosecond * 10});
    ListSource source(random_requests(3, 300, kMillisecond * 3, 300, 30));
    SimulationSetup setup = world(source);
    setup.routing = make_policy<RoutingPolicy>(routing);
    setup.admission = make_policy<AdmissionPolicy>(admission);
    for (int i = 0; i < 3; ++i) {
      setup.replicas.push_back(replica(make_policy<BatchPolicy>("vllm-v1"), cost));
    }
    const Metrics metrics = simulate(std::move(setup));
    CHECK(metrics.arrived == 300);
    CHECK(metrics.live_at_end == 0);
    return metrics.decision_digest;
  };
  for (const auto& routing : PolicyRegistry<RoutingPolicy>::instance().entries()) {
    for (const auto& admission : PolicyRegistry<AdmissionPolicy>::instance().entries()) {
      INFO("routing " << routing.name << ", admission " << admission.name);
      CHECK(digest(routing.name, admission.name) == digest(routing.name, admission.name));
    }
  }
}
