// Blocks that an admission must leave free, so that running requests can grow for a while before
// one must be preempted.
//
// Source: vLLM's v0 block manager: int(watermark * blocks), watermark 0.01.
// Cost: O(1).
#pragma once

#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {

[[nodiscard]] inline ParameterSpec watermark_spec() {
  return {"watermark",
          ParameterSpec::Kind::number,
          0,
          0.5,
          "0.01",
          {},
          "share of all KV blocks that an admission leaves free"};
}

class Watermark {
 public:
  /// `share` in [0, 0.5].
  explicit Watermark(double share) : share_(share) {}
  [[nodiscard]] Blocks blocks(Blocks total) const {
    return Blocks(static_cast<std::int64_t>(share_ * total.as_double()));
  }

 private:
  double share_;
};

}  // namespace headroom
