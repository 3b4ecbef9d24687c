// The devices that `headroom profile measure` knows by name: "cpu" and "cuda:N".
//
// Law: a name that this build or this machine cannot serve is one line that says why and what to
// do. Cost: opening a device. Not here: the devices.
#pragma once

#include <memory>
#include <string>

#include "profiles/measure_device.h"
#include "profiles/measure_plan.h"

namespace headroom {

/// Throws InputError for a name of neither kind.
[[nodiscard]] PlanFor kind_of_device(const std::string& name);

/// Throws InputError: no such device, no library, built without CUDA.
[[nodiscard]] std::unique_ptr<MeasuredDevice> open_measured_device(const std::string& name);

}  // namespace headroom
