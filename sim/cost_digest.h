// A fingerprint of what a cost model says.
//
// Law: two models with the same prices at the probed shapes have the same digest; any change of
// tables, constants, profile data or code that moves one of those prices changes it. Reports carry
// it, so that a comparison can tell a change of costs from a change of policy.
// Cost: some 400 prices, well under a millisecond.
#pragma once

#include <cstdint>

#include "sim/cost_model.h"

namespace headroom {

/// Digest over decode batches of 1 to 1,024 requests at contexts of 16 to 65,536 tokens each, and
/// prompts of 1 to 16,384 tokens with and without cached context and decodes beside them; of models
/// that remember (`CostModel::has_memory`) also decodes behind prompts and two prompts without
/// output.
[[nodiscard]] std::uint64_t cost_digest(const CostModel& cost);

}  // namespace headroom
