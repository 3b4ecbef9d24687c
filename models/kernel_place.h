// From operators and measured kernels to places on a grid of corrections, and what carries them.
//
// Law: an operator that a model makes and the row measured of it lie at the same place and have the
// same carrier.
// Cost: O(1).
// Not here: the grid (models/kernel_grid.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/kernel_grid.h"
#include "models/roofline_cost.h"
#include "profiles/store.h"

namespace headroom {

/// Of a measured row; empty for what no model's operator corresponds to.
[[nodiscard]] std::optional<KernelPlace> place_of(const KernelShape& shape);
/// Of an operator: its own place, then those whose corrections may stand in for it; empty where the
/// roofline alone answers (hand-offs).
[[nodiscard]] std::vector<KernelPlace> places_of(const Operator& op);
/// The operator that a model would make of a measured row that has a place.
[[nodiscard]] Operator measured_operator(const KernelShape& shape);

/// Whether a run measured a library's kernels ("vllm", "trtllm", "sglang", or as runs name them;
/// empty: any but the general NCCL's).
[[nodiscard]] bool is_of_library(const ProfileRun& run, const std::string& wanted);

/// Corrections of a device's rows: of all, or of one library's ("vllm", "trtllm", "sglang") and
/// NCCL's. Dynamic fp8 GEMMs count a second time, without the time to find scales, as fp8_static.
/// Of routing distributions the most skewed counts, of collectives the captured ones, of several
/// kernels that were timed for the same experts the fastest, of versions the newest.
[[nodiscard]] KernelGrid read_grid(const ProfileStore& store, const Device& device,
                                   const std::string& library);

/// How well the grid answers for points it is not shown: absolute relative errors, in no order.
struct CrossValidation {
  KernelFamily family{};
  std::vector<double> points{};  ///< one point left out
  std::vector<double> sites{};   ///< the point's whole site left out, where there is another near
  /// Steps between sizes of 9 to 16 that are alike to a kernel (a third of an octave apart at most,
  /// both multiples of 4 or neither): what they differ by is mostly noise of measurement.
  std::vector<double> near{};
};
[[nodiscard]] std::vector<CrossValidation> cross_validate(const KernelGrid& grid);

}  // namespace headroom
