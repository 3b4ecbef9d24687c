#include <algorithm>

#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// Counts rows computed without use.
class PaddedRows final : public CostModel {
 public:
  [[nodiscard]] IterationPrice price(const BatchShape& /*shape*/) const override {
    return {kMillisecond, Duration(0)};
  }
  [[nodiscard]] DecodeLine decode_line(std::int64_t /*decodes*/, std::int64_t /*padded*/,
                                       std::int64_t /*context*/) const override {
    return {kMillisecond.value() * kFixedOne, 0, std::int64_t{1} << 40};
  }
  void charge(const BatchShape& shape, CostLedger& /*ledger*/) const override {
    padded_ += shape.padded_decodes;
  }
  void charge_decodes(std::int64_t /*decodes*/, std::int64_t padded, std::int64_t /*context*/,
                      std::int64_t iterations, std::int64_t /*context_sum*/,
                      CostLedger& /*ledger*/) const override {
    padded_ += padded * iterations;
  }
  [[nodiscard]] std::int64_t padded() const { return padded_; }

 private:
  mutable std::int64_t padded_ = 0;
};

}  // namespace

TEST_CASE("an iteration computes exactly its tokens while prompts last") {
  const Run run = watch(
      "dense-batch", {{"max_num_batched_tokens", "100"}},
      {request(Duration(0), 130, 5), request(Duration(0), 250, 3), request(Duration(0), 60, 4)});
  // 130 = 100 + 30 and 70 of the second; then 1 decode and 99; 1 decode and 81 and 18 of the third;
  // then what is left: 42 of the third and decodes of the others.
  REQUIRE(run.steps.size() >= 4);
  CHECK(run.steps[0].tokens == 100);
  CHECK(run.steps[1].tokens == 100);
  CHECK(run.steps[2].tokens == 100);
  CHECK(run.steps[3].tokens == 100);
  CHECK(run.steps[4].tokens < 100);
}

TEST_CASE("every running request decodes in every iteration") {
  const Run run = watch("dense-batch", {{"max_num_batched_tokens", "64"}},
                        {request(Duration(0), 20, 30), request(Duration(0), 500, 2),
                         request(kMillisecond * 3, 400, 2)});
  for (const FinishedRequest& request : run.seen.finished)
    if (request.output == Tokens(30)) CHECK(request.tpot() == kMillisecond);
}

TEST_CASE("with exact lengths nothing is admitted that would not fit, and nothing gives way") {
  // 40 blocks of 16: 640 tokens. Each request ends at 96 + 64 = 160 tokens, ten blocks: four fit
  // in any case; a fifth only because others are not at their ends yet, never to the point of
  // running out.
  World world;
  world.shape.kv_blocks = 40;
  std::vector<RequestSpec> requests;
  requests.reserve(30);
  for (int i = 0; i < 30; ++i) requests.push_back(request(kMillisecond * (9 * i), 96, 64));
  const Run run = watch("dense-batch", {{"max_num_batched_tokens", "64"}}, requests, world);
  CHECK(run.seen.finished.size() == 30);
  std::size_t most = 0;
  for (const Step& step : run.steps) {
    CHECK(step.preemptions == 0);
    CHECK(step.swapped.empty());
    most = std::max(most, step.running.size());
  }
  CHECK(most >= 4);
}

TEST_CASE(
    "where answers are longer than believed, requests move to the host and compute nothing twice") {
  World world;
  world.shape.kv_blocks = 40;
  world.shape.host_blocks = 100;
  std::vector<RequestSpec> requests(8, request(Duration(0), 64, 200));
  const Run run = watch("dense-batch", {{"max_num_batched_tokens", "256"}, {"mean_output", "8"}},
                        requests, world);
  CHECK(run.seen.finished.size() == 8);
  CHECK(run.metrics.replicas[0].preemptions_swap > 0);
  CHECK(run.metrics.replicas[0].preemptions_recompute == 0);
  CHECK(run.metrics.replicas[0].prefill_tokens == 8 * 64);
}

TEST_CASE("formed an iteration ahead, batches waste exactly one token a request") {
  // A last request keeps the replica busy, so that each of the others' wasted tokens is computed;
  // its own falls into an iteration that nobody needs.
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 20; ++i) requests.push_back(request(kMillisecond * i, 10 + i, 5 + i % 7));
  requests.push_back(request(Duration(0), 10, 400));
  std::sort(requests.begin(), requests.end(),
            [](const RequestSpec& a, const RequestSpec& b) { return a.arrival < b.arrival; });
  for (const auto& [async, wasted] : {std::pair{"true", 20}, std::pair{"false", 0}}) {
    const PaddedRows cost;
    ListSource source(requests);
    SimulationSetup setup = toy::world(source);
    const auto* entry = PolicyRegistry<BatchPolicy>::instance().find("dense-batch");
    setup.replicas.push_back(
        replica(entry->make(parameters(entry->parameters, {{"async", async}})), cost));
    CHECK(simulate(std::move(setup)).finished == 21);
    CHECK(cost.padded() == wasted);
  }
}
