// Runs a policy of the registry in the toy world (tests/toy_world.h) and writes down every
// decision.
//
// An iteration lasts 1 ms whatever it holds, unless a test says otherwise, so step k of a busy
// replica starts at k ms.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/registry.h"
#include "tests/toy_world.h"

namespace headroom::toy {

using Ids = std::vector<std::uint32_t>;

/// What one decision of a batch policy left behind, before its batch runs.
struct Step {
  Instant when;
  std::int64_t tokens = 0;
  std::size_t preemptions = 0;
  std::int64_t free_blocks = 0;
  Ids scheduled, running, waiting, swapped;
  Ids decoding;  ///< running requests that miss exactly their last token
};

/// Passes every decision on and looks at the result. Only for pipelines of one stage.
class Watched final : public BatchPolicy {
 public:
  Watched(std::unique_ptr<BatchPolicy> inner, std::vector<Step>& steps)
      : inner_(std::move(inner)), steps_(steps) {}

  void next_batch(BatchPlan& plan) override {
    inner_->next_batch(plan);
    Step step;
    step.when = plan.now();
    step.tokens = plan.scheduled_tokens().value();
    step.preemptions = plan.preemptions();
    step.free_blocks = plan.free_blocks().value();
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      step.running.push_back(request.id().index());
      if (request.in_flight()) step.scheduled.push_back(request.id().index());
      if (request.decoding()) step.decoding.push_back(request.id().index());
    }
    for (std::size_t i = 0; i < plan.waiting_count(); ++i) {
      step.waiting.push_back(plan.waiting(i).id().index());
    }
    for (std::size_t i = 0; i < plan.swapped_count(); ++i) {
      step.swapped.push_back(plan.swapped(i).id().index());
    }
    steps_.push_back(std::move(step));
  }

  [[nodiscard]] ResultRelease result_release() const override { return inner_->result_release(); }
  [[nodiscard]] PrefixRules prefix_rules() const override { return inner_->prefix_rules(); }

 private:
  std::unique_ptr<BatchPolicy> inner_;
  std::vector<Step>& steps_;
};

using Texts = std::map<std::string, std::string>;

/// Parameters at their defaults but for `texts`, as a scenario would write them.
[[nodiscard]] inline Parameters parameters(const std::vector<ParameterSpec>& specs,
                                           const Texts& texts) {
  Parameters values = default_parameters(specs);
  for (const auto& [name, text] : texts) {
    for (const ParameterSpec& spec : specs) {
      if (spec.name == name) values.set(name, parse_parameter(spec, text, "test"));
    }
  }
  return values;
}

template <class Policy>
[[nodiscard]] std::unique_ptr<Policy> make_policy(const std::string& name,
                                                  const Texts& texts = {}) {
  const PolicyEntry<Policy>* entry = PolicyRegistry<Policy>::instance().find(name);
  SIM_CHECK(entry != nullptr, "a tested policy is registered");
  return entry->make(parameters(entry->parameters, texts));
}

/// A policy that goes round in circles ends its test here, with requests left over.
constexpr Instant kTestLimit{1'000'000'000'000};

/// Everything there is to know about one run.
struct Run {
  std::vector<Step> steps;  ///< decisions that scheduled something
  Recorder seen;
  Metrics metrics;

  [[nodiscard]] const FinishedRequest& finished(std::uint32_t id) const {
    for (const FinishedRequest& request : seen.finished) {
      if (request.id.index() == id) return request;
    }
    law_broken("the request a test asks for has finished", "finished", __FILE__, __LINE__);
  }
  [[nodiscard]] std::vector<std::int64_t> prefill_tokens() const {
    std::vector<std::int64_t> all;
    for (const IterationRun& run : seen.runs) {
      if (run.prefill_tokens > 0) all.push_back(run.prefill_tokens);
    }
    return all;
  }
};

struct World {
  ReplicaShape shape{};
  LineCostTerms cost{};
  PredictorSetup predictor{};
  RunCompression compression = RunCompression::off;
};

/// Runs `requests` (sorted by arrival) on one replica under the named batch policy, one decision an
/// iteration.
[[nodiscard]] inline Run watch(const std::string& policy, const Texts& texts,
                               std::vector<RequestSpec> requests, World world_shape = {}) {
  Run run;
  std::vector<Step> all;
  const LineCost cost(world_shape.cost);
  ListSource source(std::move(requests));
  SimulationSetup setup = world(source);
  setup.replicas.push_back(
      replica(std::make_unique<Watched>(make_policy<BatchPolicy>(policy, texts), all), cost,
              world_shape.shape));
  setup.sinks.push_back(&run.seen);
  setup.predictor = world_shape.predictor;
  setup.compression = world_shape.compression;
  setup.time_limit = kTestLimit;
  run.metrics = simulate(std::move(setup));
  for (Step& step : all) {
    if (!step.scheduled.empty() || step.preemptions > 0) run.steps.push_back(std::move(step));
  }
  return run;
}

/// `n` requests with exponential gaps (mean `gap`), prompts in [1, longest_prompt], outputs in [1,
/// longest_output].
[[nodiscard]] inline std::vector<RequestSpec> random_requests(std::uint64_t seed, std::size_t n,
                                                              Duration gap,
                                                              std::uint64_t longest_prompt,
                                                              std::uint64_t longest_output) {
  RandomStream random(seed, "test workload");
  std::vector<RequestSpec> requests;
  double at = 0;
  for (std::size_t i = 0; i < n; ++i) {
    at += random.exponential(seconds(gap));
    requests.push_back(request(duration_from_seconds(at),
                               static_cast<std::int64_t>(1 + random.below(longest_prompt)),
                               static_cast<std::int64_t>(1 + random.below(longest_output))));
  }
  return requests;
}

/// Half-milliseconds: an arrival at 5 of them falls between steps 2 and 3.
[[nodiscard]] constexpr Duration half_ms(std::int64_t n) { return Duration(500'000 * n); }

}  // namespace headroom::toy
