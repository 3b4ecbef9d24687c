// Where requests come from: a trace, a generator, closed-loop clients, sessions.
//
// Law: `next_arrival()` never goes back, and lies at or after the time of the last `on_left`.
// Cost: constant memory for open-loop traces; readers stream.
#pragma once

#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

class RequestSource {
 public:
  virtual ~RequestSource() = default;

  /// Time of the next request known now, `Instant::never()` if there is none (yet: a closed loop
  /// has more once a running request leaves).
  [[nodiscard]] virtual Instant next_arrival() const = 0;

  /// Whether next_arrival() brings a request. Where not, something else happens inside the source
  /// then, which `step` does: sources that are simulations of their own (sim/edge_serving.h).
  [[nodiscard]] virtual bool brings_request() const { return true; }
  virtual void step() {}

  /// Removes and returns the next request. Requires next_arrival() < Instant::never(). The spans
  /// inside stay valid until the next call. Throws InputError when the trace turns out malformed at
  /// this row.
  [[nodiscard]] virtual RequestSpec take() = 0;

  /// A request of this source finished or was rejected at `when`. Closed loops and sessions answer
  /// with a later arrival.
  virtual void on_left(const RequestSpec& request, Instant when) {
    static_cast<void>(request);
    static_cast<void>(when);
  }
};

}  // namespace headroom
