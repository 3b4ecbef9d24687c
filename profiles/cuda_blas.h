// The vendor's matrix products: cuBLASLt's candidates for a shape timed and the fastest kept,
// cuBLAS's grouped product for experts.
//
// Law: the first candidate is the heuristics' own; what was kept and how much faster it is is
// counted. Cost: choosing takes some milliseconds and leaves 64 MiB of workspace allocated.
// Not here: correctness, which is the work's to check (profiles/cuda_work.h).
#pragma once

#include <memory>
#include <string>

#include "profiles/cuda_gpu.h"
#include "profiles/cuda_launch.h"

namespace headroom::gpu {

class VendorBlas {
 public:
  /// Products run on `streams[lane.stream]`, which must outlive this. Throws GpuRefusal.
  explicit VendorBlas(const StreamHandle* streams);
  ~VendorBlas();
  VendorBlas(const VendorBlas&) = delete;
  VendorBlas& operator=(const VendorBlas&) = delete;

  [[nodiscard]] VendorChoice gemm(const GemmCall& call);
  [[nodiscard]] VendorChoice grouped(const GroupedCall& call);
  /// "cuBLASLt 13.0.2".
  [[nodiscard]] static std::string version();
  /// Shapes chosen for, how often the first candidate won, and by how much it lost in the median.
  [[nodiscard]] std::string choices_text() const;

  struct Handles;

 private:
  std::unique_ptr<Handles> handles_;
};

}  // namespace headroom::gpu
