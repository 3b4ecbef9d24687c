#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

// One request at a time: 500, 200 and 300 tokens wait while request 0 runs.
std::vector<RequestSpec> three_behind_one() {
  return {request(half_ms(0), 100, 3), request(half_ms(1), 500, 3), request(half_ms(1), 200, 3),
          request(half_ms(1), 300, 3)};
}

Ids order_of_finishing(const Run& run) {
  Ids ids;
  for (const FinishedRequest& request : run.seen.finished) ids.push_back(request.id.index());
  return ids;
}

}  // namespace

TEST_CASE("sjf: the shortest waiting prompt goes first") {
  const Run run = watch("sjf", {{"max_num_seqs", "1"}}, three_behind_one());
  CHECK(order_of_finishing(run) == Ids{0, 2, 3, 1});
}

TEST_CASE("sjf: only the first of the queue compete") {
  // A window of one is first come, first served.
  const Run run = watch("sjf", {{"max_num_seqs", "1"}, {"window", "1"}}, three_behind_one());
  CHECK(order_of_finishing(run) == Ids{0, 1, 2, 3});
}

TEST_CASE("sjf: equal prompts keep their order, and decodes go on beside prompts") {
  const Run run =
      watch("sjf", {},
            {request(half_ms(0), 10, 9), request(half_ms(1), 20, 2), request(half_ms(1), 20, 2)});
  CHECK(run.steps[1].scheduled == Ids{0, 1, 2});
  CHECK(run.steps[1].tokens == 1 + 20 + 20);
}

TEST_CASE("sjf: prompts wait less on average than first come, first served") {
  // A backlog of prompts between 1 and 400 tokens, priced by the token, two at a time: the shorter
  // first shortens the mean.
  World world;
  world.cost.per_prefill = kMillisecond;
  const auto mean_queued = [&world](const char* policy, const Texts& texts) {
    const Run run = watch(policy, texts, random_requests(1, 100, kMillisecond, 400, 4), world);
    return static_cast<double>(run.metrics.parts.queued) /
           static_cast<double>(run.metrics.finished);
  };
  CHECK(mean_queued("sjf", {{"max_num_seqs", "2"}}) <
        0.8 * mean_queued("orca", {{"max_batch_size", "2"}, {"reservation", "oracle"}}));
}
