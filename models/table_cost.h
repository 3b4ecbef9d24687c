// Operator times from a profile store, the roofline carrying them to shapes nobody measured.
//
// An exact grid point answers as measured. Elsewhere the answer is the roofline time (with its
// utilisation curves) times a correction: measured over roofline time, interpolated linearly in the
// logarithm of the size between neighbours of a site and blended by inverse distance over the four
// nearest sites. A site is all that a shape holds besides its size (GEMM: n and k; attention:
// heads, batch, cached tokens). Corrections vary slowly where times do not. Beyond the measured
// sizes, or more than an octave from any site, the nearest correction is held and the answer counts
// as extrapolated; without a kernel of the kind the roofline answers alone.
//
// Law: a measured grid point is returned exactly; every time is positive and finite. Cost: loads
// the device's rows once; O(sites + log sizes) an operator, while compiling only. Not thread-safe:
// one object for one compilation. Not here: the store (profiles/store.h), the tables compiled from
// the answers (models/compiled_cost.h).
#pragma once

#include <memory>

#include "models/operators.h"
#include "models/roofline_cost.h"
#include "profiles/store.h"

namespace headroom {

class TableTimes final : public OperatorTimes {
 public:
  /// Reads all kernels of `device` from the store. `where` names the store in errors. Throws
  /// InputError when it has none for the device, naming the devices it has.
  TableTimes(const ProfileStore& store, const ShardedModel& sharded, const Device& device,
             const std::string& where);
  ~TableTimes() override;

  [[nodiscard]] OperatorTime time(const Operator& op) const override;

 private:
  struct Index;
  std::unique_ptr<Index> index_;
  RooflineTimes roofline_;
};

}  // namespace headroom
