#include "models/cost_factory.h"

#include "sim/check.h"
#include "tests/catch.h"

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

namespace {

double booked(const MadeCost& made, OperatorClass kind, const BatchShape& shape) {
  CostLedger ledger;
  made.stages.front()->charge(shape, ledger);
  double sum = 0;
  for (const Int128 amount : ledger.fixed_ns[static_cast<std::size_t>(kind)])
    sum += static_cast<double>(amount);
  return sum;
}

BatchShape decodes(std::int64_t count) {
  BatchShape shape;
  shape.decodes = count;
  shape.decode_context = count * 100;
  return shape;
}

}  // namespace

TEST_CASE("groups of attention share what experts do and wait for the longest prompt's rest") {
  constexpr std::int32_t kGroups = 8, kTokens = 4096;
  CostRequest request = request_for("deepseek-v3", "b200", 1, 1, "roofline");
  request.precision = make_precision(request.model, "fp8", "auto", "");
  request.parallel.attention_data = request.parallel.expert = kGroups;
  const MadeCost made = make_cost(request);
  const std::vector<PrefillChunk> lone{{kTokens, 0, 1}};
  const std::vector<PrefillChunk> each(kGroups, {kTokens, 0, 1});
  const std::vector<PrefillChunk> dealt(kGroups, {kTokens / kGroups, 0, 1});
  const auto with = [](const std::vector<PrefillChunk>& chunks) {
    BatchShape shape;
    shape.prefills = chunks;
    return shape;
  };
  // Experts and their exchange take the tokens there are, whoever holds them.
  for (const OperatorClass kind : {OperatorClass::moe, OperatorClass::collective}) {
    CHECK(booked(made, kind, with(lone)) == Approx(booked(made, kind, with(dealt))).epsilon(1e-6));
    CHECK(booked(made, kind, with(lone)) < 0.5 * booked(made, kind, with(each)));
  }
  // The one group's projections take as long as if all groups had such a prompt.
  CHECK(booked(made, OperatorClass::gemm, with(lone)) ==
        Approx(booked(made, OperatorClass::gemm, with(each))).epsilon(0.02));
  CHECK(booked(made, OperatorClass::gemm, with(lone)) >
        2 * booked(made, OperatorClass::gemm, with(dealt)));
  const auto lasts = [&](const std::vector<PrefillChunk>& chunks) {
    return made.stages.front()->price(with(chunks)).stage;
  };
  CHECK(lasts(dealt) < lasts(lone));
  CHECK(lasts(lone) < lasts(each));
}

TEST_CASE("constants of experts scale experts of their weights' format, and nothing else") {
  CostRequest request = request_for("qwen3-235b-a22b", "h200", 4, 1, "roofline");
  const auto made_with = [&](DataType experts, double block_fp8, double mxfp4) {
    request.precision.experts = experts;
    request.engine.block_fp8_experts_scale = block_fp8;
    request.engine.mxfp4_experts_scale = mxfp4;
    return make_cost(request);
  };
  const BatchShape shape = decodes(16);
  struct Case {
    DataType format;
    double factor;
  };
  for (const auto& [format, factor] : {Case{DataType::fp8_block, 1.5},
                                       {DataType::mxfp4, 0.75},
                                       {DataType::fp8, 1},
                                       {DataType::bf16, 1}}) {
    CAPTURE(to_string(format));
    const MadeCost plain = made_with(format, 1, 1), scaled = made_with(format, 1.5, 0.75);
    CHECK(booked(scaled, OperatorClass::moe, shape) ==
          Approx(factor * booked(plain, OperatorClass::moe, shape)).epsilon(1e-5));
    for (const OperatorClass other : {OperatorClass::gemm, OperatorClass::decode_attention})
      CHECK(booked(scaled, other, shape) == booked(plain, other, shape));
  }
}

TEST_CASE(
    "an engine that reads all experts takes as long for one token as for tokens of them all") {
  CostRequest request = request_for("qwen3-235b-a22b", "h200", 4, 1, "roofline");
  request.precision.experts = DataType::fp8_block;
  const MadeCost few = make_cost(request);
  request.engine.reads_all_experts = true;
  const MadeCost all = make_cost(request);
  // 128 experts, 8 a token: 64 tokens touch all but 1 in 55.
  const double whole = booked(few, OperatorClass::moe, decodes(64));
  for (const std::int64_t count : {1, 4, 16, 64})
    CHECK(booked(all, OperatorClass::moe, decodes(count)) == Approx(whole).epsilon(1e-3));
  CHECK(booked(few, OperatorClass::moe, decodes(1)) < 0.7 * whole);
  CHECK(booked(all, OperatorClass::moe, decodes(512)) ==
        booked(few, OperatorClass::moe, decodes(512)));
}
