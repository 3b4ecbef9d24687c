#include "tests/catch.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

TEST_CASE("simdistserve: who has decoded goes behind who has not") {
  // Budget 100. Contexts with the new token: 41, 41, 41: two fit. The queue turns: 0 1 | 2, then 2
  // 0 | 1, then 1 2 | 0 (42 + 42), and so on.
  const Run run = watch("simdistserve", {{"decode_tokens", "100"}},
                        std::vector<RequestSpec>(3, request(Duration(0), 40, 4)));
  CHECK(run.steps[0].scheduled == Ids{0, 1, 2});
  CHECK(run.steps[1].running == Ids{2, 0, 1});
  CHECK(run.steps[1].scheduled == Ids{0, 1});
  CHECK(run.steps[2].running == Ids{1, 2, 0});
  CHECK(run.steps[2].scheduled == Ids{2, 0});
  CHECK(run.steps[3].scheduled == Ids{1, 2});
}

TEST_CASE("simdistserve: new prompts queue for decoding behind those who decoded before them") {
  // Budget 100: 0 and 1 decode in step 1, 2 does not fit. Request 3 comes at 1.5 ms and is computed
  // in step 2.
  std::vector<RequestSpec> requests(3, request(Duration(0), 40, 4));
  requests.push_back(request(half_ms(3), 40, 4));
  const Run run = watch("simdistserve", {{"decode_tokens", "100"}}, std::move(requests));
  CHECK(run.steps[2].scheduled == Ids{3});
  CHECK(run.steps[2].running == Ids{2, 0, 1, 3});
  CHECK(run.steps[3].scheduled == Ids{2, 0});
}

TEST_CASE("simdistserve: prompts come first and share a step up to the capacity") {
  const Run run = watch("simdistserve", {{"prefill_tokens", "100"}},
                        std::vector<RequestSpec>(3, request(Duration(0), 40, 4)));
  CHECK(run.steps[0].scheduled == Ids{0, 1});
  CHECK(run.steps[1].scheduled == Ids{2});
  CHECK(run.steps[2].scheduled == Ids{0, 1, 2});
}
