// `headroom profile check --cross-validate`: how well a store's kernels answer for each other.
//
// Law: text depends on the store's contents alone.
// Cost: a second a million rows.
// Not here: leaving out and answering (models/kernel_place.h).
#pragma once

#include <string>

#include "profiles/commands.h"

namespace headroom {

/// Prints, for each device, library, operator and pair of formats, the errors of leaving out one
/// point or its whole site, beside what is asked for, then those of each operator on the device and
/// over all devices. Returns 1 where the median of an operator on a device misses that. Throws
/// InputError: a filter that this does not know (run, library version), nothing of the device.
int profile_cross_validate(const std::string& store, const KernelFilter& filter,
                           const TextSink& sink);

}  // namespace headroom
