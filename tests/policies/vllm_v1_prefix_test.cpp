// vLLM v1 with prefix caching: what a prompt finds, what it holds, and that it changes nothing
// else.
#include <deque>
#include <set>

#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

using Hashes = std::vector<std::uint64_t>;

/// Requests with hashes of 16 tokens each, which live as long as this.
struct Hashed {
  std::deque<Hashes> hashes;
  std::vector<RequestSpec> requests;

  Hashed& add(Duration arrival, std::int64_t prompt, std::int64_t output, Hashes blocks) {
    hashes.push_back(std::move(blocks));
    RequestSpec spec = request(arrival, prompt, output);
    spec.prefix_blocks = hashes.back();
    spec.prefix_block_tokens = Tokens(16);
    requests.push_back(spec);
    return *this;
  }
};

World pool(std::int64_t blocks) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.max_model_len = 4096;
  return world;
}

/// Paths in a tree that forks at every second block, with an end of their own.
Hashed forest(std::uint64_t seed, std::size_t count, Duration gap) {
  RandomStream random(seed, "forest");
  Hashed all;
  Duration at(0);
  for (std::size_t i = 0; i < count; ++i) {
    at += gap;
    Hashes blocks;
    std::uint64_t hash = 1 + random.below(3);
    const std::uint64_t depth = random.below(9);
    while (blocks.size() < depth) {
      blocks.push_back(hash);
      hash = 100 * hash + (blocks.size() % 2 == 0 ? random.below(2) : 7);
    }
    const auto prompt = static_cast<std::int64_t>(16 * depth + 1 + random.below(60));
    all.add(at, prompt, 1 + static_cast<std::int64_t>(random.below(30)), std::move(blocks));
  }
  return all;
}

}  // namespace

TEST_CASE("vllm-v1: a prompt whose beginning is on the device computes the rest only") {
  Hashed two;
  two.add(half_ms(0), 70, 3, {1, 2, 3, 4}).add(half_ms(9), 100, 3, {1, 2, 3, 4, 5, 6});
  const Run run = watch("vllm-v1", {{"lookahead_blocks", "0"}}, two.requests, pool(100));
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{70, 36});
  const PrefixTotals& totals = run.metrics.replicas[0].prefixes;
  CHECK(totals.asked == Tokens(170));
  CHECK(totals.hit == Tokens(64));
  CHECK(run.metrics.hashed == 2);
  // Without caching both are computed whole.
  const Run plain = watch("vllm-v1", {{"prefix_caching", "false"}}, two.requests, pool(100));
  CHECK(plain.prefill_tokens() == std::vector<std::int64_t>{70, 100});
}

TEST_CASE("vllm-v1: requests of one step share blocks: the second holds what the first computes") {
  // 4 + 1 blocks, then 1 + 1 of its own for a prompt of 80 whose first 64 tokens are the same.
  Hashed two;
  two.add(half_ms(0), 70, 2, {1, 2, 3, 4}).add(half_ms(0), 96, 2, {1, 2, 3, 4, 5, 6});
  const Run run = watch("vllm-v1", {{"lookahead_blocks", "0"}}, two.requests, pool(100));
  CHECK(run.steps[0].scheduled == Ids{0, 1});
  CHECK(run.steps[0].tokens == 70 + 32);
  CHECK(run.steps[0].free_blocks == 100 - 5 - 2);
}

TEST_CASE("vllm-v1: a prompt all of which is on the device computes its last block again") {
  Hashed two;
  two.add(half_ms(0), 64, 2, {1, 2, 3, 4}).add(half_ms(9), 64, 2, {1, 2, 3, 4});
  const Run run = watch("vllm-v1", {}, two.requests, pool(100));
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{64, 16});
}

TEST_CASE("vllm-v1: whoever cannot enter holds nothing of what it found") {
  // 8 blocks, of which request 0 holds 5 from its first decode on. Request 1 finds 2 of them, but
  // the other 6 of its prompt of 120 are not free.
  Hashed two;
  two.add(half_ms(0), 64, 10, {1, 2, 3, 4}).add(half_ms(3), 120, 2, {1, 2});
  const Run run = watch("vllm-v1", {{"lookahead_blocks", "0"}}, two.requests, pool(8));
  for (std::size_t k = 2; k < 10; ++k) CHECK(run.steps[k].free_blocks == 3);
  CHECK(run.finished(1).preemptions == 0);
  CHECK(run.metrics.replicas[0].prefixes.hit == Tokens(32));
}

TEST_CASE("vllm-v1: who was preempted finds its own prompt again, as far as it was not evicted") {
  // Request 1 gives way in step 17 (see vllm_v1_test.cpp): its 4 prompt blocks count as free and go
  // from the end as request 0 grows by one every 16 steps, until it is done after step 29.
  Hashed two;
  two.add(half_ms(0), 64, 30, {1, 2, 3, 4}).add(half_ms(0), 64, 30, {5, 6, 7, 8});
  const Run run = watch("vllm-v1", {{"lookahead_blocks", "0"}}, two.requests, pool(10));
  REQUIRE(run.finished(1).preemptions == 1);
  // It holds 5 blocks: one of generated tokens is free without content, and request 0 takes it.
  CHECK(run.metrics.replicas[0].prefixes.evicted == Blocks(0));
  // 64 + 17 tokens, 64 of them found.
  CHECK(run.metrics.replicas[0].prefill_tokens == 64 + 64 + 17);
}

TEST_CASE("vllm-v1: with room for everything, hits are those of a cache without bounds") {
  // Requests a second apart: each finds the leading blocks that any earlier one had.
  const Hashed all = forest(11, 300, kSecond);
  std::set<std::uint64_t> seen;
  std::int64_t ideal = 0;
  for (const RequestSpec& spec : all.requests) {
    for (const std::uint64_t hash : spec.prefix_blocks) {
      if (seen.count(hash) == 0) break;
      ideal += 16;
    }
    seen.insert(spec.prefix_blocks.begin(), spec.prefix_blocks.end());
  }
  const Run run = watch("vllm-v1", {}, all.requests, pool(100'000));
  CHECK(ideal > 300 * 16);
  CHECK(run.metrics.replicas[0].prefixes.hit == Tokens(ideal));
  CHECK(run.metrics.replicas[0].prefixes.evicted == Blocks(0));
}

TEST_CASE("vllm-v1: less room finds less, never more, and evicts") {
  const Hashed all = forest(12, 400, kMillisecond * 20);
  std::int64_t before = -1;
  for (const std::int64_t blocks : {40, 80, 4000}) {
    const Run run = watch("vllm-v1", {}, all.requests, pool(blocks));
    const PrefixTotals& totals = run.metrics.replicas[0].prefixes;
    CHECK(totals.hit.value() > before);
    CHECK((totals.evicted > Blocks(0)) == (blocks < 4000));
    before = totals.hit.value();
  }
}

TEST_CASE("vllm-v1: a cache of no size is no cache: every decision and figure is the same") {
  const Hashed all = forest(13, 400, kMillisecond * 3);
  const Run none = watch("vllm-v1", {{"prefix_caching", "false"}}, all.requests, pool(60));
  const Run empty = watch("vllm-v1", {{"prefix_cache_share", "0"}}, all.requests, pool(60));
  CHECK(none.metrics.decision_digest == empty.metrics.decision_digest);
  CHECK(none.metrics.end == empty.metrics.end);
  CHECK(none.metrics.replicas[0].prefill_tokens == empty.metrics.replicas[0].prefill_tokens);
  CHECK(none.metrics.replicas[0].peak_blocks == empty.metrics.replicas[0].peak_blocks);
  CHECK(none.metrics.ledger.fixed_ns == empty.metrics.ledger.fixed_ns);
  CHECK(empty.metrics.replicas[0].prefixes.hit == Tokens(0));
  const Run full = watch("vllm-v1", {}, all.requests, pool(60));
  CHECK(full.metrics.decision_digest != none.metrics.decision_digest);
}

TEST_CASE("vllm-v1: with room below for everything, hits are those of a cache without bounds") {
  const Hashed all = forest(11, 300, kSecond);
  const auto watched = [&](TierBlocks below) {
    World world = pool(20);
    world.shape.kept_below = below;
    return watch("vllm-v1", {}, all.requests, world);
  };
  const Run ideal = watch("vllm-v1", {}, all.requests, pool(100'000));
  const Run none = watched({});
  const Run host = watched({Blocks(100'000), Blocks(0)});
  const Run disk = watched({Blocks(0), Blocks(100'000)});
  const auto totals = [](const Run& run) { return run.metrics.replicas[0].prefixes; };
  CHECK(totals(none).hit < totals(ideal).hit);
  CHECK(totals(host).hit == totals(ideal).hit);
  CHECK(totals(disk).hit == totals(ideal).hit);
  CHECK(totals(host).loaded.host > Blocks(0));
  CHECK(totals(host).loaded.disk == Blocks(0));
  CHECK(totals(disk).loaded.disk == totals(host).loaded.host);
  // Each request is alone: from disk its first token is late by what the disk takes, exactly.
  const auto first_tokens = [](const Run& run) {
    std::int64_t sum = 0;
    for (std::uint32_t id = 0; id < 300; ++id) sum += run.finished(id).ttft().value();
    return sum;
  };
  const std::int64_t block_ns = 16 * 1024;  // at 1 GB/s
  CHECK(first_tokens(disk) - first_tokens(host) == totals(disk).loaded.disk.value() * block_ns);
}
