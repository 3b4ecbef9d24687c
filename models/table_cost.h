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

#include "models/kernel_grid.h"
#include "models/kernel_place.h"
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
  /// On a grid that outlives it. `best`: what an exact answer counts as.
  TableTimes(const KernelGrid& grid, const Device& device, Evidence best);

  [[nodiscard]] OperatorTime time(const Operator& op) const override;

 private:
  std::unique_ptr<const KernelGrid> own_;
  const KernelGrid* grid_ = nullptr;
  RooflineTimes roofline_;
  Evidence best_ = Evidence::measured;
};

}  // namespace headroom
