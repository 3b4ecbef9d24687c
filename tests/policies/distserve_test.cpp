#include <algorithm>

#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

World pool(std::int64_t blocks, std::int64_t host_blocks = 1000) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.host_blocks = host_blocks;
  world.shape.max_model_len = 4096;
  return world;
}

std::vector<RequestSpec> prompts(const std::vector<std::int64_t>& lengths, std::int64_t output) {
  std::vector<RequestSpec> requests;
  for (const std::int64_t length : lengths)
    requests.push_back(request(Duration(0), length, output));
  return requests;
}

}  // namespace

TEST_CASE("distserve: prompts are batched up to saturation, longer ones run alone") {
  // 200 + 200 stay under 512, a third would not; 900 is alone, though 50 would follow; 50 + 300.
  const Run run = watch("distserve", {}, prompts({200, 200, 200, 900, 50, 300}, 1), pool(1000));
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{400, 200, 900, 350});
}

TEST_CASE("distserve: the released code batches prompts up to 128 requests or 8,192 tokens") {
  const Run tokens =
      watch("distserve", {{"faithful", "true"}}, prompts({4000, 4000, 192, 1}, 1), pool(1000));
  CHECK(tokens.prefill_tokens() == std::vector<std::int64_t>{8192, 1});
  const Run many = watch("distserve", {{"faithful", "true"}},
                         prompts(std::vector<std::int64_t>(130, 10), 1), pool(1000));
  CHECK(many.prefill_tokens() == std::vector<std::int64_t>{1280, 20});
}

TEST_CASE("distserve: a prompt waits for memory in line, and nobody overtakes it") {
  // 100 blocks: 60 are taken, 50 are missing 10; the one behind would fit and waits.
  const Run run = watch(
      "distserve", {},
      {request(Duration(0), 960, 20), request(half_ms(1), 800, 1), request(half_ms(2), 16, 1)},
      pool(100));
  CHECK(run.finished(1).first_scheduled == run.finished(0).finish);
  CHECK(run.finished(2).first_scheduled >= run.finished(1).first_scheduled);
}

TEST_CASE("distserve: the last request of the batch is swapped out before memory runs out") {
  // Two prompts of 60 tokens, 4 blocks each, of 9. Both want a fifth at 65 tokens: one has room,
  // the other one is swapped out with 4 blocks and comes back when the first is done.
  const Run run = watch("distserve", {}, prompts({60, 60}, 20), pool(9));
  CHECK(run.metrics.replicas[0].preemptions_swap == 1);
  CHECK(run.metrics.replicas[0].preemptions_recompute == 0);
  CHECK(run.finished(1).preemptions == 1);
  CHECK(run.finished(0).preemptions == 0);
  CHECK(run.finished(1).finish > run.finished(0).finish);
}

TEST_CASE("distserve: without host memory the last request starts again") {
  const Run run = watch("distserve", {}, prompts({60, 60}, 20), pool(9, 0));
  CHECK(run.metrics.replicas[0].preemptions_swap == 0);
  CHECK(run.metrics.replicas[0].preemptions_recompute == 1);
  CHECK(run.metrics.finished == 2);
}

TEST_CASE("distserve: newcomers wait while a request is swapped out") {
  // As above, in 10 blocks: request 0 and 1 grow to 5 each; at 81 tokens the sixth is missing and
  // request 1 goes, leaving 4. Request 2 takes one of these for its prompt and decodes only when
  // request 1 is back.
  std::vector<RequestSpec> requests = prompts({64, 64}, 40);
  requests.push_back(request(half_ms(2 * 19 + 1), 8, 3));
  const Run run = watch("distserve", {}, requests, pool(10));
  CHECK(run.metrics.replicas[0].preemptions_swap == 1);
  for (const Step& step : run.steps) {
    const bool decodes = std::count(step.scheduled.begin(), step.scheduled.end(), 2U) == 1 &&
                         std::count(step.decoding.begin(), step.decoding.end(), 2U) == 1;
    if (!step.swapped.empty()) CHECK(!decodes);
  }
  CHECK(run.metrics.finished == 3);
}

TEST_CASE("distserve: the released code counts a newcomer's blocks twice") {
  // 10 blocks. A prompt of 96 tokens holds 6; counted twice it would need 12: beside a request that
  // decodes it waits, without `faithful` it starts at once.
  std::vector<RequestSpec> requests{request(Duration(0), 8, 30), request(half_ms(3), 90, 2)};
  const Run plain = watch("distserve", {}, requests, pool(10));
  const Run faithful = watch("distserve", {{"faithful", "true"}}, requests, pool(10));
  CHECK(plain.finished(1).finish < plain.finished(0).finish);
  CHECK(faithful.finished(1).finish > faithful.finished(0).finish);
}
