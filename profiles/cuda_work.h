// A planned shape as work for a GPU: its operands, its launches, its check.
//
// Law: every output is poisoned before the check and none of its words is left so; sampled outputs
// agree with fp64 references computed from the operands' own definition, not read back. Cost: the
// operands, filled on the GPU; references of at most some million terms.
// Not here: timing, collectives, pairs (profiles/cuda_device.cu).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "profiles/cuda_gpu.h"
#include "profiles/store.h"

namespace headroom::gpu {

class GpuWork {
 public:
  GpuWork() = default;
  GpuWork(const GpuWork&) = delete;
  GpuWork& operator=(const GpuWork&) = delete;
  virtual ~GpuWork() = default;
  virtual void launch(Lane lane) = 0;
  /// Poisons outputs, launches, compares. Empty: right.
  [[nodiscard]] virtual std::string check() = 0;
};

/// Work, or why there is none.
struct PreparedWork {
  std::unique_ptr<GpuWork> work{};
  std::string refusal{};
};

/// gemm, moe, decode_attention, prefill_attention, elementwise. Throws GpuRefusal where memory is
/// short. `processors`: multiprocessors that its kernels are chosen for; 0: all.
[[nodiscard]] PreparedWork make_work(Gpu& gpu, const KernelShape& shape, std::uint64_t seed,
                                     std::int64_t processors = 0);

/// Rows of each expert when `pairs` (token, expert) pairs are shared evenly.
[[nodiscard]] std::vector<std::int64_t> balanced_rows(std::int64_t pairs, std::int64_t experts);

}  // namespace headroom::gpu
