// How the benchmarks behind measured points launch their engines: scheduler settings that rows of
// the sample do not hold but their public launch scripts do.
//
// Law: settings follow from engine, version, model, device, split, lengths and concurrency alone,
// never from what was measured; each has its source.
// Cost: O(1) a point. Not here: number formats (sim/cli/validate_plan.h), constants of engines
// (models/engine_calibration.h).
#pragma once

#include <string>

#include "sim/scenario.h"
#include "traces/serving_points.h"

namespace headroom {

/// The point comes from SemiAnalysis' InferenceX (formerly InferenceMAX), whose dumps name their
/// day.
[[nodiscard]] bool is_inference_x(const ServingPoint& point);

/// Sets `group`'s batch policy, memory share and scheduling as the benchmark does. `engine` and
/// `model` are Headroom's names.
void set_harness(const ServingPoint& point, const std::string& engine, const std::string& model,
                 ReplicaGroupSpec& group);

}  // namespace headroom
