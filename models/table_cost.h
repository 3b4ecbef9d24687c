// Operator times from a store of measured kernels, the roofline carrying them to shapes nobody
// measured.
//
// An exact grid point answers as measured. Elsewhere the answer is the roofline time (with its
// utilisation curves) times a correction, measured over roofline time, interpolated between the
// measured neighbours (models/kernel_grid.h). Beyond the measured sizes, or more than an octave
// from any site, the nearest correction is held and the answer counts as extrapolated; without a
// kernel of the kind the roofline answers alone.
//
// Law: a measured grid point is returned exactly; every time is positive and finite.
// Cost: reads the device's rows once; O(log points) an operator, while compiling only.
// Not here: the store (profiles/store.h), the tables compiled from the answers
// (models/compiled_cost.h).
#pragma once

#include <memory>
#include <string>

#include "models/kernel_place.h"
#include "models/measured_kernels.h"
#include "models/operators.h"
#include "models/roofline_cost.h"
#include "profiles/store.h"

namespace headroom {

class TableTimes final : public OperatorTimes {
 public:
  /// Reads all kernels of `device` from the store, or those of one library ("vllm", "trtllm",
  /// "sglang"; empty: all). `where` names the store in errors. Throws InputError when it has none
  /// for the device, naming the devices it has.
  TableTimes(const ProfileStore& store, const Device& device, const std::string& where,
             const std::string& library = {});
  /// On kernels that outlive it.
  TableTimes(const MeasuredKernels& kernels, const Device& device);

  [[nodiscard]] OperatorTime time(const Operator& op) const override;
  [[nodiscard]] SkewLaw skew(std::int64_t kv_heads) const override {
    return kernels_->skew.nearest(kv_heads);
  }

 private:
  std::unique_ptr<const MeasuredKernels> own_;
  const MeasuredKernels* kernels_ = nullptr;
  RooflineTimes roofline_;
};

}  // namespace headroom
