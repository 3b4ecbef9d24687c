// Measured layers of a model, as engines' profilers name them, as the operators they time.
//
// Law: a layer's row lies where the operator of that model and split lies.
// Cost: reads all `layer` rows of a device; microseconds a row.
// Not here: kernels whose shape is stored with them (models/kernel_place.h).
#pragma once

#include <functional>
#include <string>

#include "models/operators.h"
#include "profiles/store.h"

namespace headroom {

/// The bundled model that a name such as "meta-llama/Llama-3.1-8B" or
/// "Qwen/Qwen3-30B-A3B-Instruct-2507" stands for; null for models not bundled.
[[nodiscard]] const Architecture* model_of_name(const std::string& name);

/// Calls `visit` with each operator that the device's `layer` rows time in the runs wanted, and its
/// nanoseconds. Mixtures are read at the number of experts that uniform routing touches. Layers
/// without an operator of their own and models that are not bundled are passed over.
void each_layer(const ProfileStore& store, const std::string& device,
                const std::function<bool(const ProfileRun&)>& wanted,
                const std::function<void(const Operator&, double nanoseconds)>& visit);

}  // namespace headroom
