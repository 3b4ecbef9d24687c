// What the CUDA half knows without a GPU: names, limits, pairs, libraries that are not there.
#include "profiles/cuda_facts.h"

#include <algorithm>

#include "profiles/cuda_nccl.h"
#include "profiles/cuda_nvml.h"
#include "profiles/cuda_pair.h"
#include "profiles/cuda_work.h"
#include "profiles/measure_plan.h"
#include "tests/catch.h"
#include "tests/profiles/cuda_emulated.h"

namespace {

using namespace headroom;
using namespace headroom::gpu_test;

KernelShape pair_shape(const std::string& variant) {
  KernelShape shape;
  shape.op = "pair";
  shape.variant = variant;
  return shape;
}

bool is_collective(const KernelShape& shape) {
  return shape.op.starts_with("all_") || shape.op == "reduce_scatter" || shape.op == "p2p";
}

/// Whether there is a kernel for a shape, found without memory for its operands.
bool has_kernel(const KernelShape& shape) {
  EmulatedGpu gpu;
  gpu.most_bytes_ = 0;
  try {
    static_cast<void>(make_work(gpu, shape, 1));
    return false;
  } catch (const GpuRefusal& refusal) {
    return refusal.why == "no memory";
  }
}

}  // namespace

TEST_CASE("a GPU's title becomes a name of the catalogue, or one of its own") {
  CHECK(cuda_device_name("NVIDIA H100 80GB HBM3") == "h100-sxm");
  CHECK(cuda_device_name("NVIDIA A100-SXM4-80GB") == "a100-80g-sxm");
  CHECK(cuda_device_name("NVIDIA B200") == "b200-sxm");
  CHECK(cuda_device_name("NVIDIA GeForce RTX 3060 Ti") == "geforce-rtx-3060-ti");
  CHECK(cuda_device_name("") == "unknown-gpu");
}

TEST_CASE("a GPU's limits follow from its clocks and units") {
  GpuFacts h100;
  h100.major = 9;
  h100.processors = 132;
  h100.sm_mhz = 1980;
  h100.memory_mhz = 2619;
  h100.bus_bits = 5120;
  const DevicePeaks peaks = peaks_of(h100);
  // 2619 MHz x 2 x 5120 bits = 3.352 TB/s; the data sheet says 3.35.
  CHECK(peaks.bytes_per_second == Approx(3.352e12).epsilon(0.001));
  // The data sheet's 989 TFLOP/s are at 1830 MHz: at 1980 they are 1070.
  CHECK(peaks.flops_per_second.at("bf16") == Approx(989.4e12 * 1980 / 1830).epsilon(0.001));
  CHECK(peaks.flops_per_second.at("fp8") == 2 * peaks.flops_per_second.at("bf16"));
  h100.major = 12;  // not known: nothing is judged by it
  CHECK(peaks_of(h100).flops_per_second.empty());
  CHECK(cuda_version_text(13000) == "13.0");
  CHECK(cuda_version_text(12040) == "12.4");
}

TEST_CASE("a pair's variant names both kernels and the share of the first") {
  const auto pair = pair_of(pair_shape("gemm beside decode_attention 3/4 hot"));
  REQUIRE(pair);
  CHECK(pair->own == "gemm");
  CHECK(pair->partner == "decode_attention");
  CHECK(pair->share == 3);
  CHECK(pair->of == 4);
  CHECK(pair_of(pair_shape("copy alone 1/1 hot"))->partner.empty());
  for (const char* variant : {"gemm beside copy", "gemm with copy 1/2 hot", "gemm alone 5/4 hot",
                              "gemm alone 2/2 hot", "gemm alone 0/4 hot", ""})
    CHECK_FALSE(pair_of(pair_shape(variant)));
  KernelShape gemm;
  gemm.op = "gemm";
  CHECK_FALSE(pair_of(gemm));
}

TEST_CASE("every shape of the GPU's quick plan has a kernel") {
  std::size_t pairs = 0, messages = 0;
  for (const KernelShape& shape : quick_plan(PlanFor::gpu).points) {
    INFO(describe(shape));
    if (const auto pair = pair_of(shape)) {
      ++pairs;
      CHECK(has_kernel(kernel_of_pair(shape, pair->own).value()));
      if (!pair->partner.empty()) CHECK(has_kernel(kernel_of_pair(shape, pair->partner).value()));
      continue;
    }
    if (shape.variant.starts_with("launch_")) continue;
    if (is_collective(shape)) ++messages;
    CHECK(has_kernel(shape));
  }
  // Three kernels, each alone and beside the two others, with four shares.
  CHECK(pairs == 3 * 3 * 4);
  CHECK(messages == 0);
}

TEST_CASE("a model over several GPUs has its messages planned, and its kernels' pairs") {
  PlanModel model;
  model.name = "model";
  model.hidden = 4096;
  model.heads = 8;
  model.kv_heads = 2;
  model.head_dim = 128;
  model.ffn = 3584;
  for (const std::int64_t ranks : {1, 4}) {
    model.tensor_ranks = ranks;
    const MeasurePlan plan = model_plan(PlanFor::gpu, model);
    const auto messages = std::count_if(plan.points.begin(), plan.points.end(), is_collective);
    // Nine sizes from 4 KiB to 256 MiB; four collectives, a send and a copy.
    CHECK(messages == (ranks == 1 ? 0 : 9 * 6));
    CHECK(std::count_if(plan.points.begin(), plan.points.end(), [](const KernelShape& shape) {
            return pair_of(shape).has_value();
          }) == 2 * 8 * 9);
  }
}

TEST_CASE("without the driver's library nothing is known of a GPU, and nothing fails") {
  // A machine with a GPU has none at this address either.
  CHECK_FALSE(Nvml::open("ffff:ff:1f.7").has_value());
  CHECK(slow_reason_text(0) == "");
  CHECK(slow_reason_text(0x4 | 0x40) == "power cap, heat (hardware)");
  const Nccl* const nccl = find_nccl();
  if (nccl != nullptr) CHECK(nccl->version.find('.') != std::string::npos);
}
