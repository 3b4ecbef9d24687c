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

TEST_CASE("tensorrt-llm: a prompt is computed whole, or waits for an iteration with room") {
  // Budget 100: 60 fits, 50 does not fit beside it; one decode leaves 99, which holds the 50.
  const Run run = watch("tensorrt-llm", {{"max_num_batched_tokens", "100"}},
                        {request(Duration(0), 60, 5), request(Duration(0), 50, 5)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{60, 50});
  CHECK(run.steps[1].tokens == 51);
}

TEST_CASE("tensorrt-llm: with chunks a prompt takes what an iteration has left") {
  // 60 and 40 of 50; then one decode beside the last 10.
  const Run run =
      watch("tensorrt-llm", {{"max_num_batched_tokens", "100"}, {"chunked_prefill", "true"}},
            {request(Duration(0), 60, 5), request(Duration(0), 50, 5)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{100, 10});
  CHECK(run.steps[1].tokens == 11);
}

TEST_CASE("tensorrt-llm: a prompt longer than an iteration is refused unless it may be cut") {
  const std::vector<RequestSpec> one{request(Duration(0), 101, 2)};
  const Run whole = watch("tensorrt-llm", {{"max_num_batched_tokens", "100"}}, one);
  CHECK(whole.metrics.finished == 0);
  CHECK(whole.seen.rejected.size() == 1);
  const Run cut =
      watch("tensorrt-llm", {{"max_num_batched_tokens", "100"}, {"chunked_prefill", "true"}}, one);
  CHECK(cut.metrics.finished == 1);
}

TEST_CASE("tensorrt-llm: no evict lets in only whose whole answer finds blocks") {
  // 10 blocks of 16. A request of 32 + 32 tokens takes 4: two run, the third waits for one to end.
  // Each: 1 prefill and 31 decodes, so the first two end after step 31 and the third starts then.
  const Run run = watch(
      "tensorrt-llm", {},
      {request(Duration(0), 32, 32), request(Duration(0), 32, 32), request(Duration(0), 32, 32)},
      pool(10));
  CHECK(run.steps[0].scheduled == Ids{0, 1});
  CHECK(run.steps[0].free_blocks == 2);
  CHECK(run.finished(2).first_scheduled == run.finished(0).finish);
  CHECK(run.metrics.replicas[0].preemptions_recompute == 0);
}

TEST_CASE("tensorrt-llm: max utilization lets in by prompts and pauses the last when blocks end") {
  // The same three: 2 blocks a prompt, 6 in all; each needs a third and a fourth block, 12 > 10, so
  // somebody is paused, and all end.
  const Run run = watch(
      "tensorrt-llm", {{"capacity", "max-utilization"}},
      {request(Duration(0), 32, 32), request(Duration(0), 32, 32), request(Duration(0), 32, 32)},
      pool(10));
  CHECK(run.steps[0].scheduled == Ids{0, 1, 2});
  CHECK(run.metrics.replicas[0].preemptions_recompute >= 1);
  CHECK(run.finished(0).preemptions == 0);
  CHECK(run.metrics.finished == 3);
}

TEST_CASE("tensorrt-llm: prompts wait for company while others decode, so long as they may") {
  // Request 1 comes while request 0 decodes: seen at step 3, it waits through steps 3 to 7.
  const Texts wait{{"max_num_batched_tokens", "100"},
                   {"batch_wait_iterations", "5"},
                   {"batch_wait_tokens_ratio", "0.9"}};
  const Run run =
      watch("tensorrt-llm", wait, {request(half_ms(0), 32, 40), request(half_ms(5), 20, 3)});
  CHECK(run.finished(1).first_scheduled == Instant() + half_ms(16));
  // Company ends the wait: 1 decode + 20 + 70 tokens reach 90 of 100 at step 5.
  const Run met =
      watch("tensorrt-llm", wait,
            {request(half_ms(0), 32, 40), request(half_ms(5), 20, 3), request(half_ms(9), 70, 3)});
  CHECK(met.finished(1).first_scheduled == Instant() + half_ms(10));
  CHECK(met.finished(2).first_scheduled == Instant() + half_ms(10));
}

TEST_CASE("tensorrt-llm: nobody waits for company on an idle replica") {
  const Run run =
      watch("tensorrt-llm", {{"batch_wait_iterations", "50"}, {"batch_wait_tokens_ratio", "1"}},
            {request(half_ms(1), 20, 3)});
  CHECK(run.finished(0).first_scheduled == Instant() + half_ms(1));
}
