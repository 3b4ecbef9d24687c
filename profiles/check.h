// Looks for measurements that cannot be, or that a planner should know of.
//
// Law: every finding is counted and the first of each kind are shown; no row is changed, clamped or
// dropped. Cost: one sort of a run's kernels of one operator. Not here: what to do about it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "profiles/store.h"

namespace headroom {

/// A device's limits as plain numbers; 0: unknown, and nothing is judged by it.
struct DevicePeaks {
  double bytes_per_second = 0;                       ///< memory
  double link_bytes_per_second = 0;                  ///< to the other GPUs of a node, one direction
  std::map<std::string, double> flops_per_second{};  ///< dense, by `KernelShape::compute`
};

enum class Finding : std::uint8_t {
  faster_than_roofline,
  below_one_percent,  ///< of the roofline
  duplicate,          ///< a further row of one shape
  hole,               ///< a size that most lines of the grid have and this one lacks
  falling_step,       ///< more work takes at least 10 % less time
};
constexpr int kFindings = 5;
[[nodiscard]] const char* to_string(Finding finding);

struct CheckedOp {
  std::int64_t run = 0;
  std::string op{};
  std::int64_t rows = 0;
  std::int64_t judged = 0;  ///< rows with a known roofline
  std::array<std::int64_t, kFindings> counts{};
  /// The first findings of each kind, in the order of shapes, one line each.
  std::vector<std::string> examples{};
};

/// The shortest time in seconds in which the device could do a kernel's work, from its arithmetic
/// and the bytes it must touch once; 0: unknown. MoE kernels count as gated (three matrices).
[[nodiscard]] double roofline_seconds(const KernelShape& shape, const DevicePeaks& peaks);

/// Judges one operator's kernels of a run; `examples` findings of each kind are described.
[[nodiscard]] CheckedOp check_kernels(std::vector<KernelRow> rows, const DevicePeaks& peaks,
                                      std::size_t examples = 3);

/// "gemm bf16/bf16 m=1 n=2 k=3 [variant]": the columns that are set.
[[nodiscard]] std::string describe(const KernelShape& shape);

}  // namespace headroom
