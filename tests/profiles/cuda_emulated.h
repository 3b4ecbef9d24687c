// A GPU emulated on the CPU, one thread at a time, for tests of kernels and of the work made from
// them: what the real one runs, with lanes that exchange values through scalar models.
//
// Law: reads and writes beyond an allocation are the sanitizers' to find, races between threads of
// a block are counted. Cost: microseconds a block and step.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "profiles/cuda_gpu.h"

namespace headroom::gpu_test {

using namespace headroom::gpu;

class EmulatedGpu final : public Gpu {
 public:
  /// `step`: the order in which threads of a block run, see HostBlock.
  explicit EmulatedGpu(int step = 1) : step_(step) {}

  [[nodiscard]] void* allocate(std::size_t bytes) override {
    if (bytes > most_bytes_) throw GpuRefusal{"no memory"};
    ++allocated_;
    void* const memory = ::operator new(std::max<std::size_t>(bytes, 1), kAlignment);
    std::memset(memory, 0x5a, bytes);
    return memory;
  }
  [[nodiscard]] void* allocate_host(std::size_t bytes) override { return allocate(bytes); }
  void release(void* memory) noexcept override {
    --allocated_;
    ::operator delete(memory, kAlignment);
  }
  void release_host(void* memory) noexcept override { release(memory); }
  void upload(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void download(void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void set_bytes(void* to, int value, std::size_t bytes) override { std::memset(to, value, bytes); }
  void wait() override {}
  [[nodiscard]] std::int64_t processors() const override { return processors_; }

  void run(const Fill::Call& call, Lane lane) override { blocks<Fill>(call, lane); }
  void run(const CountPoison::Call& call, Lane lane) override { blocks<CountPoison>(call, lane); }
  void run(const RmsNorm::Call& call, Lane lane) override { blocks<RmsNorm>(call, lane); }
  void run(const SiluMul::Call& call, Lane lane) override { blocks<SiluMul>(call, lane); }
  void run(const Rope::Call& call, Lane lane) override { blocks<Rope>(call, lane); }
  void run(const MoveRows::Call& call, Lane lane) override { blocks<MoveRows>(call, lane); }
  void run(const WeightedSum::Call& call, Lane lane) override { blocks<WeightedSum>(call, lane); }
  void run(const QuantizeRows::Call& call, Lane lane) override { blocks<QuantizeRows>(call, lane); }
  void decode(const AttentionCall& call, std::int64_t head_dim, Lane lane) override {
    head_dim == 128 ? blocks<Attention<128, 1>>(call, lane) : blocks<Attention<64, 1>>(call, lane);
    if (call.splits > 1) blocks<JoinSplits>({call, head_dim}, lane);
  }
  void prefill(const AttentionCall& call, std::int64_t head_dim, Lane lane) override {
    head_dim == 128 ? blocks<Attention<128, 2>>(call, lane) : blocks<Attention<64, 2>>(call, lane);
    if (call.splits > 1) blocks<JoinSplits>({call, head_dim}, lane);
  }
  void copy(void* to, const void* from, std::size_t bytes, CopyWay, Lane) override {
    std::memcpy(to, from, bytes);
  }
  [[nodiscard]] VendorChoice gemm(const GemmCall& call) override {
    return {std::make_unique<NaiveGemm>(*this, call), {}};
  }
  [[nodiscard]] VendorChoice grouped(const GroupedCall& call) override {
    return {std::make_unique<NaiveGrouped>(*this, call), {}};
  }
  /// Our own kernel plays the vendor's.
  [[nodiscard]] VendorChoice vendor_decode(const AttentionCall& call,
                                           std::int64_t head_dim) override {
    if (!vendor_decodes_) return {nullptr, "no engine"};
    return {std::make_unique<OtherDecode>(*this, call, head_dim), {}};
  }

  bool vendor_decodes_ = true;
  std::size_t most_bytes_ = std::size_t{1} << 30U;
  std::int64_t processors_ = 4;
  long long races_ = 0;
  std::int64_t allocated_ = 0;  ///< blocks of memory that nobody released
  /// What the vendor adds to its results: a wrong kernel.
  double wrong_by_ = 0;

 private:
  static constexpr std::align_val_t kAlignment{256};

  template <class Body>
  void blocks(const typename Body::Call& call, Lane lane) {
    const std::int64_t items = Body::items(call);
    const std::int64_t grid = lane.blocks > 0 ? std::min(lane.blocks, items) : items;
    for (std::int64_t first = 0; first < grid; ++first) {
      HostBlock block(Body::kThreads, step_);
      const auto memory = std::make_unique<typename Body::template Memory<HostBlock>>();
      for (std::int64_t item = first; item < items; item += grid)
        Body::run(block, *memory, call, item);
      races_ += block.races();
    }
  }

  static float number(const void* from, Element element, std::int64_t at) {
    if (element == Element::bf16) return to_float(static_cast<const Bf16*>(from)[at]);
    if (element == Element::fp16) return to_float(static_cast<const Fp16*>(from)[at]);
    return to_float(static_cast<const E4m3*>(from)[at]);
  }

  /// Sums in double precision: the vendor's kernel is not what is tested here.
  class NaiveGemm final : public VendorCall {
   public:
    NaiveGemm(const EmulatedGpu& gpu, const GemmCall& call) : gpu_(gpu), call_(call) {}
    void launch(Lane) override {
      for (std::int64_t row = 0; row < call_.m; ++row)
        for (std::int64_t column = 0; column < call_.n; ++column) {
          double sum = gpu_.wrong_by_;
          for (std::int64_t i = 0; i < call_.k; ++i)
            sum += static_cast<double>(number(call_.a, call_.format, row * call_.k + i)) *
                   static_cast<double>(number(call_.w, call_.format, column * call_.k + i));
          const std::int64_t at = row * call_.n + column;
          if (call_.format == Element::fp16)
            static_cast<Fp16*>(call_.out)[at] = to_fp16(static_cast<float>(sum));
          else
            static_cast<Bf16*>(call_.out)[at] = to_bf16(static_cast<float>(sum));
        }
    }

   private:
    const EmulatedGpu& gpu_;
    GemmCall call_;
  };

  class NaiveGrouped final : public VendorCall {
   public:
    NaiveGrouped(const EmulatedGpu& gpu, const GroupedCall& call) : gpu_(gpu), call_(call) {}
    void launch(Lane lane) override {
      std::int64_t row = 0, expert = 0;
      for (const std::int64_t rows : call_.rows) {
        NaiveGemm(gpu_, {static_cast<const Bf16*>(call_.a) + row * call_.k,
                         static_cast<const Bf16*>(call_.w) + expert * call_.n * call_.k,
                         static_cast<Bf16*>(call_.out) + row * call_.n, rows, call_.n, call_.k,
                         Element::bf16, 0})
            .launch(lane);
        row += rows;
        ++expert;
      }
    }

   private:
    const EmulatedGpu& gpu_;
    GroupedCall call_;
  };

  class OtherDecode final : public VendorCall {
   public:
    OtherDecode(EmulatedGpu& gpu, const AttentionCall& call, std::int64_t head_dim)
        : gpu_(gpu), call_(call), head_dim_(head_dim) {}
    void launch(Lane lane) override { gpu_.decode(call_, head_dim_, lane); }

   private:
    EmulatedGpu& gpu_;
    AttentionCall call_;
    std::int64_t head_dim_;
  };

  int step_;
};

}  // namespace headroom::gpu_test
