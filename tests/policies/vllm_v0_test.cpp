#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

World blocks_of_16(std::int64_t blocks, std::int64_t host_blocks = 0) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.host_blocks = host_blocks;
  world.shape.max_model_len = 4096;
  return world;
}

// Two prompts of 4 blocks in a pool of 10 and a third that waits. Watermark int(0.01 * 10) = 0.
// Step 0: prompts 0 and 1 (8 blocks). Step 1: both decode and take a block each, none is left.
// Step 2: request 0 finds no free block (its last one has room, v0 asks all the same).
std::vector<RequestSpec> short_of_blocks() {
  return {request(Duration(0), 64, 40), request(Duration(0), 64, 30), request(Duration(0), 64, 5)};
}

}  // namespace

TEST_CASE("vllm-v0: a waiting prompt runs in a step of its own while the decodes wait") {
  // Step k starts at k ms. Request 0 decodes from step 1; request 1 comes at 2.5 ms.
  const Run run = watch("vllm-v0", {}, {request(half_ms(0), 32, 10), request(half_ms(5), 48, 3)});
  REQUIRE(run.steps.size() >= 5);
  CHECK(run.steps[2].scheduled == Ids{0});
  CHECK(run.steps[3].scheduled == Ids{1});
  CHECK(run.steps[3].running == Ids{0, 1});
  CHECK(run.steps[3].tokens == 48);
  CHECK(run.steps[4].scheduled == Ids{0, 1});
  CHECK(run.steps[4].tokens == 2);
}

TEST_CASE("vllm-v0: an admission leaves the watermark free") {
  // 100 blocks, watermark 1: 99 blocks (1,584 tokens) enter when 100 are free, and not while anyone
  // holds one.
  const Run alone = watch("vllm-v0", {}, {request(Duration(0), 1584, 1)}, blocks_of_16(100));
  CHECK(alone.steps[0].free_blocks == 1);
  const Run behind = watch("vllm-v0", {}, {request(half_ms(0), 8, 5), request(half_ms(1), 1584, 1)},
                           blocks_of_16(100));
  // Request 0 runs in steps 0 to 4 and holds 1 block; 99 - 99 < 1 all that time.
  CHECK(behind.finished(1).first_scheduled == Instant(5 * kMillisecond.value()));
}

TEST_CASE("vllm-v0: a prompt that could never leave the watermark free is dropped at once") {
  const Run run = watch("vllm-v0", {}, {request(Duration(0), 1585, 1), request(Duration(0), 8, 1)},
                        blocks_of_16(100));
  REQUIRE(run.seen.rejected.size() == 1);
  CHECK(run.seen.rejected[0].reason == RejectReason::never_fits);
  CHECK(run.finished(1).first_scheduled == Instant(0));
}

TEST_CASE(
    "vllm-v0: without a free block the latest arrival gives way and recomputes prompt + output") {
  const Run run = watch("vllm-v0", {}, short_of_blocks(), blocks_of_16(10));
  REQUIRE(run.steps.size() > 3);
  CHECK(run.steps[1].free_blocks == 0);
  CHECK(run.steps[1].preemptions == 0);
  CHECK(run.steps[2].preemptions == 1);
  CHECK(run.steps[2].scheduled == Ids{0});
  CHECK(run.steps[2].waiting == Ids{1, 2});  // back to the front, before request 2
  // Step 3: request 1 has produced 2 tokens; 64 + 2 are computed again.
  CHECK(run.steps[3].scheduled == Ids{1});
  CHECK(run.steps[3].tokens == 66);
  CHECK(run.metrics.finished == 3);
}

TEST_CASE("vllm-v0: a victim that comes back takes its place in order of arrival") {
  // Victims are swapped out last arrival first and come back in that order, which is not the
  // order of arrival; the next step puts it right.
  const Run run = watch("vllm-v0", {{"preemption", "swap"}},
                        random_requests(7, 200, kMillisecond, 200, 60), blocks_of_16(60, 60));
  CHECK(run.metrics.replicas[0].preemptions_swap > 10);
  for (std::size_t k = 1; k < run.steps.size(); ++k) {
    const Step& step = run.steps[k];
    if (step.swapped != run.steps[k - 1].swapped || step.scheduled != step.decoding) continue;
    CHECK(std::is_sorted(step.running.begin(), step.running.end()));
  }
}

TEST_CASE("vllm-v0: a prompt over the token limit is dropped, and the queue goes on") {
  const Run run = watch("vllm-v0", {{"max_num_batched_tokens", "100"}},
                        {request(Duration(0), 101, 4), request(Duration(0), 100, 4)});
  REQUIRE(run.seen.rejected.size() == 1);
  CHECK(run.seen.rejected[0].reason == RejectReason::prompt_too_long);
  CHECK(run.finished(1).first_scheduled == Instant(0));
}

TEST_CASE("vllm-v0: nobody skips ahead of a prompt that does not fit") {
  // 10 blocks: request 0 holds 4, so 7 are not free for request 1; 1 would be for request 2.
  const Run run =
      watch("vllm-v0", {},
            {request(half_ms(0), 60, 20), request(half_ms(1), 112, 2), request(half_ms(1), 8, 2)},
            blocks_of_16(10));
  CHECK(run.finished(1).first_scheduled >= run.finished(0).finish);
  CHECK(run.finished(2).first_scheduled >= run.finished(1).first_scheduled);
}

TEST_CASE("vllm-v0: whole prompts share a step up to the token budget and max_num_seqs") {
  const std::vector<RequestSpec> five(5, request(Duration(0), 40, 3));
  const Run tokens = watch("vllm-v0", {{"max_num_batched_tokens", "100"}}, five);
  CHECK(tokens.steps[0].scheduled == Ids{0, 1});  // 40 + 40; a third would make 120
  const Run seqs = watch("vllm-v0", {{"max_num_seqs", "3"}}, five);
  CHECK(seqs.steps[0].scheduled == Ids{0, 1, 2});
  for (const Step& step : seqs.steps) CHECK(step.running.size() <= 3);
}

TEST_CASE("vllm-v0: a swapped victim keeps what it computed, and nobody enters meanwhile") {
  const Run run =
      watch("vllm-v0", {{"preemption", "swap"}}, short_of_blocks(), blocks_of_16(10, 10));
  const Step& preempting = run.steps[2];
  CHECK(preempting.swapped == Ids{1});
  CHECK(preempting.waiting == Ids{2});
  // Free after the swap: 5 - 0; request 2 needs 4 and still waits, as something is swapped out.
  CHECK(preempting.free_blocks == 5);
  for (const Step& step : run.steps) {
    if (!step.swapped.empty()) CHECK(step.scheduled == step.decoding);
  }
  CHECK(run.metrics.replicas[0].preemptions_swap > 0);
  CHECK(run.metrics.replicas[0].preemptions_recompute == 0);
  CHECK(run.metrics.replicas[0].prefill_tokens == 3 * 64);  // nothing was computed twice
}

TEST_CASE("vllm-v0: a swap that host memory cannot hold becomes a recomputation") {
  const Run run =
      watch("vllm-v0", {{"preemption", "swap"}}, short_of_blocks(), blocks_of_16(10, 3));
  CHECK(run.metrics.replicas[0].preemptions_swap == 0);
  CHECK(run.metrics.replicas[0].preemptions_recompute > 0);
  CHECK(run.metrics.finished == 3);
}

TEST_CASE("vllm-v0: with a delay factor prompts wait that many prompt steps") {
  // The first prompt step lasted 1 ms. Request 1 (at 2.5 ms) must have waited more than 3 ms: 2.5
  // ms at step 5, 3.5 at 6.
  const Run run = watch("vllm-v0", {{"delay_factor", "3"}},
                        {request(half_ms(0), 32, 20), request(half_ms(5), 48, 3)});
  CHECK(run.finished(1).first_scheduled == Instant(6 * kMillisecond.value()));
}

TEST_CASE("vllm-v0 with chunked_prefill: decodes first, the rest of the budget goes to prompts") {
  // Budget 100, one decode: a prompt of 250 takes 99, 99 and 52; its 16 blocks are taken at
  // admission.
  const Run run =
      watch("vllm-v0", {{"chunked_prefill", "true"}, {"max_num_batched_tokens", "100"}},
            {request(half_ms(0), 32, 30), request(half_ms(5), 250, 3)}, blocks_of_16(100));
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{32, 99, 99, 52});
  CHECK(run.steps[3].scheduled == Ids{0, 1});
  CHECK(run.steps[2].free_blocks - run.steps[3].free_blocks == 16);
}
