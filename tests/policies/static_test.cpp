#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

TEST_CASE("static: results leave together, and rows that are done are still computed") {
  // 1 ms an iteration and 1 ms a row decoded. Prompts: 1 ms. Then 4 decode iterations of 2 rows: 3
  // ms each, although request 0 is done after the first of them. Both leave at 13 ms.
  World world;
  world.cost.per_decode = kMillisecond;
  const Run run =
      watch("static", {}, {request(Duration(0), 16, 2), request(Duration(0), 16, 5)}, world);
  CHECK(run.finished(0).finish == Instant(13 * kMillisecond.value()));
  CHECK(run.finished(1).finish == Instant(13 * kMillisecond.value()));
}

TEST_CASE("static: nobody joins a batch that runs") {
  const Run run =
      watch("static", {{"max_batch_size", "2"}},
            {request(half_ms(0), 16, 5), request(half_ms(1), 16, 1), request(half_ms(1), 16, 9)});
  // Request 0 runs alone for 5 iterations; then 1 and 2 together until 2 is done, 9 iterations
  // later.
  CHECK(run.finished(1).first_scheduled == Instant(5 * kMillisecond.value()));
  CHECK(run.finished(2).first_scheduled == Instant(5 * kMillisecond.value()));
  CHECK(run.finished(1).finish == Instant(14 * kMillisecond.value()));
  CHECK(run.finished(2).finish == Instant(14 * kMillisecond.value()));
}

TEST_CASE("static: a batch is full at max_batch_size") {
  const Run run = watch("static", {{"max_batch_size", "3"}},
                        std::vector<RequestSpec>(7, request(Duration(0), 16, 2)));
  CHECK(run.steps[0].scheduled == Ids{0, 1, 2});
  CHECK(run.steps[2].scheduled == Ids{3, 4, 5});
  CHECK(run.steps[4].scheduled == Ids{6});
}

TEST_CASE("static: a batch holds what its reservations leave room for") {
  // 983 blocks, 128 a request: 7, as for orca.
  World world;
  world.shape.kv_blocks = 983;
  world.shape.max_model_len = 2048;
  const Run run =
      watch("static", {}, std::vector<RequestSpec>(20, request(Duration(0), 16, 2)), world);
  CHECK(run.steps[0].scheduled.size() == 7);
}

TEST_CASE("static: the blocks of a request that is done stay taken until its batch is") {
  World world;
  world.shape.kv_blocks = 100;
  const Run run = watch("static", {{"reservation", "oracle"}},
                        {request(Duration(0), 16, 2), request(Duration(0), 16, 5)}, world);
  // 18 and 21 tokens: 2 blocks each.
  CHECK(run.steps.back().running == Ids{1});
  CHECK(run.steps.back().free_blocks == 96);
}

TEST_CASE(
    "static: an idle replica waits for company until the window closes or the batch is full") {
  const Texts texts{{"window", "10 ms"}, {"max_batch_size", "3"}};
  const Run alone = watch("static", texts, {request(half_ms(2), 16, 1)});
  CHECK(alone.finished(0).first_scheduled == Instant(11 * kMillisecond.value()));
  const Run full =
      watch("static", texts,
            {request(half_ms(2), 16, 1), request(half_ms(4), 16, 1), request(half_ms(6), 16, 1)});
  CHECK(full.steps[0].when == Instant(3 * kMillisecond.value()));
  CHECK(full.steps[0].scheduled == Ids{0, 1, 2});
}
