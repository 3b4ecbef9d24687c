// Operator times by roofline with measured utilisation.
//
// Law: a time never falls when FLOPs or bytes grow; evidence is `interpolated` where the device has
// its own curve and the shape lies in the range it was fitted on, else `extrapolated`, never
// `measured`. Cost: a few multiplications and two square roots an operator, while compiling only.
// Not here: the constants (models/utilisation.cpp).
#pragma once

#include "models/device.h"
#include "models/operator_cost.h"
#include "models/utilisation.h"

namespace headroom {

class RooflineTimes final : public OperatorTimes {
 public:
  explicit RooflineTimes(Device device);

  [[nodiscard]] OperatorTime time(const Operator& op) const override;
  /// The time a perfect kernel would need: max of FLOPs over peak, bytes over bandwidth, wire bytes
  /// over link.
  [[nodiscard]] double bound(const Operator& op) const;
  [[nodiscard]] const Device& device() const { return device_; }

 private:
  [[nodiscard]] OperatorTime gemm(const Operator& op) const;
  [[nodiscard]] OperatorTime experts(const Operator& op) const;
  [[nodiscard]] OperatorTime decode(const Operator& op) const;
  [[nodiscard]] OperatorTime prefill(const Operator& op) const;
  [[nodiscard]] OperatorTime elementwise(const Operator& op) const;
  [[nodiscard]] OperatorTime collective(const Operator& op) const;
  [[nodiscard]] OperatorTime priced(const KernelCurve& curve, double flops, double peak,
                                    double bytes) const;
  /// Own curve inside its range, or not.
  [[nodiscard]] Evidence evidence(bool in_range) const;

  Device device_;
  FoundCurves found_;
};

}  // namespace headroom
