#include "models/operators.h"

#include <rapidcheck.h>

#include <string>
#include <vector>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

ShardedModel sharded(const std::string& name, std::int64_t tensor, std::int64_t pipeline = 1) {
  const Architecture model = find_model(name, "test");
  return shard_model(model, make_precision(model, "bf16", "auto", "test"), {tensor, pipeline},
                     "test");
}

bool multiplies_weights(OperatorKind kind) {
  switch (kind) {
    case OperatorKind::qkv_gemm:
    case OperatorKind::out_gemm:
    case OperatorKind::gate_up_gemm:
    case OperatorKind::down_gemm:
    case OperatorKind::router:
    case OperatorKind::latent_gemm:
    case OperatorKind::moe_experts:
      return true;
    default:
      return false;
  }
}

struct Sums {
  double gflop = 0;
  double gigabytes = 0;
  double wire_gigabytes = 0;
};

/// One kind's totals over all layers and GPUs.
Sums sum_of(const ShardedModel& model, const std::vector<Operator>& list, OperatorKind kind) {
  Sums sums;
  const double gpus = static_cast<double>(model.parallel.tensor);
  for (const Operator& op : list) {
    if (op.kind != kind) continue;
    const double times = gpus * static_cast<double>(op.repeat) * 1e-9;
    sums.gflop += op.flops.value() * times;
    sums.gigabytes += op.bytes().as_double() * times;
    sums.wire_gigabytes += op.wire_bytes.as_double() * times;
  }
  return sums;
}

}  // namespace

TEST_CASE("GEMM work over all GPUs is twice tokens times matmul parameters") {
  CHECK(rc::check([] {
    const std::vector<Architecture>& models = bundled_models();
    const Architecture& model = models[*rc::gen::inRange<std::size_t>(0, models.size())];
    const Parallelism split{*rc::gen::element<std::int64_t>(1, 2, 4, 8),
                            *rc::gen::element<std::int64_t>(1, 2, 4)};
    RC_PRE(sharding_problem(model, split).empty());
    // Else replicated KV heads, or the matrix of the latent vectors, come on top.
    const bool whole = model.is_latent() ? split.tensor == 1 : model.kv_heads >= split.tensor;
    RC_PRE(whole);
    const ShardedModel some = sharded(model.name, split.tensor, split.pipeline);
    const PrefillChunk chunk{*rc::gen::inRange(1, 4'000), 0, 1};
    BatchShape shape;
    shape.prefills = {&chunk, 1};
    shape.decodes = *rc::gen::inRange(0, 100);
    shape.decode_context = shape.decodes * 10;
    double work = 0;
    double repeated_router = 0;
    for (std::int64_t stage = 0; stage < split.pipeline; ++stage) {
      for (const Operator& op : list_stage(some, shape, stage)) {
        if (!multiplies_weights(op.kind)) continue;
        const double times = static_cast<double>(op.repeat * split.tensor);
        work += op.flops.value() * times;
        if (op.kind == OperatorKind::router) {
          repeated_router += op.flops.value() * static_cast<double>(op.repeat) *
                             static_cast<double>(split.tensor - 1);
        }
      }
    }
    const double tokens = static_cast<double>(chunk.tokens + shape.decodes);
    const double law = 2 * tokens * static_cast<double>(active_matmul_parameters(model));
    // All products of integers below 2^53 / 1024: only the sum rounds.
    RC_ASSERT(work - repeated_router > law * (1 - 1e-12));
    RC_ASSERT(work - repeated_router < law * (1 + 1e-12));
  }));
}

TEST_CASE("Operators of Llama-2-70B at 2048 tokens are those of the NanoFlow paper") {
  // Zhu et al., "NanoFlow", table of operators: LLaMA-2-70B, 8 GPUs, dense batch of 2048. GFLOP
  // over all GPUs; GB with replicated activations counted once, so bytes are compared without
  // tensor parallelism.
  const ShardedModel eight = sharded("llama-2-70b", 8);
  const ShardedModel one = sharded("llama-2-70b", 1);
  BatchShape shape;
  shape.decodes = 2048;
  shape.decode_context = 2048;
  const std::vector<Operator> spread = list_stage(eight, shape, 0);
  const std::vector<Operator> whole = list_stage(one, shape, 0);
  struct Row {
    OperatorKind kind;
    double gflop, gigabytes;
  };
  for (const Row& row :
       {Row{OperatorKind::qkv_gemm, 27'487.8, 19.5}, Row{OperatorKind::out_gemm, 21'990.2, 16.1},
        Row{OperatorKind::gate_up_gemm, 153'931.6, 96.6},
        Row{OperatorKind::down_gemm, 76'965.8, 49.7}}) {
    INFO(to_string(row.kind));
    CHECK(sum_of(eight, spread, row.kind).gflop == Approx(row.gflop).margin(0.05));
    CHECK(sum_of(one, whole, row.kind).gigabytes == Approx(row.gigabytes).margin(0.06));
  }
  // Two all-reduces a layer; the paper's 75.2 GB leaves out the one after the embedding.
  std::vector<Operator> layers = layer_token_operators(eight, 2048);
  const Sums network = sum_of(eight, layers, OperatorKind::all_reduce);
  CHECK(80 * network.wire_gigabytes == Approx(75.2).margin(0.05));
  CHECK(80 * network.gflop == Approx(18.8).margin(0.05));
}

TEST_CASE("Attention of Llama-2-70B is that of the NanoFlow paper") {
  // Its batch: 512 in, 1024 out, so a third of the 2048 tokens is prefill (683) and two thirds
  // (1365) decode at a mean context of 512 + 512: 1,398,101 keys.
  const ShardedModel eight = sharded("llama-2-70b", 8);
  const Operator decode = decode_attention(eight, AttentionSpan::full, 1365, 1'398'101);
  const double all = 8 * 80 * 1e-9;
  CHECK(decode.flops.value() * all == Approx(3'665.9).epsilon(0.001));
  // They add the new keys and values to the decode row: 1365 x 327,680 bytes = 0.45 GB.
  CHECK(decode.bytes().as_double() * all + 0.447 == Approx(462.2).epsilon(0.001));
  // They count scores above the diagonal too: twice ours, but for the diagonal itself (1 of 512).
  const Operator prefill = prefill_attention(eight, AttentionSpan::full, {512, 0, 1});
  CHECK(2 * prefill.flops.value() * all * 2048 / 3 / 512 == Approx(916.3).epsilon(0.003));
}

TEST_CASE("Chunks of a prompt do the attention work of the whole") {
  const ShardedModel model = sharded("gpt-oss-20b", 1);
  for (const AttentionSpan span : {AttentionSpan::full, AttentionSpan::windowed}) {
    const double whole = prefill_attention(model, span, {1000, 0, 1}).flops.value();
    double parts = 0;
    for (int cached = 0; cached < 1000; cached += 50) {
      parts += prefill_attention(model, span, {50, cached, cached == 950}).flops.value();
    }
    CHECK(parts == whole);
  }
}

TEST_CASE("A windowed layer attends to its window") {
  const ShardedModel model = sharded("gpt-oss-20b", 1);
  // 10 decodes of 1,000 keys: 128 each in a window.
  const Operator decode = decode_attention(model, AttentionSpan::windowed, 10, 10'000);
  CHECK(decode.context == 1'280);
  // 1,000 queries: 1 + ... + 128, then 872 x 128 keys; 64 heads of 64, 4 operations a score and
  // element.
  const Operator prefill = prefill_attention(model, AttentionSpan::windowed, {1000, 0, 1});
  CHECK(prefill.flops.value() == 4.0 * 4096 * (128 * 129 / 2 + 872 * 128));
  // 24 layers: 12 with and 12 without window in the list of the stage.
  BatchShape shape;
  shape.decodes = 10;
  shape.decode_context = 10'000;
  std::int64_t windowed = 0, full = 0;
  for (const Operator& op : list_stage(model, shape, 0)) {
    if (op.kind != OperatorKind::decode_attention) continue;
    (op.context == 1'280 ? windowed : full) += op.repeat;
  }
  CHECK(windowed == 12);
  CHECK(full == 12);
}

TEST_CASE("Stages hold every layer once, head first and tail last") {
  const ShardedModel model = sharded("opt-13b", 2, 4);
  BatchShape shape;
  shape.decodes = 3;
  shape.decode_context = 30;
  std::int64_t layers = 0, heads = 0, tails = 0;
  for (std::int64_t stage = 0; stage < 4; ++stage) {
    for (const Operator& op : list_stage(model, shape, stage)) {
      if (op.kind == OperatorKind::qkv_gemm) layers += op.repeat;
      if (op.kind == OperatorKind::embedding) heads += 1 + 10 * stage;
      if (op.kind == OperatorKind::lm_head) tails += stage;
    }
  }
  CHECK(layers == 40);
  CHECK(heads == 1);
  CHECK(tails == 3);
}

TEST_CASE("Only rows that yield a token pass the LM head") {
  const ShardedModel model = sharded("llama-3.1-8b", 1);
  const PrefillChunk chunks[] = {{100, 0, 0}, {200, 50, 1}};
  BatchShape shape;
  shape.prefills = chunks;
  shape.decodes = 5;
  shape.decode_context = 100;
  for (const Operator& op : list_stage(model, shape, 0)) {
    if (op.kind == OperatorKind::lm_head) CHECK(op.m == 6);
    if (op.kind == OperatorKind::qkv_gemm) CHECK(op.m == 305);
  }
}

TEST_CASE("Experts touched grow from the chosen few to all") {
  const Architecture mixtral = find_model("mixtral-8x7b", "test");
  CHECK(expected_experts_touched(mixtral, 0) == 0);
  CHECK(expected_experts_touched(mixtral, 1) == Approx(2));
  // Two tokens: 8 (1 - (3/4)^2) = 3.5.
  CHECK(expected_experts_touched(mixtral, 2) == Approx(3.5));
  CHECK(expected_experts_touched(mixtral, 1'000) == Approx(8));
  // One token reads two experts of 3 x 4096 x 14336 weights at 2 bytes.
  Bytes read{0};
  for (const Operator& op : layer_token_operators(sharded("mixtral-8x7b", 1), 1)) {
    if (op.kind == OperatorKind::moe_experts) read += op.weight_bytes;
  }
  CHECK(read == Bytes(std::int64_t{2} * 3 * 4096 * 14336 * 2));
}

TEST_CASE("Quantised weights shrink what a GEMM reads, not what it computes") {
  const Architecture llama = find_model("llama-3.1-8b", "test");
  const auto qkv = [&](const char* weights) {
    const ShardedModel model =
        shard_model(llama, make_precision(llama, weights, "auto", "t"), {}, "t");
    for (const Operator& op : layer_token_operators(model, 1)) {
      if (op.kind == OperatorKind::qkv_gemm) return op;
    }
    return Operator{};
  };
  CHECK(qkv("fp8").weight_bytes == Bytes(4096 * 6144));
  CHECK(qkv("int4").weight_bytes.as_double() == Approx(4096.0 * 6144 * 4.15625 / 8));
  CHECK(qkv("int4").compute == DataType::bf16);
  CHECK(qkv("fp8").compute == DataType::fp8);
  CHECK(qkv("int4").flops == qkv("bf16").flops);
}

TEST_CASE("Splits that a model does not allow say why") {
  const Architecture opt = find_model("opt-13b", "test");
  CHECK(sharding_problem(opt, {3, 1}) == "40 heads are not divisible by tp 3");
  CHECK(sharding_problem(opt, {1, 7}) == "40 layers are not divisible by pp 7");
  CHECK(sharding_problem(find_model("llama-2-70b", "test"), {16, 1}).empty());
  CHECK(sharding_problem(find_model("qwen2.5-7b", "test"), {7, 1}) ==
        "4 KV heads are not divisible by tp 7, nor tp by them");
  CHECK_THROWS_WITH(shard_model(opt, {}, {3, 1}, "s.json: /deployment/0"),
                    Catch::Matchers::StartsWith("s.json: /deployment/0: expected a split"));
}

TEST_CASE(
    "Experts and their columns are split over all GPUs of a stage, attention over its groups") {
  const Architecture model = find_model("deepseek-r1", "test");
  const Precision native = make_precision(model, "native", "auto", "test");
  // 16 GPUs: 4 attention groups of 4; 8 ranks of 32 experts each, whose columns 2 GPUs share.
  const ShardedModel some = shard_model(model, native, {4, 1, 8, 4}, "test");
  CHECK(some.parallel.gpus() == 16);
  std::vector<Operator> list = layer_token_operators(some, 64);
  std::int64_t gathered = 0, scattered = 0, reduced = 0;
  for (const Operator& op : list) {
    if (op.kind == OperatorKind::qkv_gemm) CHECK(op.m == 16);
    if (op.kind == OperatorKind::qkv_gemm) CHECK(op.n == 1536 + 512 + 64);
    if (op.kind == OperatorKind::all_reduce) reduced += op.ranks;
    if (op.kind == OperatorKind::all_gather) gathered = op.message.value();
    if (op.kind == OperatorKind::reduce_scatter) scattered = op.message.value();
    if (op.kind != OperatorKind::moe_experts) continue;
    CHECK(op.m == 64);
    CHECK(op.k == 1024);
    // 64 tokens x 8 experts over 8 ranks: 64 pairs x 3 matrices of 7168 x 1024, 2 operations each.
    CHECK(op.flops.value() == 2.0 * 64 * 3 * 7168 * 1024);
    CHECK(op.groups == Approx(expected_experts_touched(model, 64) / 8));
  }
  CHECK(reduced == 8);  // after attention and after the experts, among 4
  CHECK(gathered == 64 * 7168 * 2);
  CHECK(scattered == gathered);
}

TEST_CASE("Latent attention reads one vector a token in decode and expands it in prefill") {
  const Architecture model = find_model("deepseek-v3", "test");
  const Precision native = make_precision(model, "native", "auto", "test");
  const ShardedModel some = shard_model(model, native, {8, 1}, "test");
  const Operator decode = decode_attention(some, AttentionSpan::full, 2, 300);
  CHECK(decode.weight_bytes == Bytes(300 * 576 * 2));
  CHECK(decode.flops.value() == 2.0 * 16 * (576 + 512) * 300);  // 16 of 128 heads
  const Operator prefill = prefill_attention(some, AttentionSpan::full, {100, 0, 1});
  CHECK(prefill.flops.value() == 2.0 * 16 * (192 + 128) * 5050);  // 1 + 2 + ... + 100 keys
  CHECK(prefill.weight_bytes == Bytes(100 * 16 * 320 * 2));
}

TEST_CASE("The first layers of a mixture are dense where it says so") {
  const Architecture model = find_model("deepseek-v3", "test");
  const ShardedModel some =
      shard_model(model, make_precision(model, "native", "auto", "t"), {}, "t");
  BatchShape shape;
  shape.decodes = 4;
  shape.decode_context = 40;
  std::int64_t experts = 0, wide = 0, shared = 0;
  for (const Operator& op : list_stage(some, shape, 0)) {
    if (op.kind == OperatorKind::moe_experts) experts += op.repeat;
    if (op.kind == OperatorKind::down_gemm) (op.k == 18432 ? wide : shared) += op.repeat;
  }
  CHECK(experts == 58);
  CHECK(wide == 3);
  CHECK(shared == 58);
}

TEST_CASE("Expert splits that a model does not allow say why") {
  const Architecture qwen = find_model("qwen3-235b-a22b", "test");
  CHECK(sharding_problem(qwen, {4, 1, 4, 1}).empty());
  CHECK(sharding_problem(qwen, {4, 1, 8, 1}) == "4 GPUs of a stage are not divisible by ep 8");
  CHECK(sharding_problem(qwen, {4, 1, 1, 5}) ==
        "1536 expert columns are not divisible by 20, the GPUs that share an expert");
  CHECK(sharding_problem(find_model("llama-3.1-8b", "test"), {4, 1, 4, 1}) ==
        "expert and attention data parallelism are for mixtures of experts");
}

TEST_CASE("Every operator kind has a name and a class") {
  for (int i = 0; i < kOperatorKinds; ++i) {
    const auto kind = static_cast<OperatorKind>(i);
    CHECK(std::string(to_string(kind)).size() > 1);
    CHECK(static_cast<int>(class_of(kind)) < kOperatorClasses);
  }
  CHECK(class_of(OperatorKind::lm_head) == OperatorClass::gemm);
  CHECK(class_of(OperatorKind::sampling) == OperatorClass::elementwise);
}
