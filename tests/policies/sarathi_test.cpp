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

TEST_CASE("sarathi: a prompt of 1,000 under a budget of 512 takes 512 and 488") {
  const Run run = watch("sarathi", {{"token_budget", "512"}}, {request(Duration(0), 1000, 3)});
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{512, 488});
}

TEST_CASE("sarathi: beside 12 decodes a prompt of 1,000 takes 500 and 500") {
  std::vector<RequestSpec> requests(12, request(Duration(0), 16, 100));
  requests.push_back(request(half_ms(11), 1000, 3));
  const Run run = watch("sarathi", {{"token_budget", "512"}}, std::move(requests));
  CHECK(run.prefill_tokens() == std::vector<std::int64_t>{12 * 16, 500, 500});
  CHECK(run.steps[6].tokens == 512);
}

TEST_CASE("sarathi: an iteration holds at most the budget, or the decodes where they are more") {
  const Run run = watch("sarathi", {{"token_budget", "20"}, {"max_num_seqs", "60"}},
                        random_requests(4, 300, kMillisecond, 30, 60), pool(5000));
  bool beyond_budget = false;
  for (const Step& step : run.steps) {
    std::int64_t decodes = 0;
    for (const std::uint32_t id : step.decoding) {
      decodes += std::count(step.scheduled.begin(), step.scheduled.end(), id);
    }
    CHECK(step.tokens <= std::max<std::int64_t>(20, decodes));
    beyond_budget |= step.tokens > 20;
  }
  CHECK_FALSE(beyond_budget);  // prompts enter through the budget, so decodes alone reach it but
                               // never pass it
  CHECK(run.metrics.finished == 300);
}

TEST_CASE("sarathi: every running decode advances in every iteration") {
  for (const std::int64_t blocks : {80, 5000}) {
    const Run run = watch("sarathi", {{"token_budget", "64"}},
                          random_requests(8, 300, kMillisecond, 200, 60), pool(blocks));
    CHECK((run.metrics.replicas[0].preemptions_recompute > 0) == (blocks == 80));
    for (const Step& step : run.steps) {
      for (const std::uint32_t id : step.decoding) {
        CHECK(std::count(step.scheduled.begin(), step.scheduled.end(), id) == 1);
      }
    }
  }
}

TEST_CASE("sarathi: the blocks of a whole prompt are taken at admission") {
  // 1,000 tokens are 63 blocks, though the first chunk fills only 32 of them.
  const Run run = watch("sarathi", {}, {request(Duration(0), 1000, 3)}, pool(100));
  CHECK(run.steps[0].free_blocks == 37);
  CHECK(run.steps[1].free_blocks == 37);
}

TEST_CASE("sarathi: several prompts share a budget and only the last is cut") {
  const Run run = watch(
      "sarathi", {{"token_budget", "100"}},
      {request(Duration(0), 40, 2), request(Duration(0), 40, 2), request(Duration(0), 40, 2)});
  // 40 + 40 + 20; then 2 decodes and the other 20.
  CHECK(run.steps[0].tokens == 100);
  CHECK(run.steps[1].tokens == 22);
}

TEST_CASE("sarathi: an admission leaves the watermark free") {
  // 100 blocks, watermark 1. 99 blocks do not fit beside request 0, which holds one, and do once it
  // is gone.
  const Run run = watch("sarathi", {{"token_budget", "2048"}},
                        {request(half_ms(0), 8, 5), request(half_ms(1), 1584, 1)}, pool(100));
  CHECK(run.finished(1).first_scheduled == run.finished(0).finish);
}

TEST_CASE("sarathi: without a free block the last running request starts again") {
  // As for vllm-v0: prompts of 4 blocks in a pool of 10; after step 1 no block is free, step 2
  // preempts request 1, whose 5 blocks cannot return beside what request 0 may still take (5 free -
  // 5 >= 0 holds: watermark int(0.1) = 0).
  const Run run = watch("sarathi", {{"token_budget", "512"}},
                        {request(Duration(0), 64, 40), request(Duration(0), 64, 30)}, pool(10));
  CHECK(run.steps[1].free_blocks == 0);
  CHECK(run.steps[2].preemptions == 1);
  // In the same iteration request 1, at the front of the queue, fits again: 64 + 2 tokens.
  CHECK(run.steps[2].scheduled == Ids{0, 1});
  CHECK(run.steps[2].tokens == 1 + 66);
  CHECK(run.metrics.finished == 2);
}

TEST_CASE("sarathi without a budget decides as orca does") {
  const auto requests = random_requests(6, 300, kMillisecond, 400, 60);
  const Run sarathi = watch("sarathi", {{"token_budget", "268435456"}, {"max_num_seqs", "16"}},
                            requests, pool(100'000));
  const Run orca = watch("orca", {{"max_batch_size", "16"}}, requests, pool(100'000));
  CHECK(sarathi.metrics.decision_digest == orca.metrics.decision_digest);
  REQUIRE(sarathi.steps.size() == orca.steps.size());
  for (std::size_t k = 0; k < orca.steps.size(); ++k) {
    CHECK(sarathi.steps[k].scheduled == orca.steps[k].scheduled);
    CHECK(sarathi.steps[k].tokens == orca.steps[k].tokens);
  }
}

TEST_CASE("sarathi: the last token of a recomputation is no decode and needs no free block") {
  // 4 blocks, watermark 0. A prompt of 49 takes all 4, so every decode starts again: 50, then 51
  // ... tokens under a budget of 7. 50 = 7 * 7 + 1: its last chunk is one token and must run all
  // the same. 64 tokens are the most that 4 blocks hold, so outputs up to 64 - 49 + 1 = 16 finish.
  const Run run =
      watch("sarathi", {{"token_budget", "7"}}, {request(Duration(0), 49, 16)}, pool(4));
  CHECK(run.metrics.finished == 1);
  CHECK(run.finished(0).preemptions == 15);
}

TEST_CASE("sarathi: without hybrid batches prompts and decodes take turns") {
  // Prompt 0 in step 0; it decodes in step 1. Prompt 1 of 30 arrives before step 2 and takes 3
  // chunks, each followed by a decode of request 0.
  const Run run = watch("sarathi", {{"token_budget", "10"}, {"hybrid", "false"}},
                        {request(Duration(0), 8, 20), request(half_ms(3), 30, 2)});
  CHECK(run.steps[0].scheduled == Ids{0});
  CHECK(run.steps[1].scheduled == Ids{0});
  for (std::size_t i = 2; i < 8; i += 2) {
    CHECK(run.steps[i].scheduled == Ids{1});
    CHECK(run.steps[i].tokens == 10);
    CHECK(run.steps[i + 1].scheduled.front() == 0U);
    CHECK(run.steps[i + 1].tokens <= 2);
  }
  CHECK(run.metrics.finished == 2);
}
