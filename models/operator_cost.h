// What one operator costs on one device: the line between kernel times and the tables compiled from
// them.
//
// Law: times are positive and finite, and `launch` never exceeds `seconds`.
// Cost: used while compiling only, never in a simulation.
// Not here: how operators make an iteration (models/compiled_cost.h).
#pragma once

#include "models/operators.h"
#include "models/skew_law.h"
#include "sim/cost_model.h"

namespace headroom {

/// Time of one run of one operator.
struct OperatorTime {
  double seconds = 0;
  /// The part of `seconds` that is paid once when several such operators run as one kernel (the
  /// chunks of a batch).
  double launch = 0;
  Evidence evidence = Evidence::extrapolated;
};

class OperatorTimes {
 public:
  virtual ~OperatorTimes() = default;
  [[nodiscard]] virtual OperatorTime time(const Operator& op) const = 0;
  /// What unequal contexts cost a model with so many KV heads on a GPU; empty: not known.
  [[nodiscard]] virtual SkewLaw skew(std::int64_t /*kv_heads*/) const { return {}; }
};

}  // namespace headroom
