// The decision point of autoscalers: how many replicas should serve.
//
// Asked every `interval` by sim/dynamics.h, which starts and drains replicas until as many serve.
// Laws: a policy sees what a metrics server shows, never arrivals to come; its answer is clipped to
// [least, most].
#pragma once

#include <cstdint>

#include "sim/units.h"

namespace headroom {

/// The replicas as an autoscaler's metrics show them.
struct ScalingView {
  Instant now;
  Duration interval{1};       ///< since it was asked before
  Duration start_up{0};       ///< of one more replica
  std::int64_t serving = 0;   ///< take requests now
  std::int64_t starting = 0;  ///< will, once started
  std::int64_t least = 1, most = 1;
  std::int64_t outstanding = 0;  ///< requests that have arrived and not left
  std::int64_t waiting = 0;      ///< of those, in no batch
  double busy = 0;               ///< share of serving replicas' time with a batch, last interval
  double arrivals = 0;           ///< a second, last interval
};

/// Decides how many replicas serve.
class ScalingPolicy {
 public:
  virtual ~ScalingPolicy() = default;
  [[nodiscard]] virtual std::int64_t wanted(const ScalingView& view) = 0;
};

}  // namespace headroom
