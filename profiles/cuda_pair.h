// Two kernels that run at the same time: what a pair's shape says, and its timing on a GPU.
//
// One row times one kernel with a share of the multiprocessors while another one keeps the rest
// busy; the row of the exchanged pair has the other's time. With the time alone on the whole GPU
// that gives the performance P of a kernel that holds resources R beside another, the table that
// NanoFlow's and TokenWeave's schedules need.
//
// Law: the partner runs from before the timed launches until after them, else there is no time.
// Cost: the partner's launches. Not here: which pairs (profiles/measure_plan.cpp).
#pragma once

#include <optional>
#include <string>

#include "profiles/store.h"

namespace headroom::gpu {

/// Of a variant "gemm beside decode_attention 3/4 hot" or "gemm alone 3/4 hot".
struct PairShape {
  std::string own{}, partner{};  ///< partner empty: alone
  /// Own part of the multiprocessors as asked for (the driver rounds it, a run's notes say to
  /// what); 1/1: nothing is divided.
  int share = 0, of = 0;
};
[[nodiscard]] std::optional<PairShape> pair_of(const KernelShape& shape);

/// The shape of one of a pair's kernels: "gemm" (m, n, k), "decode_attention" (batch, heads,
/// kv_heads, head_dim, context) or "copy" (bytes, read and written by our own kernel in rows of one
/// token's keys and values: the memory traffic of a collective).
[[nodiscard]] std::optional<KernelShape> kernel_of_pair(const KernelShape& pair,
                                                        const std::string& name);

}  // namespace headroom::gpu
