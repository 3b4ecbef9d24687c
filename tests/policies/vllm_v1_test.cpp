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

TEST_CASE("vllm-v1: no step computes more tokens than the budget") {
  const Run run = watch("vllm-v1", {{"max_num_batched_tokens", "64"}, {"max_num_seqs", "20"}},
                        random_requests(3, 300, kMillisecond, 300, 40), pool(200));
  std::int64_t most = 0;
  for (const Step& step : run.steps) {
    most = std::max(most, step.tokens);
    CHECK(step.running.size() <= 20);
  }
  CHECK(most == 64);
  CHECK(run.metrics.finished == 300);
}

TEST_CASE("vllm-v1: decodes admitted earlier take their token before a prompt takes the rest") {
  // Budget 100: prompt of 250 beside one decode: 99, 99, 52.
  const Run run = watch("vllm-v1", {{"max_num_batched_tokens", "100"}},
                        {request(half_ms(0), 32, 30), request(half_ms(5), 250, 3)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{32, 99, 99, 52});
}

TEST_CASE("vllm-v1: a long prompt under way goes before whoever was admitted later") {
  // Budget 100: 100, 100, then 50 of request 0 and, in the same step, all 20 of request 1.
  const Run run = watch("vllm-v1", {{"max_num_batched_tokens", "100"}},
                        {request(Duration(0), 250, 3), request(Duration(0), 20, 3)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{100, 100, 70});
  CHECK(run.steps[1].scheduled == Ids{0});
  CHECK(run.steps[2].scheduled == Ids{0, 1});
}

TEST_CASE("vllm-v1: a threshold on one prompt's chunk lets the next share the step") {
  const Run run =
      watch("vllm-v1", {{"max_num_batched_tokens", "100"}, {"long_prefill_token_threshold", "40"}},
            {request(Duration(0), 100, 2), request(Duration(0), 60, 2)});
  // 40 + 40; 40 + 20; 20 and one decode.
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{80, 60, 20});
  CHECK(run.steps[2].tokens == 21);
}

TEST_CASE("vllm-v1: memory is charged per chunk") {
  // Chunks of 32 tokens are 2 blocks; a prompt of 160 fills 10.
  const Run run = watch("vllm-v1", {{"max_num_batched_tokens", "32"}, {"lookahead_blocks", "0"}},
                        {request(Duration(0), 160, 2)}, pool(100));
  for (std::size_t k = 0; k < 5; ++k) {
    CHECK(run.steps[k].free_blocks == 100 - 2 * (static_cast<std::int64_t>(k) + 1));
  }
}

TEST_CASE("vllm-v1 of 0.8.5: when a block is needed four more are taken, as far as they are free") {
  // Chunk 1 needs 2 blocks and takes 6 (96 tokens): chunks 2 and 3 need none, chunk 4 (128 tokens)
  // takes 2 + 4.
  const Texts texts{{"max_num_batched_tokens", "32"}, {"lookahead_blocks", "4"}};
  const Run run = watch("vllm-v1", texts, {request(Duration(0), 160, 2)}, pool(100));
  CHECK(run.steps[0].free_blocks == 94);
  CHECK(run.steps[2].free_blocks == 94);
  CHECK(run.steps[3].free_blocks == 88);
  const Run tight = watch("vllm-v1", texts, {request(Duration(0), 160, 2)}, pool(11));
  CHECK(tight.steps[0].free_blocks == 5);
  CHECK(tight.steps[3].free_blocks == 0);  // 2 needed, 3 of the 4 extra were free
  World short_model = pool(100);
  short_model.shape.max_model_len = 64;  // 4 blocks a request at most
  const Run capped = watch("vllm-v1", texts, {request(Duration(0), 40, 2)}, short_model);
  CHECK(capped.steps[0].free_blocks == 96);
}

TEST_CASE("vllm-v1: the last running request gives way, loses all it computed, and nobody enters") {
  // 10 blocks, two prompts of 64: 4 blocks each, a fifth from the first decode on (80 tokens). Step
  // 0 computes the prompts, steps 1 to 16 fill 80 tokens. Step 17: request 0 needs a sixth block,
  // request 1 gives up five.
  const std::vector<RequestSpec> three{request(half_ms(0), 64, 30), request(half_ms(0), 64, 30),
                                       request(half_ms(1), 16, 2)};
  const Run run = watch("vllm-v1", {{"prefix_caching", "false"}}, three, pool(10));
  const Step& preempting = run.steps[17];
  CHECK(run.steps[16].scheduled == Ids{0, 1});
  CHECK(preempting.preemptions == 1);
  CHECK(preempting.scheduled == Ids{0});
  CHECK(preempting.free_blocks == 4);
  // Request 2 would fit (1 block) but a step that preempted admits nobody; later it stays behind
  // the head.
  CHECK(preempting.waiting == Ids{1, 2});
  CHECK(run.steps[18].waiting == Ids{1, 2});
  // Request 1 starts again when request 0 is done: 64 + 17 tokens.
  CHECK(run.finished(1).preemptions == 1);
  CHECK(run.metrics.replicas[0].prefill_tokens == 64 + 64 + 16 + (64 + 17));
  // Where prompts stay on the device it finds its own again: request 0 took one block that held
  // generated tokens, and none of the prompt.
  const Run kept = watch("vllm-v1", {}, three, pool(10));
  CHECK(kept.finished(1).preemptions == 1);
  CHECK(kept.metrics.replicas[0].prefill_tokens == 64 + 64 + 16 + 17);
}

TEST_CASE("vllm-v1: a request that outgrows the whole pool is dropped, and the next runs") {
  // 4 blocks hold 64 tokens; 60 + 10 outgrow them.
  const Run run =
      watch("vllm-v1", {}, {request(Duration(0), 60, 10), request(Duration(0), 10, 2)}, pool(4));
  REQUIRE(run.seen.rejected.size() == 1);
  CHECK(run.seen.rejected[0].reason == RejectReason::never_fits);
  CHECK(run.metrics.finished == 1);
}

TEST_CASE("overlapped scheduling: who arrives during step k is computed in step k + 2") {
  // Request 1 arrives at 2.5 ms, during step 2. In step: it starts at 3 ms; overlapped: at 4 ms.
  const std::vector<RequestSpec> two{request(half_ms(0), 32, 10), request(half_ms(5), 48, 3)};
  World world = pool(100);
  CHECK(watch("vllm-v1", {}, two, world).finished(1).first_scheduled == Instant() + half_ms(6));
  world.shape.scheduling = Scheduling::overlapped;
  CHECK(watch("vllm-v1", {}, two, world).finished(1).first_scheduled == Instant() + half_ms(8));
  // An idle replica begins at once, and so does one that has just run dry.
  const std::vector<RequestSpec> apart{request(half_ms(0), 32, 2), request(half_ms(3), 48, 3),
                                       request(half_ms(31), 48, 3)};
  const Run run = watch("vllm-v1", {}, apart, world);
  CHECK(run.finished(1).first_scheduled == Instant() + half_ms(4));
  CHECK(run.finished(2).first_scheduled == Instant() + half_ms(31));
}
