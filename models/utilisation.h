// What kernels reach of a device's peaks: few-parameter curves fitted to published measurements.
//
// Every kernel is priced as launch + smooth maximum of compute and memory time, the smooth maximum
// of a and b being the fourth root of a^4 + b^4 (no libm: two square roots; it fitted best among
// the powers tried). Compute time is FLOPs over (compute share x dense peak), memory time bytes
// over (memory share x data-sheet bandwidth).
//
// Law: shares are in (0, 1.05], times positive.
// Cost: plain data.
// Not here: the formulas (models/roofline_cost.cpp), single measured points (profiles/).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "models/device.h"
#include "sim/cost_model.h"

namespace headroom {

/// Shares of peak for one kind of kernel in one number format.
struct KernelCurve {
  double launch_us = 0;  ///< fixed part, microseconds
  double compute = 0;    ///< share of the dense peak
  double memory = 0;     ///< share of the bandwidth
  /// What else grows with the shape; its meaning by kernel: dense GEMM in fp8: bytes an input
  /// element for quantising it first; decode attention: microseconds a (request, KV head); prefill
  /// attention: keys a query pays beyond those it attends to (half-filled tiles on the diagonal).
  double extra = 0;
};

/// All-reduce among `ranks` GPUs of a node: launch + ramp x b / (b + ramp_bytes) + wire bytes /
/// (share x link).
struct AllReduceCurve {
  int ranks = 2;
  double launch_us = 0;
  double link = 0;  ///< share of the link bandwidth a device and direction
  double ramp_us = 0;
  double ramp_bytes = 0;
};

struct DeviceCurves {
  const char* device = "";  ///< catalogue name the curves were fitted on
  const char* title = "";
  KernelCurve gemm16, gemm8;        ///< dense GEMM in bf16 and fp8
  KernelCurve moe16, moe8;          ///< both grouped GEMMs of a fused experts kernel together
  KernelCurve decode16, decode8;    ///< decode attention with bf16 and fp8 KV
  KernelCurve prefill16, prefill8;  ///< prefill attention with bf16 and fp8 KV
  KernelCurve elementwise;
  double norm_memory = 0.8;  ///< share of the bandwidth that norms with a residual reach
  std::array<AllReduceCurve, 3> all_reduce{};  ///< 2, 4 and 8 ranks
  bool has_moe = true;                         ///< else the experts' curves are borrowed
  bool has_fp8 = true;                         ///< else the fp8 curves are borrowed
  bool has_elementwise = false;                ///< else borrowed
};

/// Curves for a device and how far they are its own.
struct FoundCurves {
  const DeviceCurves* curves = nullptr;
  /// interpolated: fitted on this very device; extrapolated: nearest kin.
  Evidence evidence = Evidence::extrapolated;
};

[[nodiscard]] const std::vector<DeviceCurves>& device_curves();
/// By catalogue name; an unknown device borrows from the kin with its memory technology and
/// generation, else H100.
[[nodiscard]] FoundCurves find_curves(const Device& device);

}  // namespace headroom
