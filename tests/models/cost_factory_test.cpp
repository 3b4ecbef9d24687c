#include "models/cost_factory.h"

#include <catch2/catch.hpp>

#include "sim/check.h"

using namespace headroom;

namespace {

CostRequest request_for(const char* model, const char* device, std::int64_t tensor,
                        std::int64_t pipeline, const char* cost) {
  CostRequest request;
  request.model = find_model(model, "");
  request.precision = make_precision(request.model, "fp16", "auto", "");
  request.parallel = {tensor, pipeline};
  request.device = find_device(device, "");
  request.engine = find_engine("vllm", "");
  request.cost = cost;
  request.where = "s.json: /deployment/0/cost";
  return request;
}

}  // namespace

TEST_CASE("a roofline is one model for all stages, a linear cost one for each") {
  CHECK(make_cost(request_for("opt-13b", "a100", 1, 2, "roofline")).stages.size() == 1);
  CHECK(make_cost(request_for("opt-13b", "a100", 1, 2, "linear:vllm-13b")).stages.size() == 2);
}

TEST_CASE("the source names the kin whose curves a device borrows") {
  CHECK_THAT(make_cost(request_for("opt-13b", "h100", 1, 1, "roofline")).source,
             !Catch::Contains("kin"));
  CHECK_THAT(make_cost(request_for("opt-13b", "mi300x", 1, 1, "roofline")).source,
             Catch::Contains("nearest kin of mi300x"));
  CHECK(make_cost(request_for("opt-13b", "b300-sxm", 1, 1, "roofline")).source ==
        "roofline, corrected by the cost pack of b200-sxm, nearest kin of b300-sxm");
}

TEST_CASE("a cost that cannot be made is refused with its place") {
  const auto refuse = [](const CostRequest& request, const char* part) {
    CAPTURE(request.cost);
    CHECK_THROWS_WITH(make_cost(request), Catch::Contains(part));
    CHECK_THROWS_AS(make_cost(request), InputError);
  };
  refuse(request_for("opt-13b", "a100", 1, 1, "rooflin"), "did you mean 'roofline'?");
  refuse(request_for("opt-13b", "a100", 1, 1, "linear:vllm-66b"), "tensor_parallel");
  refuse(request_for("opt-13b", "a100", 2, 1, "linear:vllm-66b"), "expected model opt-66b");
  refuse(request_for("opt-13b", "a100", 3, 1, "roofline"), "not divisible");
  refuse(request_for("opt-13b", "a100", 1, 1, "table:no/such/store.db"), "no such file");
  refuse(request_for("opt-13b", "a100", 1, 1, "table:."), "a directory");
}

TEST_CASE("the same words give the same prices to the last bit") {
  const CostRequest request = request_for("llama-3.1-8b", "h100", 2, 1, "roofline");
  const MadeCost one = make_cost(request), two = make_cost(request);
  for (std::int64_t n = 1; n < 300; n += 7) {
    const DecodeLine a = one.stages[0]->decode_line(n, 0, n * 700);
    const DecodeLine b = two.stages[0]->decode_line(n, 0, n * 700);
    CHECK(a.base == b.base);
    CHECK(a.slope == b.slope);
  }
}

TEST_CASE("an empty ledger has no shares") {
  const auto shares = evidence_shares(CostLedger{});
  CHECK(shares[0] + shares[1] + shares[2] == 0);
}

TEST_CASE("each attention group replays captured graphs of its own share of the batch") {
  CostRequest request = request_for("deepseek-v3", "b200", 1, 1, "roofline");
  request.precision = make_precision(request.model, "fp8", "auto", "");
  request.parallel.attention_data = request.parallel.expert = 8;
  request.engine.captured_tokens = 16;
  // An iteration that is not captured takes at least 10 ms a layer; no decode here takes so long.
  request.engine.layer_floor = kMillisecond * 10;
  const MadeCost made = make_cost(request);
  const auto lasts = [&](std::int64_t decodes) {
    BatchShape shape;
    shape.decodes = decodes;
    shape.decode_context = decodes * 100;
    return made.stages.front()->price(shape).stage;
  };
  const Duration floor = kMillisecond * 10 * request.model.layers;
  CHECK(lasts(16 * 8) < floor);
  CHECK(lasts(16 * 8 + 1) >= floor);
}
