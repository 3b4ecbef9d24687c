// What is known of a GPU before anything is measured: its name in the catalogue, and what no kernel
// on it can exceed.
//
// Law: limits are upper bounds at the highest clock; what is not known is 0. Cost: none.
// Not here: asking the GPU (profiles/cuda_machine.h), data sheets (models/).
#pragma once

#include <cstdint>
#include <string>

#include "profiles/check.h"

namespace headroom::gpu {

/// What the runtime says of a GPU.
struct GpuFacts {
  std::string title{}, bus_id{};
  int major = 0, minor = 0;  ///< compute capability
  int processors = 0;
  double sm_mhz = 0, memory_mhz = 0;  ///< highest
  int bus_bits = 0;
  std::int64_t l2_bytes = 0, memory_bytes = 0;
  int driver = 0, runtime = 0;  ///< 13000: CUDA 13.0
};

/// "NVIDIA H100 80GB HBM3" -> "h100-sxm"; others in lower case with dashes.
[[nodiscard]] std::string cuda_device_name(const std::string& title);

[[nodiscard]] DevicePeaks peaks_of(const GpuFacts& facts);

/// 13000 -> "13.0".
[[nodiscard]] std::string cuda_version_text(int version);

}  // namespace headroom::gpu
