// BatchLLM: prefixes computed once a group, kept as long as the group lasts, read once a tile.
#include <deque>

#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// Requests with prefixes named by number, 16 tokens a hash; all at time 0 unless said otherwise.
struct Batch {
  std::deque<std::vector<std::uint64_t>> hashes;
  std::vector<RequestSpec> requests;

  Batch& add(std::uint64_t prefix, std::int64_t shared, std::int64_t own, std::int64_t output,
             Duration arrival = Duration(0)) {
    hashes.emplace_back();
    for (std::int64_t b = 0; b < shared / 16; ++b)
      hashes.back().push_back(1'000'000 * prefix + static_cast<std::uint64_t>(b));
    RequestSpec spec = request(arrival, shared + own, output);
    spec.prefix_blocks = hashes.back();
    spec.prefix_block_tokens = Tokens(16);
    requests.push_back(spec);
    return *this;
  }
};

World pool(std::int64_t blocks, std::int64_t block_tokens = 16) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.block_tokens = block_tokens;
  world.shape.max_model_len = 4096;
  world.compression = RunCompression::on;
  return world;
}

Metrics serve(const std::string& policy, const Texts& texts, const Batch& batch,
              const World& shape) {
  const LineCost cost(shape.cost);
  ListSource source(batch.requests);
  SimulationSetup setup = world(source);
  setup.replicas.push_back(replica(make_policy<BatchPolicy>(policy, texts), cost, shape.shape));
  setup.time_limit = Instant(100'000'000'000'000);
  return simulate(std::move(setup));
}

/// `groups` prefixes of `shared` tokens with `degree` prompts each, shuffled.
Batch shuffled(std::uint64_t groups, std::uint64_t degree, std::int64_t shared, std::int64_t own,
               std::int64_t output) {
  std::vector<std::uint64_t> order;
  for (std::uint64_t i = 0; i < groups * degree; ++i) order.push_back(i / degree);
  RandomStream random(42, "shuffle");
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  Batch batch;
  for (const std::uint64_t group : order) batch.add(group + 1, shared, own, output);
  return batch;
}

}  // namespace

TEST_CASE("batchllm: the released setting computes 14.8 % of its prompt tokens") {
  // 400 prefixes of 2,000 tokens, 16 prompts each with 200 of their own: 400 * 2000 + 6400 * 200 of
  // 6400 * 2200. With blocks of 64 a prefix is 1,984 tokens and each prompt keeps 216.
  const Batch batch = shuffled(400, 16, 2000, 200, 100);
  const Texts released{{"faithful", "true"}};
  const Metrics fine = serve("batchllm", released, batch, pool(60'000));
  CHECK(fine.finished == 6400);
  CHECK(fine.replicas[0].prefill_tokens == 2'080'000);
  CHECK(fine.replicas[0].prefixes.hit == Tokens(14'080'000 - 2'080'000));
  const Metrics aligned = serve("batchllm", released, batch, pool(15'000, 64));
  CHECK(aligned.replicas[0].prefill_tokens == 2'176'000);
  // As a planner would run it: the same groups.
  CHECK(serve("batchllm", {}, batch, pool(60'000)).replicas[0].prefill_tokens == 2'080'000);
}

TEST_CASE("batchllm: the rest of a group waits until its first request has computed the prefix") {
  // Prefix 64, budget 48: 48, then 16 + 16 of the leader's own + 16 ... of nobody else; the group's
  // others enter in the step after.
  Batch batch;
  batch.add(1, 64, 16, 3).add(2, 64, 16, 3).add(1, 64, 16, 3).add(1, 64, 16, 3);
  const Run run = watch("batchllm", {{"faithful", "true"}, {"max_num_batched_tokens", "48"}},
                        batch.requests, pool(1000));
  CHECK(run.steps[0].scheduled == Ids{0});
  CHECK(run.steps[0].waiting == Ids{2, 3, 1});  // a group together, in order of arrival
  // 32 tokens complete the leader; the next group's leader takes the rest of the budget.
  CHECK(run.steps[1].scheduled == Ids{0, 1});
  // One decode; then the two others of the first group have 16 each left, before group 2 goes on
  // with what it began: prompts under way come first.
  CHECK(run.steps[2].tokens == 48);
  CHECK(run.metrics.replicas[0].prefill_tokens == 2 * 64 + 4 * 16);
}

TEST_CASE("batchllm: a prefix lives as long as its group, where an LRU cache loses it") {
  // 12 prefixes of 320 tokens, 10 prompts each, in a pool of 60 blocks: two prefixes at a time fit
  // beside a few prompts. Grouped, each is computed once; in order of arrival the cache thrashes.
  const Batch batch = shuffled(12, 10, 320, 16, 20);
  const std::int64_t ideal = 12 * 320 + 120 * 16;
  const Metrics grouped = serve("batchllm", {}, batch, pool(60));
  CHECK(grouped.finished == 120);
  CHECK(grouped.replicas[0].preemptions_recompute == 0);
  CHECK(grouped.replicas[0].prefill_tokens == ideal);
  const Metrics lru = serve("vllm-v1", {{"lookahead_blocks", "0"}}, batch, pool(60));
  CHECK(lru.replicas[0].prefill_tokens > 2 * ideal);
  CHECK(lru.replicas[0].prefill_tokens < 120 * 336);
  // As released nothing asks for KV beforehand: some start again, the prefixes stay.
  const Metrics released = serve("batchllm", {{"faithful", "true"}}, batch, pool(60));
  CHECK(released.replicas[0].preemptions_recompute > 0);
  CHECK(released.replicas[0].prefill_tokens < 2 * ideal);
}

TEST_CASE("batchllm: memory-centric batching admits what KV will hold, and preempts nobody") {
  const Batch batch = shuffled(40, 16, 160, 40, 60);
  const Metrics metrics = serve("batchllm", {}, batch, pool(1000));
  CHECK(metrics.finished == 640);
  CHECK(metrics.replicas[0].preemptions_recompute == 0);
  CHECK(metrics.replicas[0].peak_blocks.as_double() > 0.9 * 1000);
  const Metrics half = serve("batchllm", {{"kv_threshold", "0.5"}}, batch, pool(1000));
  CHECK(half.replicas[0].peak_blocks <= Blocks(500));
}

TEST_CASE("batchllm: as released, requests are capped, and nothing asks for KV beforehand") {
  const Batch batch = shuffled(40, 16, 160, 40, 60);
  const Texts texts{{"faithful", "true"}, {"max_num_seqs", "20"}, {"token_batching_degree", "7"}};
  const Run run = watch("batchllm", texts, batch.requests, pool(4000));
  std::size_t most = 0;
  for (const Step& step : run.steps) most = std::max(most, step.running.size());
  CHECK(most == 27);
  // Two prompts fit, their answers do not: one starts again.
  Batch two;
  two.add(1, 64, 16, 60).add(2, 64, 16, 60);
  CHECK(
      serve("batchllm", {{"faithful", "true"}}, two, pool(12)).replicas[0].preemptions_recompute ==
      1);
  CHECK(serve("batchllm", {}, two, pool(12)).replicas[0].preemptions_recompute == 0);
}

TEST_CASE("batchllm: long answers to short prompts go first, unless as released") {
  // R: 2 * 5 / (320 + 2 * 16) = 0.03; 2 * 100 / (32 + 2 * 16) = 3.1.
  Batch batch;
  batch.add(1, 320, 16, 5).add(1, 320, 16, 5).add(2, 32, 16, 100).add(2, 32, 16, 100);
  const Texts narrow{{"max_num_batched_tokens", "32"}};
  CHECK(watch("batchllm", narrow, batch.requests, pool(1000)).steps[0].scheduled == Ids{2});
  Texts released = narrow;
  released["faithful"] = "true";
  CHECK(watch("batchllm", released, batch.requests, pool(1000)).steps[0].scheduled == Ids{0});
}

TEST_CASE("batchllm: decodes of a group read its prefix once for every tile of them") {
  // 1 us a token of context. Three decodes of one group with 64 tokens before 16 of their own: at
  // their first decode each has 81 of context; together 3 * 81 - 2 * 64 with a tile of 64, 3 * 81 -
  // 64 with a tile of 2.
  Batch batch;
  batch.add(1, 64, 16, 3).add(1, 64, 16, 3).add(1, 64, 16, 3);
  World world = pool(1000);
  world.cost.per_context_fixed = 1000 * kFixedOne;
  const auto first_decode_of_all = [&](const char* tile) {
    const Run run = watch("batchllm", {{"tile", tile}}, batch.requests, world);
    for (const IterationRun& one : run.seen.runs) {
      if (one.decodes == 3) return (one.end - one.start).value() - 1'000'000;
    }
    return std::int64_t{0};
  };
  // The leader is one token ahead: 82 + 81 + 81.
  CHECK(first_decode_of_all("64") == 1000 * (82 + 81 + 81 - 2 * 64));
  CHECK(first_decode_of_all("2") == 1000 * (82 + 81 + 81 - 64));
  CHECK(first_decode_of_all("0") == 1000 * (82 + 81 + 81));
}

TEST_CASE("batchllm: without sharing, grouping changes nothing") {
  const Batch batch = shuffled(300, 1, 320, 40, 30);
  for (const char* faithful : {"true", "false"}) {
    const Texts with{{"faithful", faithful}};
    const Texts without{{"faithful", faithful}, {"grouping", "off"}};
    const Metrics grouped = serve("batchllm", with, batch, pool(500));
    const Metrics plain = serve("batchllm", without, batch, pool(500));
    CHECK(grouped.decision_digest == plain.decision_digest);
    CHECK(grouped.end == plain.end);
  }
}

TEST_CASE("batchllm: a later batch forms its own groups when the earlier one has entered") {
  Batch batch;
  batch.add(1, 64, 16, 10).add(1, 64, 16, 10);
  batch.add(2, 64, 16, 3, half_ms(5)).add(3, 64, 16, 3, half_ms(5)).add(2, 64, 16, 3, half_ms(5));
  const Run run = watch("batchllm", {{"faithful", "true"}}, batch.requests, pool(1000));
  CHECK(run.metrics.finished == 5);
  CHECK(run.metrics.replicas[0].prefill_tokens == 3 * 64 + 5 * 16);
}

TEST_CASE("batchllm: a replica that those who wait have filled goes on without their prefixes") {
  // 8 blocks; a prefix of 4 and 4 of its own at the end make a request of the first group as large
  // as the replica, while the rest of its group waits with the prefix held.
  Batch batch;
  batch.add(1, 64, 16, 48).add(1, 64, 16, 48).add(2, 64, 8, 40).add(2, 64, 8, 40);
  for (const char* faithful : {"true", "false"}) {
    const Metrics metrics = serve("batchllm", {{"faithful", faithful}}, batch, pool(8));
    CHECK(metrics.finished == 4);
  }
}
