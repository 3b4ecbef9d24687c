#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

World pool(std::int64_t blocks) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.max_model_len = 4096;
  return world;
}

}  // namespace

TEST_CASE("sglang: a wave of prompts pauses every decode") {
  // Request 1 comes between steps 2 and 3; step 3 holds its prompt alone.
  const Run run = watch("sglang", {}, {request(half_ms(0), 32, 10), request(half_ms(5), 48, 5)});
  CHECK(run.steps[3].scheduled == Ids{1});
  CHECK(run.steps[3].tokens == 48);
  CHECK(run.steps[4].scheduled == Ids{0, 1});
}

TEST_CASE("sglang: prompts share a wave's tokens; the last one is cut and goes first next") {
  // Budget 100: 60 + 40 of 80; then the other 40 beside 30 more.
  const Run run = watch(
      "sglang", {{"max_num_batched_tokens", "100"}},
      {request(Duration(0), 60, 5), request(Duration(0), 80, 5), request(Duration(0), 30, 5)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{100, 70});
  CHECK(run.steps[1].scheduled == Ids{1, 2});
  CHECK(run.steps[2].scheduled == Ids{0, 1, 2});
}

TEST_CASE("sglang: with a receive interval new requests are seen every so many decode steps") {
  // A wave at step 0 is followed by a look at step 1; then looks at steps 11, 21, ... Arrivals at
  // 2.5 ms and 10.5 ms meet the look at 11 ms, the one at 11.5 ms that after its wave, at 12 ms.
  const Run run = watch("sglang", {{"recv_interval", "10"}},
                        {request(half_ms(0), 32, 60), request(half_ms(5), 20, 3),
                         request(half_ms(21), 20, 3), request(half_ms(23), 20, 3)});
  CHECK(run.finished(1).first_scheduled == Instant() + half_ms(22));
  CHECK(run.finished(2).first_scheduled == Instant() + half_ms(22));
  CHECK(run.finished(3).first_scheduled == Instant() + half_ms(24));
}

TEST_CASE("sglang: who is let in must find its whole answer beside 0.7 of the others' rest") {
  // 40 blocks of 16: 640 tokens. Request 0 (100 + 300) takes 7 blocks for its prompt: 528 tokens
  // stay free. Before any decode step request 1 (100 + 250) finds 528 - 0.7 * 300 (its first token
  // came with the prompt: 299) = 318.7 < 350 and waits until the other has left: asked again only
  // then.
  const Run run = watch("sglang", {{"max_num_batched_tokens", "100"}},
                        {request(Duration(0), 100, 300), request(Duration(0), 100, 250)}, pool(40));
  CHECK(run.finished(1).first_scheduled == run.finished(0).finish);
  // Less conservative: 528 - 0.5 * 0.7 * 299 = 423 >= 350.
  const Run bold =
      watch("sglang", {{"max_num_batched_tokens", "100"}, {"conservativeness", "0.5"}},
            {request(Duration(0), 100, 300), request(Duration(0), 100, 250)}, pool(40));
  CHECK(bold.finished(1).first_scheduled == Instant() + half_ms(2));
}

TEST_CASE("sglang: a lost bet sends whoever has the fewest tokens back") {
  // Predicted 20 tokens each, they make 200: 4 x (64 + 200) = 1,056 tokens against 60 blocks of 16.
  World world = pool(60);
  world.predictor = {PredictorSetup::Kind::mean, Tokens(20), 0};
  std::vector<RequestSpec> four(4, request(Duration(0), 64, 200));
  four[3] = request(half_ms(21), 64, 200);
  const Run run = watch("sglang", {}, four, world);
  CHECK(run.metrics.finished == 4);
  CHECK(run.finished(3).preemptions >= 1);
  CHECK(run.finished(0).preemptions == 0);
}

TEST_CASE(
    "sglang: what earlier prompts left in the radix cache is neither computed nor asked for") {
  const std::vector<std::uint64_t> hashes{1, 2, 3, 4};
  std::vector<RequestSpec> two{request(half_ms(0), 70, 3), request(half_ms(11), 90, 3)};
  for (RequestSpec& spec : two) {
    spec.prefix_blocks = hashes;
    spec.prefix_block_tokens = Tokens(16);
  }
  CHECK(watch("sglang", {}, two).prefill_tokens() == std::vector<std::int64_t>{70, 26});
  CHECK(watch("sglang", {{"radix_cache", "false"}}, two).prefill_tokens() ==
        std::vector<std::int64_t>{70, 90});
  // 8 blocks: request 0 decodes in 5 of them; the prompt of request 1 asks for 6 whole, 2 beside
  // what it shares.
  two[0].output = Tokens(40);
  two[1].arrival = Instant() + half_ms(5);
  CHECK(watch("sglang", {}, two, pool(9)).steps[3].scheduled == Ids{1});
  CHECK(watch("sglang", {{"radix_cache", "false"}}, two, pool(9)).steps[3].scheduled == Ids{0});
}
