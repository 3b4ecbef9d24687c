// Operator times from the cost pack of a device, the curves' where the pack has no table.
//
// Law: evidence is `interpolated` where the device has its own table and the shape lies on its
// grid, else `extrapolated`, never `measured`. Law: times are positive; they may fall a little when
// a shape grows, as kernels do where another takes over, which compiled tables smooth out. Cost:
// about 0.2 microseconds an operator, while compiling only. Not here: the tables (models/pack.h),
// the curves (models/roofline_cost.h).
#pragma once

#include <string_view>

#include "models/operator_cost.h"
#include "models/pack.h"
#include "models/roofline_cost.h"

namespace headroom {

class PackTimes final : public OperatorTimes {
 public:
  /// `library`: whose kernels, as packs name it ("vLLM", "TensorRT-LLM", "SGLang"); empty: any.
  /// A device without a pack takes its nearest kin's, as extrapolated.
  PackTimes(const Device& device, std::string_view library);
  /// On a pack of one's own, which outlives this; another device's counts as extrapolated.
  PackTimes(const Pack& pack, const Device& device, std::string_view library);

  [[nodiscard]] OperatorTime time(const Operator& op) const override;
  [[nodiscard]] const Pack& pack() const { return *pack_; }

 private:
  RooflineTimes curves_;
  const Pack* pack_;
  Evidence evidence_;
  PackView view_;
};

/// The device's own pack, or that of the same chip family; null where neither ships.
[[nodiscard]] const Pack* near_pack(const Device& device);

}  // namespace headroom
