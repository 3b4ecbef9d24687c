// cuDNN's paged decode attention as a second source beside our own kernel, and whether it has an
// engine for a shape on a GPU that need not be there.
//
// Law: pages lie as our own kernel reads them, so both time the same memory. An engine counts when
// its code was compiled for the GPU. Cost: compiling takes a second or two an engine.
// Not here: prefill (this operation has no causal mask in cuDNN 9.19).
#pragma once

#include <string>

#include "profiles/cuda_facts.h"
#include "profiles/cuda_gpu.h"
#include "profiles/cuda_launch.h"

namespace headroom::gpu {

struct CudnnEngines {
  int candidates = 0;  ///< of cuDNN's heuristics
  int compiled = 0;    ///< of these, with code for the GPU
  std::string why{};   ///< of the last that has none
};
/// Of decode attention like `call` (its pointers are not used) on a GPU with these facts. Needs
/// cuDNN and a libcuda.so.1 (the toolkit's stub will do), no GPU.
[[nodiscard]] CudnnEngines cudnn_engines(const AttentionCall& call, std::int64_t head_dim,
                                         const GpuFacts& facts);

/// The heuristics' first engine that can run here. Throws GpuRefusal.
[[nodiscard]] VendorChoice cudnn_decode(const AttentionCall& call, std::int64_t head_dim,
                                        const StreamHandle* streams);

/// "cuDNN 9.19.0", or "no cuDNN".
[[nodiscard]] std::string cudnn_text();

}  // namespace headroom::gpu
