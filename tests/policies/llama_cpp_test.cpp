#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

using Sizes = std::vector<std::int64_t>;

/// Tokens of every call.
Sizes call_tokens(const Run& run) {
  Sizes sizes;
  for (const Step& step : run.steps) sizes.push_back(step.tokens);
  return sizes;
}

/// Padded rows show as time: each lasts a millisecond here, and a call without them another.
World padded_rows_cost_time() {
  World world;
  world.cost = {Duration(0), kMillisecond, 0, Duration(0)};
  return world;
}

}  // namespace

TEST_CASE("llama-cpp: prompts fill what generating slots leave of a batch") {
  // Request 0 (3 tokens out) generates beside the 250 tokens of request 1: 99 and 99 of them, then
  // the other 52, when request 0 is done.
  const Run run = watch("llama-cpp", {{"n_batch", "100"}},
                        {request(Duration(0), 40, 3), request(half_ms(1), 250, 2)});
  CHECK(call_tokens(run) == Sizes{40, 100, 100, 52, 1});
}

TEST_CASE("llama-cpp: prompts and generation take turns, or prompts go first") {
  const std::vector<RequestSpec> requests{request(Duration(0), 40, 4), request(half_ms(1), 250, 2)};
  // In turn: the prompt of 40; then generation and 100 of 250 tokens by turns; at the end both
  // generate their last token in one call.
  const Run in_turn = watch("llama-cpp", {{"n_batch", "100"}, {"order", "in-turn"}}, requests);
  CHECK(call_tokens(in_turn) == Sizes{40, 1, 100, 1, 100, 1, 50, 1});
  // Request 0's last token comes in the third of these calls, before request 1's first.
  CHECK(in_turn.finished(0).finish < in_turn.finished(1).first_token);
  const Run first = watch("llama-cpp", {{"n_batch", "100"}, {"order", "prompts-first"}}, requests);
  CHECK(call_tokens(first) == Sizes{40, 100, 100, 50, 2, 1, 1});
}

TEST_CASE("llama-cpp: no more requests run than there are slots, and the lowest slot is taken") {
  // Slots 0, 1, 2 of requests 0, 1, 2. Request 1 leaves first; request 3 takes its slot and so
  // comes before request 2 where prompts are computed in the order of slots.
  const Run run = watch("llama-cpp", {{"n_parallel", "3"}, {"n_batch", "10"}},
                        {request(Duration(0), 4, 2), request(Duration(0), 4, 1),
                         request(Duration(0), 40, 2), request(Duration(0), 30, 2)});
  // Call 1: 4 + 4 + 2 of request 2. Request 1 is done, request 3 in its slot: call 2 computes one
  // token of request 0 and 9 of request 3, none of request 2.
  CHECK(run.steps[0].scheduled == Ids{0, 1, 2});
  CHECK(run.steps[1].scheduled == Ids{0, 3});
  CHECK(run.steps[1].running == Ids{0, 2, 3});
  for (const Step& step : run.steps) CHECK(step.running.size() <= 3);
}

TEST_CASE("llama-cpp: a hole between generating slots is one padded row") {
  // Prompts of one token, one call: all three generate from then on. Request 1 has one token more,
  // the others three: calls of 3, 3 (all generate) and then slots 0 and 2 with a hole.
  const Run run =
      watch("llama-cpp", {},
            {request(Duration(0), 1, 4), request(Duration(0), 1, 2), request(Duration(0), 1, 4)},
            padded_rows_cost_time());
  // Lasting: the prompts 0 ms, three rows 3 ms, then twice two rows and the padded one.
  CHECK(run.finished(1).finish == Instant(3'000'000));
  CHECK(run.finished(0).finish == Instant(9'000'000));
  // Without a hole the same rows take 2 ms a call.
  const Run neighbours =
      watch("llama-cpp", {},
            {request(Duration(0), 1, 4), request(Duration(0), 1, 4), request(Duration(0), 1, 2)},
            padded_rows_cost_time());
  CHECK(neighbours.finished(0).finish == Instant(7'000'000));
}

TEST_CASE("llama-cpp: where KV runs out the newest request starts again") {
  // 10 blocks of 16: two prompts of 64 take 4 each. Each takes a fifth block with its first
  // generated token; 16 tokens later none is left for a sixth.
  World world;
  world.shape.kv_blocks = 10;
  world.shape.max_model_len = 4096;
  const Run run =
      watch("llama-cpp", {}, {request(Duration(0), 64, 40), request(Duration(0), 64, 30)}, world);
  CHECK(run.finished(0).preemptions == 0);
  CHECK(run.finished(1).preemptions == 1);
  CHECK(run.metrics.finished == 2);
}

TEST_CASE("llama-cpp: a request that gives way before it was computed was queued all the while") {
  // 3 blocks of 16, prompts and generation in turn. Request 0 fills two; request 1 takes a slot and
  // the third block while it is generation's turn, and gives it back at once: token 33 of request 0
  // needs it. Request 0 ends after calls of its prompt and 9 tokens, at 10 ms.
  World world;
  world.shape.kv_blocks = 3;
  const Run run = watch("llama-cpp", {{"order", "in-turn"}},
                        {request(Duration(0), 32, 10), request(half_ms(1), 16, 1)}, world);
  CHECK(run.finished(1).preemptions == 1);
  CHECK(run.finished(1).first_scheduled == Instant(10'000'000));
  CHECK(run.finished(1).queued == Duration(9'500'000));
  CHECK(run.finished(1).preempted == Duration(0));
}
