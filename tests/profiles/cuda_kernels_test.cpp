// The GPU's own kernels, run on the CPU thread by thread and compared with fp64 references.
#include <cmath>
#include <limits>

#include "profiles/check.h"
#include "profiles/cuda_work.h"
#include "profiles/measure_plan.h"
#include "tests/catch.h"
#include "tests/profiles/cuda_emulated.h"

namespace {

using namespace headroom;
using namespace headroom::gpu_test;

/// What is wrong with a shape's work on an emulated GPU; races and leaks included.
std::string wrong_with(const KernelShape& shape, int step, std::int64_t processors = 4) {
  EmulatedGpu gpu(step);
  gpu.processors_ = processors;
  std::string wrong;
  {
    const PreparedWork prepared = make_work(gpu, shape, 7);
    if (prepared.work == nullptr) return prepared.refusal;
    wrong = prepared.work->check();
  }
  if (gpu.races_ > 0) wrong += " races: " + std::to_string(gpu.races_);
  if (gpu.allocated_ != 0) wrong += " memory was not released";
  return wrong;
}

KernelShape elementwise(const std::string& kernel, std::int64_t m, std::int64_t k) {
  KernelShape shape;
  shape.op = "elementwise";
  shape.compute = shape.stored = "bf16";
  shape.m = m;
  shape.k = k;
  shape.bytes = 2 * m * k * 2;
  shape.variant = kernel + " cold";
  return shape;
}

KernelShape attention(const std::string& op, std::int64_t kv_heads, std::int64_t group,
                      std::int64_t head_dim) {
  KernelShape shape;
  shape.op = op;
  shape.compute = shape.stored = "bf16";
  shape.kv_heads = kv_heads;
  shape.heads = kv_heads * group;
  shape.head_dim = head_dim;
  shape.batch = 1;
  return shape;
}

/// Orders in which the threads of a block run: none may matter.
constexpr int kOrders[] = {1, -1, 77};

}  // namespace

TEST_CASE("numbers of 16 and 8 bits round to nearest, ties to even, and saturate") {
  // bf16 keeps eight bits: 1 + 2^-8 is half a step above 1 and goes to the even 1.
  CHECK(to_float(to_bf16(1.00390625F)) == 1.0F);
  CHECK(to_float(to_bf16(1.01171875F)) == 1.015625F);  // 1 + 3 2^-8 -> 1 + 2^-6
  CHECK(to_float(to_bf16(-3.0F)) == -3.0F);
  CHECK(pack_bf16(1.0F, -2.0F) == 0xc0003f80U);
  // fp16 keeps eleven.
  CHECK(to_float(to_fp16(1.00048828125F)) == 1.0F);
  CHECK(to_float(to_fp16(-0.0078125F)) == -0.0078125F);
  CHECK(to_fp16(65504.0F).bits == 0x7bffU);
  // e4m3: 448 is the largest; 2^-9 the least; between 16 and 18 lies 17, which goes to 16.
  CHECK(to_float(to_e4m3_by_bits(448.0F)) == 448.0F);
  CHECK(to_float(to_e4m3_by_bits(1e9F)) == 448.0F);
  CHECK(to_float(to_e4m3_by_bits(-17.0F)) == -16.0F);
  CHECK(to_float(to_e4m3_by_bits(19.0F)) == 20.0F);
  CHECK(to_float(to_e4m3_by_bits(0.001953125F)) == 0.001953125F);
  CHECK(to_float(to_e4m3_by_bits(0.0009765625F)) == 0.0F);  // half of it: to the even 0
  CHECK(to_float(to_e4m3_by_bits(0.0029296875F)) == 0.00390625F);
}

TEST_CASE("every e4m3 number survives its way through float, and rounding finds the nearest") {
  for (int bits = 0; bits < 256; ++bits) {
    const E4m3 x{static_cast<std::uint8_t>(bits)};
    if ((bits & 0x7f) == 0x7f) continue;  // NaN
    CHECK(to_e4m3_by_bits(to_float(x)).bits == x.bits);
  }
  for (float x = 0.0005F; x < 460.0F; x *= 1.013F) {
    const float rounded = to_float(to_e4m3_by_bits(x));
    float nearest = std::numeric_limits<float>::max();
    for (int bits = 0; bits < 127; ++bits)
      nearest = std::min(nearest, std::abs(to_float(E4m3{static_cast<std::uint8_t>(bits)}) - x));
    CHECK(std::abs(rounded - x) == nearest);
  }
}

TEST_CASE("random operands fill (-1, 1), none of them zero in any format") {
  float least = 1, most = -1;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const float x = random_float(3, i);
    least = std::min(least, x);
    most = std::max(most, x);
    if (to_float(to_e4m3_by_bits(x)) == 0 || to_float(to_bf16(x)) == 0 ||
        to_float(to_fp16(x)) == 0 || std::abs(x) > 1)
      FAIL("zero or out of range at " << i);
  }
  CHECK(least < -0.999F);
  CHECK(most > 0.999F);
  CHECK(random_float(3, 5) != random_float(4, 5));
}

TEST_CASE("kernels between the products agree with fp64 over rows, widths and thread orders") {
  for (const int step : kOrders)
    for (const char* kernel :
         {"rms_norm", "add_rms_norm", "silu_mul", "rope", "kv_append", "kv_gather", "quantize_fp8"})
      for (const std::int64_t m : {1, 3, 17, 64})
        for (const std::int64_t k : {64, 192, 1024, 2112}) {
          INFO(kernel << " " << m << " x " << k << ", order " << step);
          CHECK(wrong_with(elementwise(kernel, m, k), step) == "");
        }
}

TEST_CASE("copies leave what they should, on the device and to and from its host") {
  for (const char* kernel : {"copy", "copy_h2d_pinned", "copy_d2h_pinned"})
    for (const std::int64_t bytes : {32, 4096, 100000}) {
      KernelShape shape = elementwise(kernel, 0, 0);
      shape.compute = shape.stored = "";
      shape.bytes = 2 * bytes;
      CHECK(wrong_with(shape, 1) == "");
    }
}

TEST_CASE("paged decode attention agrees with fp64 over heads, groups, batches and contexts") {
  for (const std::int64_t head_dim : {64, 128})
    for (const std::int64_t kv_heads : {1, 2})
      for (const std::int64_t group : {1, 4, 8, 20})
        for (const std::int64_t batch : {1, 3})
          for (const std::int64_t context : {1, 15, 16, 17, 64, 129, 300}) {
            KernelShape shape = attention("decode_attention", kv_heads, group, head_dim);
            shape.batch = batch;
            shape.context = context;
            INFO(describe(shape));
            CHECK(wrong_with(shape, kOrders[static_cast<std::size_t>(context) % 3]) == "");
          }
}

TEST_CASE("a vendor's decode attention is checked like our own, or refused with its reason") {
  KernelShape shape = attention("decode_attention", 2, 4, 128);
  shape.context = 100;
  shape.variant = "cudnn cold";
  CHECK(wrong_with(shape, 1) == "");
  EmulatedGpu gpu;
  gpu.vendor_decodes_ = false;
  CHECK(make_work(gpu, shape, 7).refusal == "no engine");
}

TEST_CASE("decode attention split over many blocks gives what one block gives") {
  for (const std::int64_t context : {256, 1000, 2049}) {
    KernelShape shape = attention("decode_attention", 2, 4, 128);
    shape.context = context;
    // 64 processors, two blocks each: as many parts of 128 keys as there are.
    CHECK(wrong_with(shape, 1, 64) == "");
    CHECK(wrong_with(shape, 1, 1) == "");
  }
}

TEST_CASE("causal prefill attention agrees with fp64 over chunks and what was cached before") {
  for (const std::int64_t head_dim : {64, 128})
    for (const std::int64_t group : {1, 4, 6})
      for (const std::int64_t chunk : {1, 16, 33, 130})
        for (const std::int64_t cached : {0, 1, 31, 300}) {
          KernelShape shape = attention("prefill_attention", 2, group, head_dim);
          shape.chunk = chunk;
          shape.cached = cached;
          INFO(describe(shape));
          CHECK(wrong_with(shape, kOrders[static_cast<std::size_t>(cached) % 3], 8) == "");
        }
}

TEST_CASE("products and expert layers are checked, and a wrong kernel is found") {
  KernelShape shape;
  shape.op = "gemm";
  shape.m = 5;
  shape.n = 24;
  shape.k = 96;
  for (const char* format : {"bf16", "fp16", "fp8"}) {
    shape.compute = shape.stored = format;
    CHECK(wrong_with(shape, 1) == "");
    EmulatedGpu gpu;
    gpu.wrong_by_ = 1;
    CHECK(make_work(gpu, shape, 7).work->check().starts_with("out["));
  }
  KernelShape experts;
  experts.op = "moe";
  experts.compute = experts.stored = "bf16";
  experts.m = 11;
  experts.n = 32;
  experts.k = 16;
  experts.experts = 4;
  experts.topk = 2;
  CHECK(wrong_with(experts, 1) == "");
  EmulatedGpu gpu;
  gpu.wrong_by_ = 1;
  CHECK(make_work(gpu, experts, 7).work->check().starts_with("out["));
}

TEST_CASE("kernels limited to few blocks do all the work") {
  for (const std::int64_t blocks : {1, 3}) {
    EmulatedGpu gpu;
    KernelShape shape = attention("decode_attention", 2, 4, 128);
    shape.batch = 3;
    shape.context = 200;
    for (const KernelShape& each : {shape, elementwise("rms_norm", 9, 256)}) {
      const PreparedWork prepared = make_work(gpu, each, 7);
      REQUIRE(prepared.work != nullptr);
      // A check launches over all blocks; these launches write the same over it.
      prepared.work->launch({0, blocks});
      CHECK(prepared.work->check() == "");
      CHECK(gpu.races_ == 0);
    }
  }
}

TEST_CASE("an output that was never written, and memory that is not there, are found") {
  EmulatedGpu gpu;
  const GpuMemory words(gpu, 64);
  gpu.set_bytes(words.data(), 0, 64);
  gpu.set_bytes(words.as<char>() + 6, 0xff, 4);
  unsigned long long found = 0;
  gpu.run(CountPoison::Call{words.data(), 4, &found}, {});
  CHECK(found == 2);
  gpu.most_bytes_ = 1000;
  CHECK_THROWS_AS(make_work(gpu, elementwise("rms_norm", 64, 1024), 1), GpuRefusal);
}

TEST_CASE("pairs of tokens and experts are shared evenly") {
  CHECK(balanced_rows(22, 4) == std::vector<std::int64_t>{5, 6, 5, 6});
  CHECK(balanced_rows(2, 4) == std::vector<std::int64_t>{0, 1, 0, 1});
}

TEST_CASE("threads that share memory without a barrier are found") {
  HostBlock block(64, 1);
  HostBlock::Shared<int, 64> shared;
  block.each([&](int t) { shared.store(t, t, t); });
  block.barrier();
  block.each([&](int t) { static_cast<void>(shared.load(t, 63 - t)); });
  CHECK(block.races() == 0);
  block.each([&](int t) { shared.store(t, t, 0); });  // others may not have read yet
  CHECK(block.races() == 64);
  block.barrier();
  block.each([&](int t) {
    shared.store(t, t, 1);
    if (t == 5) static_cast<void>(shared.load(t, 4));  // just written by another
  });
  CHECK(block.races() == 65);
}
