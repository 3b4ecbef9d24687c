// How a body becomes a CUDA kernel: blocks take items of work in turn, so that a launch may be
// limited to few blocks.
//
// Law: every item is run once, whatever the grid. Cost: none beside the body's.
// Not here: bodies.
#pragma once

#include <cuda_runtime.h>

#include "profiles/cuda_launch.h"

namespace headroom::gpu {

/// Two blocks a multiprocessor: attention may use 255 registers, no kernel more.
template <class Body>
__global__ void __launch_bounds__(Body::kThreads, 2)
    own_kernel(const __grid_constant__ typename Body::Call call) {
  __shared__ typename Body::template Memory<DeviceBlock> memory;
  DeviceBlock block;
  for (std::int64_t item = blockIdx.x; item < Body::items(call); item += gridDim.x)
    Body::run(block, memory, call, item);
}

template <class Body>
void queue_body(const typename Body::Call& call, std::int64_t blocks, StreamHandle stream) {
  const std::int64_t items = Body::items(call);
  constexpr std::int64_t kMostBlocks = 0x7fffffff;
  std::int64_t grid = items < kMostBlocks ? items : kMostBlocks;
  if (blocks > 0 && blocks < grid) grid = blocks;
  if (grid > 0)
    own_kernel<Body>
        <<<static_cast<unsigned>(grid), Body::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
            call);
}

}  // namespace headroom::gpu
