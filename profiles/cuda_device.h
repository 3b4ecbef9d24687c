// A CUDA GPU as a measured device.
//
// Law: times are between events around launches that were queued beforehand; a row of host work
// (launch_stream, launch_graph) has the host's time from the first call until the GPU is idle. A
// GPU that fails ends the measurement, with every finished step kept. Cost: a context, 100 MiB of
// workspace and twice the second-level cache.
// Not here: how long and how often (profiles/measure.h).
#pragma once

#include <memory>

#include "profiles/measure_device.h"

namespace headroom::gpu {

/// Throws InputError: no driver, no such GPU.
[[nodiscard]] std::unique_ptr<MeasuredDevice> cuda_device(int ordinal);

}  // namespace headroom::gpu
