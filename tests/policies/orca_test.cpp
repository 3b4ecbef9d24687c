#include <rapidcheck.h>

#include "policies/reservation.h"
#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

World pool(std::int64_t blocks, std::int64_t max_model_len) {
  World world;
  world.shape.kv_blocks = blocks;
  world.shape.max_model_len = max_model_len;
  return world;
}

Tokens reserved(Reservation::Kind kind, std::int32_t prompt, std::int32_t output) {
  LiveRequest request;
  request.prompt = prompt;
  request.predicted = output;
  return Reservation(kind, Tokens(0), Reservation::Allocation::exact)
      .tokens(RequestView(RequestSlot(0), request), Tokens(2048));
}

}  // namespace

TEST_CASE("orca: reserving the maximum of OPT-13B on 12 GiB runs exactly 7 requests at once") {
  // Kwon et al. (SOSP 2023), table 1 and figure 13: KV room of 12 GiB at 819,200 bytes a token is
  // 15,728 slots, 983 blocks of 16; the model's maximum of 2,048 tokens takes 128 blocks, and 983 /
  // 128 = 7.
  const Run run = watch("orca", {{"reservation", "max"}},
                        random_requests(11, 120, kMillisecond, 320, 600), pool(983, 2048));
  std::size_t most = 0;
  for (const Step& step : run.steps) most = std::max(most, step.running.size());
  CHECK(most == 7);
}

TEST_CASE("orca: whole prompts and decodes share an iteration") {
  const Run run = watch("orca", {}, {request(half_ms(0), 32, 10), request(half_ms(5), 48, 3)},
                        pool(1000, 2048));
  CHECK(run.steps[3].scheduled == Ids{0, 1});
  CHECK(run.steps[3].tokens == 1 + 48);
}

TEST_CASE("orca: reservations never exceed the pool and nobody is preempted") {
  for (const char* kind : {"oracle", "pow2", "max"}) {
    const Run run = watch("orca", {{"reservation", kind}},
                          random_requests(5, 150, kMillisecond, 100, 100), pool(64, 256));
    CHECK(run.metrics.finished == 150);
    CHECK(run.metrics.replicas[0].preemptions_recompute == 0);
    CHECK(run.metrics.replicas[0].peak_blocks <= Blocks(64));
    // Reserved at admission and never grown: blocks change only when someone comes or goes.
    for (std::size_t k = 1; k < run.steps.size(); ++k) {
      if (run.steps[k].running == run.steps[k - 1].running) {
        CHECK(run.steps[k].free_blocks == run.steps[k - 1].free_blocks);
      }
    }
  }
}

TEST_CASE("orca: oracle reserves no more than pow2, pow2 no more than max or twice the output") {
  const bool holds = rc::check([] {
    const auto prompt = *rc::gen::inRange<std::int32_t>(1, 2047);
    const auto output = *rc::gen::inRange<std::int32_t>(1, 2049 - prompt);
    const Tokens oracle = reserved(Reservation::Kind::oracle, prompt, output);
    const Tokens pow2 = reserved(Reservation::Kind::pow2, prompt, output);
    RC_ASSERT(oracle == Tokens(prompt + output));
    RC_ASSERT(oracle <= pow2);
    RC_ASSERT(pow2 < Tokens(prompt + 2 * output) || output == 1);
    RC_ASSERT(pow2 <= reserved(Reservation::Kind::max, prompt, output));
    RC_ASSERT(reserved(Reservation::Kind::max, prompt, output) == Tokens(2048));
  });
  CHECK(holds);
}

TEST_CASE("orca: the less is reserved, the sooner a backlog is done") {
  const auto end = [](const char* kind) {
    return watch("orca", {{"reservation", kind}}, random_requests(9, 200, Duration(1), 100, 100),
                 pool(128, 1024))
        .metrics.last_finish;
  };
  CHECK(end("oracle") < end("pow2"));
  CHECK(end("pow2") < end("max"));
}

TEST_CASE("orca: a short request waits behind a head that does not fit") {
  // 10 blocks. Request 0 reserves 64 + 32 tokens = 6; request 1 asks for 96 + 16 = 7, request 2
  // for 1.
  const Run run =
      watch("orca", {{"reservation", "oracle"}},
            {request(half_ms(0), 64, 32), request(half_ms(1), 96, 16), request(half_ms(1), 8, 8)},
            pool(10, 1024));
  CHECK(run.finished(1).first_scheduled == run.finished(0).finish);
  CHECK(run.finished(2).first_scheduled == run.finished(0).finish);
}

TEST_CASE("orca: a batch holds max_batch_size requests at most") {
  const Run run = watch("orca", {{"max_batch_size", "4"}, {"reservation", "oracle"}},
                        std::vector<RequestSpec>(10, request(Duration(0), 16, 4)), pool(100, 1024));
  CHECK(run.steps[0].scheduled == Ids{0, 1, 2, 3});
  for (const Step& step : run.steps) CHECK(step.scheduled.size() <= 4);
}

TEST_CASE("orca: with predictions that are too short everyone still finishes") {
  World world = pool(40, 512);
  world.predictor = {PredictorSetup::Kind::mean, Tokens(4), 0};
  const Run run = watch("orca", {{"reservation", "oracle"}},
                        random_requests(2, 60, kMillisecond, 60, 200), world);
  CHECK(run.metrics.finished == 60);
}
