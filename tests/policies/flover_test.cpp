#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// Iterations of 1 ms and 1 us a row, holes included; 8 slots of 64 tokens.
World slots_world(std::int64_t per_context_fixed = 0) {
  World world;
  world.shape.kv_blocks = 1000;
  world.shape.max_model_len = 64;
  world.cost.per_decode = kMicrosecond;
  world.cost.per_context_fixed = per_context_fixed;
  return world;
}

/// Prompts of one token that come together; outputs as given.
std::vector<RequestSpec> together(const std::vector<std::int64_t>& outputs) {
  std::vector<RequestSpec> requests;
  for (const std::int64_t output : outputs) requests.push_back(request(Duration(0), 1, output));
  return requests;
}

/// Rows computed in each iteration after the last prompt: what its duration says.
std::vector<std::int64_t> rows_of(const Run& run) {
  std::vector<std::int64_t> rows;
  for (const IterationRun& seen : run.seen.runs) {
    if (seen.prefill_tokens > 0) continue;
    rows.push_back((seen.end - seen.start - kMillisecond).value() / kMicrosecond.value());
  }
  return rows;
}

}  // namespace

TEST_CASE("flover: at most one request joins an iteration") {
  const Run run = watch("flover", {{"slots", "8"}}, together({9, 9, 9, 9}), slots_world());
  for (std::size_t i = 0; i < 4; ++i) CHECK(run.steps[i].running.size() == i + 1);
  for (const std::int64_t tokens : run.prefill_tokens()) CHECK(tokens == 1);
  CHECK(run.prefill_tokens().size() == 4);
}

TEST_CASE("flover: a request takes a whole slot at once and keeps it to its end") {
  // 64 tokens are 4 blocks.
  const Run run = watch("flover", {{"slots", "8"}}, together({30, 30}), slots_world());
  CHECK(run.steps[0].free_blocks == 996);
  for (std::size_t i = 1; i < 30; ++i) CHECK(run.steps[i].free_blocks == 992);
}

TEST_CASE("flover: more requests than slots wait") {
  const Run run = watch("flover", {{"slots", "2"}}, together({5, 5, 5}), slots_world());
  for (const Step& step : run.steps) CHECK(step.running.size() <= 2);
  CHECK(run.finished(2).first_scheduled == run.finished(0).finish);
  CHECK(run.metrics.finished == 3);
}

TEST_CASE("flover: without shuffle a hole is computed until a border comes by") {
  // Requests 0 to 3 sit in slots 0 to 3; they join in steps 0 to 3 and end with steps 11, 4, 6, 11.
  // Steps without prompts: step 4 has 4 rows; 1 leaves a hole inside: 4 rows still in steps 5 and
  // 6; then 2 leaves too, but slot 3 holds the border: 4 rows to the end, step 11.
  const Run run = watch("flover", {{"slots", "8"}, {"shuffle", "false"}}, together({12, 4, 5, 9}),
                        slots_world());
  CHECK(rows_of(run) == std::vector<std::int64_t>(8, 4));
}

TEST_CASE("flover: without shuffle a finish at a border shrinks the range, past holes too") {
  // Steps 4 to 11: slots 0 to 3 end with steps 11, 6, 6, 4: 4 rows in step 4, 3 in steps 5 and 6,
  // then 1: the border draws in past both.
  const Run run = watch("flover", {{"slots", "8"}, {"shuffle", "false"}}, together({12, 6, 5, 2}),
                        slots_world());
  CHECK(rows_of(run) == std::vector<std::int64_t>{4, 3, 3, 1, 1, 1, 1, 1});
}

TEST_CASE("flover: with shuffle no hole is computed, and the fewest requests move") {
  // As in the first case; of the two windows of 3 the lower one is taken, so request 2 is at the
  // border when it ends, and nothing more moves. The copy reads and writes a slot of 64 tokens, at
  // 1 us a token of context: 128 us. Own contexts: in step k request i of one prompt token, joined
  // in step i, reads 2 + k - i - 1 tokens.
  World world = slots_world(1000 * kFixedOne);
  const Run run = watch("flover", {{"slots", "8"}}, together({12, 4, 5, 9}), world);
  const auto own = [](std::int64_t step, const Ids& ids) {
    std::int64_t sum = static_cast<std::int64_t>(ids.size());  // 1 us a row
    for (const std::uint32_t id : ids) sum += 1 + step - id;
    return sum;
  };
  const std::vector<std::int64_t> expected{
      own(4, {0, 1, 2, 3}), own(5, {0, 2, 3}) + 128,  // request 3 moves to slot 1
      own(6, {0, 2, 3}),    own(7, {0, 3}),          own(8, {0, 3}),
      own(9, {0, 3}),       own(10, {0, 3}),         own(11, {0, 3})};
  CHECK(rows_of(run) == expected);
}

TEST_CASE("flover: a hole's row reads on as if its request went on") {
  // Request 1 reads 4 tokens in step 4, its last; its row 5 in step 5 and 6 in step 6.
  World world = slots_world(1000 * kFixedOne);
  const Run run =
      watch("flover", {{"slots", "8"}, {"shuffle", "false"}}, together({7, 4, 5}), world);
  // Step 3: rows 3 of contexts 4, 3, 2. Step 4: 5, 4, 3. Steps 5 and 6: hole, and 6, 4 or 7, 5.
  CHECK(rows_of(run) == std::vector<std::int64_t>{3 + 9, 3 + 12, 3 + 10 + 5, 3 + 12 + 6});
}

TEST_CASE("flover: requests of equal length that come in turn leave no holes") {
  // The oldest is the lowest slot, so each finish is at the border. Identity of the paper's table:
  // the sum of lengths is iterations times mean requests in an iteration.
  std::vector<RequestSpec> requests;
  for (int i = 0; i < 12; ++i) requests.push_back(request(half_ms(9 * i), 1, 40));
  World world = slots_world();
  for (const char* shuffle : {"true", "false"}) {
    const Run run = watch("flover", {{"slots", "16"}, {"shuffle", shuffle}}, requests, world);
    const ReplicaTotals& totals = run.metrics.replicas[0];
    CHECK(totals.batched_requests == 12 * 40);
    std::int64_t rows = 0;
    for (const std::int64_t row : rows_of(run)) rows += row;
    std::int64_t decodes = 0;
    for (const IterationRun& seen : run.seen.runs)
      decodes += seen.prefill_tokens > 0 ? 0 : seen.decodes * seen.iterations;
    CHECK(rows == decodes);
  }
}

TEST_CASE("flover: a batch that waits in a window starts when it closes and ends together") {
  // Its baseline, FasterTransformer with a collection window of 2 s.
  const Run run = watch("static", {{"window", "2 s"}},
                        {request(Duration(0), 1, 10), request(kSecond, 1, 20),
                         request(kSecond * 2 + kMillisecond, 1, 5)});
  CHECK(run.finished(0).first_scheduled == Instant() + kSecond * 2);
  CHECK(run.finished(1).first_scheduled == Instant() + kSecond * 2);
  CHECK(run.finished(0).finish == run.finished(1).finish);
  CHECK(run.finished(2).first_scheduled >= run.finished(1).finish);
}
