#include "models/roofline_cost.h"

#include <rapidcheck.h>

#include <array>

#include "models/compiled_cost.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

struct Setting {
  const char* model;
  const char* device;
  const char* weights;
  std::int64_t tensor;
};

ShardedModel shard(const Setting& setting) {
  const Architecture model = find_model(setting.model, "");
  return shard_model(model, make_precision(model, setting.weights, "auto", ""), {setting.tensor, 1},
                     "");
}

CompiledCost compile(const Setting& setting, const char* engine) {
  const Device device = find_device(setting.device, "");
  return {shard(setting), find_engine(engine, ""), RooflineTimes(device), device.pcie_bandwidth};
}

double decode_ms(const CostModel& cost, std::int64_t decodes, std::int64_t context) {
  BatchShape shape;
  shape.decodes = decodes;
  shape.decode_context = decodes * context;
  return milliseconds(cost.price(shape).stage);
}

double prefill_ms(const CostModel& cost, std::int32_t tokens) {
  const std::array<PrefillChunk, 1> chunks{PrefillChunk{tokens, 0, 1}};
  BatchShape shape;
  shape.prefills = chunks;
  return milliseconds(cost.price(shape).stage);
}

void in_band(double value, double least, double most) {
  CHECK(value >= least);
  CHECK(value <= most);
}

Operator gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  Operator op;
  op.kind = OperatorKind::out_gemm;
  op.m = m;
  op.n = n;
  op.k = k;
  op.flops = Flops(2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k));
  op.weight_bytes = Bytes(2 * n * k);
  op.activation_bytes = Bytes(2 * m * (n + k));
  return op;
}

}  // namespace

// 16.1 GB of weights less the 1.05 GB embedding over 3.35 TB/s is 4.5 ms; kernels reach 80 to 90 %
// of it and launch about 10 times a layer. Prefill of 1,024 tokens: 15.4 TFLOP, 15.6 ms at the
// peak, launch-bound at 25.6 ms.
TEST_CASE("Llama-3.1-8B on an H100 takes the times engines show for it") {
  const CompiledCost cost = compile({"llama-3.1-8b", "h100", "bf16", 1}, "vllm");
  in_band(decode_ms(cost, 1, 1100), 5.5, 7.0);
  in_band(decode_ms(cost, 13, 1100), 6.0, 8.0);
  in_band(prefill_ms(cost, 1024), 25, 40);
}

// NanoFlow (Zhu et al., 2024), table of measured operators: LLaMA-2-70B, 8 x A100-80G, dense batch
// 2048 with 1.41 M tokens of KV: 225 ms an iteration, all GEMMs 137 ms, decode attention 35.6,
// network 47.9. Element-wise kernels are not in that table.
TEST_CASE("LLaMA-2-70B on eight A100 is within a quarter of NanoFlow's measured iteration") {
  const CompiledCost cost = compile({"llama-2-70b", "a100", "fp16", 8}, "ideal");
  const std::array<PrefillChunk, 2> chunks{PrefillChunk{512, 0, 1}, PrefillChunk{512, 0, 1}};
  BatchShape shape;
  shape.decodes = 1024;
  shape.decode_context = 1'410'000;
  shape.prefills = chunks;
  in_band(milliseconds(cost.price(shape).stage), 225 * 0.75, 225 * 1.25);

  CostLedger ledger;
  cost.charge(shape, ledger);
  const auto class_ms = [&ledger](OperatorClass operator_class) {
    double sum = 0;
    for (const Int128 amount : ledger.fixed_ns[static_cast<std::size_t>(operator_class)])
      sum += static_cast<double>(amount);
    return sum / static_cast<double>(kFixedOne) * 1e-6;
  };
  in_band(class_ms(OperatorClass::gemm), 137 * 0.85, 137 * 1.15);
  in_band(class_ms(OperatorClass::decode_attention), 35.6 * 0.8, 35.6 * 1.2);
  in_band(class_ms(OperatorClass::collective), 47.9 * 0.85, 47.9 * 1.15);
}

// DistServe's own engine on A100-80G (simdistserve's fit, models/linear_cost.cpp): OPT-13B at tp 1:
// one decode with 513 tokens of context 20.3 ms, 64 of them 43.0 ms, a prefill of 512 tokens 72.1
// ms; OPT-66B at tp 4: 31.1, 49.7 and 109.1 ms.
TEST_CASE("OPT on A100 is within a fifth of DistServe's measured steps") {
  const CompiledCost small = compile({"opt-13b", "a100", "fp16", 1}, "distserve");
  in_band(decode_ms(small, 1, 513), 20.3 * 0.8, 20.3 * 1.2);
  in_band(decode_ms(small, 64, 513), 43.0 * 0.8, 43.0 * 1.2);
  in_band(prefill_ms(small, 512), 72.1 * 0.8, 72.1 * 1.2);
  const CompiledCost large = compile({"opt-66b", "a100", "fp16", 4}, "distserve");
  in_band(decode_ms(large, 1, 513), 31.1 * 0.8, 31.1 * 1.2);
  in_band(decode_ms(large, 64, 513), 49.7 * 0.8, 49.7 * 1.2);
  in_band(prefill_ms(large, 512), 109.1 * 0.8, 109.1 * 1.2);
}

// Time an output token at 4 clients with prompts of 1,024 (ai-dynamo/aiconfigurator, measured
// serving points, vLLM, FP8 weights): H100 tp 2 17.4 ms, tp 4 12.0 ms (outputs of 8,192), tp 8 9.1
// ms; B200 tp 1 16.3 ms.
TEST_CASE("Llama-3.1-70B in FP8 decodes within an eighth of published serving points") {
  const auto tpot = [](const char* device, std::int64_t tensor, std::int64_t context) {
    return decode_ms(compile({"llama-3.1-70b", device, "fp8", tensor}, "vllm"), 4, context);
  };
  in_band(tpot("h100", 2, 1536), 17.4 * 0.875, 17.4 * 1.125);
  in_band(tpot("h100", 4, 5120), 12.0 * 0.875, 12.0 * 1.125);
  in_band(tpot("h100", 8, 1536), 9.1 * 0.875, 9.1 * 1.125);
  in_band(tpot("b200", 1, 1536), 16.3 * 0.875, 16.3 * 1.125);
}

TEST_CASE("more GPUs of a tensor-parallel group make an iteration shorter, but not n times") {
  for (const char* model : {"llama-3.1-8b", "llama-3.1-70b", "mixtral-8x7b"}) {
    CAPTURE(model);
    double before = 0;
    for (const std::int64_t tensor : {1, 2, 4, 8}) {
      const CompiledCost cost = compile({model, "h100", "bf16", tensor}, "ideal");
      const double decode = decode_ms(cost, 32, 1000), prefill = prefill_ms(cost, 4096);
      if (tensor > 1) {
        CHECK(decode < before);
        CHECK(decode > before / 2);
        CHECK(prefill < prefill_ms(compile({model, "h100", "bf16", tensor / 2}, "ideal"), 4096));
      }
      before = decode;
    }
  }
}

TEST_CASE("no operator beats the roofline bound, and none gets cheaper by growing") {
  CHECK(rc::check([] {
    const Device& device =
        device_catalogue()[*rc::gen::inRange<std::size_t>(0, device_catalogue().size())];
    const RooflineTimes times(device);
    Operator op = gemm(*rc::gen::inRange<std::int64_t>(1, 40'000),
                       *rc::gen::inRange<std::int64_t>(64, 70'000),
                       *rc::gen::inRange<std::int64_t>(64, 70'000));
    const OperatorTime time = times.time(op);
    RC_ASSERT(time.seconds > times.bound(op) * 0.999);
    RC_ASSERT(time.launch > 0);
    RC_ASSERT(time.launch <= time.seconds);
    RC_ASSERT(time.seconds <= times.time(gemm(op.m + 1, op.n, op.k)).seconds);
    RC_ASSERT(time.seconds <= times.time(gemm(op.m, op.n + 1, op.k)).seconds);
    RC_ASSERT(time.evidence != Evidence::measured);
  }));
}

TEST_CASE("only a device with its own curve interpolates, and only in the measured range") {
  const auto evidence = [](const char* device, const Operator& op) {
    return RooflineTimes(find_device(device, "")).time(op).evidence;
  };
  CHECK(evidence("h100", gemm(64, 4096, 4096)) == Evidence::interpolated);
  CHECK(evidence("a100", gemm(64, 4096, 4096)) == Evidence::interpolated);
  CHECK(evidence("a100-40g", gemm(64, 4096, 4096)) == Evidence::extrapolated);
  CHECK(evidence("mi300x", gemm(64, 4096, 4096)) == Evidence::extrapolated);
  CHECK(evidence("h100", gemm(64, 128'256, 4096)) == Evidence::extrapolated);
  Operator quantised = gemm(64, 4096, 4096);
  quantised.compute = quantised.stored = DataType::fp8;
  CHECK(evidence("h100", quantised) == Evidence::interpolated);
  CHECK(evidence("a100", quantised) == Evidence::extrapolated);
}

TEST_CASE("every device of the catalogue has curves with shares between zero and one") {
  for (const Device& device : device_catalogue()) {
    CAPTURE(device.name);
    const DeviceCurves& curves = *find_curves(device).curves;
    for (const KernelCurve& curve :
         {curves.gemm16, curves.gemm8, curves.moe16, curves.moe8, curves.decode16, curves.decode8,
          curves.prefill16, curves.prefill8, curves.elementwise}) {
      CHECK(curve.launch_us > 0);
      CHECK(curve.memory > 0);
      CHECK(curve.memory <= 1);
      CHECK(curve.compute <= 1);
    }
  }
  for (const DeviceCurves& curves : device_curves()) {
    CAPTURE(curves.device);
    CHECK(find_curves(find_device(curves.device, "")).curves == &curves);
    CHECK(find_curves(find_device(curves.device, "")).evidence == Evidence::interpolated);
  }
}
