// Norms, activation, rotation, moves between pages, quantisation and copies as work for a GPU.
//
// Law, cost: profiles/cuda_work.h. Not here: products and attention (profiles/cuda_work.cpp).
#pragma once

#include "profiles/cuda_work.h"

namespace headroom::gpu {

/// Of an element-wise shape; refused when its kernel is not one of these or its rows are not whole
/// vectors of 16 bytes.
[[nodiscard]] PreparedWork make_elementwise_work(Gpu& gpu, const KernelShape& shape,
                                                 std::uint64_t seed);

}  // namespace headroom::gpu
