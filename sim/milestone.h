// What happens to one request on its way, as the decision digest counts it, for those who look on.
//
// Cost: one null check a milestone where nobody looks on.
#pragma once

#include <cstdint>

#include "sim/units.h"

namespace headroom {

/// Milestones that enter the decision digest.
enum class Milestone : std::uint8_t {
  routed,
  scheduled,
  first_token,
  finished,
  preempted,
  rejected,
  offered,      ///< a finished prompt to a decode replica
  transferred,  ///< its KV has landed there
  lost,         ///< its replica failed
};
constexpr int kMilestones = 9;
/// "routed", "scheduled", ...
[[nodiscard]] const char* to_string(Milestone milestone);

struct MilestoneSeen {
  Instant when;
  Milestone what = Milestone::routed;
  RequestId request;
  ReplicaId replica;  ///< where the request is by then; of a rejected one without meaning
  [[nodiscard]] bool operator==(const MilestoneSeen&) const = default;
};

/// Looks on; in order of time, then as the simulation takes them.
class MilestoneSink {
 public:
  virtual ~MilestoneSink() = default;
  virtual void on_milestone(const MilestoneSeen& seen) = 0;
};

}  // namespace headroom
