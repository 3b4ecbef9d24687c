// One thread of this machine's processor as a measured device: OpenBLAS does the matrix products,
// loops of ours what lies between them.
//
// Law: times are the thread's processor time, so that neighbours that take the processor away do
// not count; wall time stands beside it. Operands are float32, random and never zero. A cold kernel
// finds none of its operands in any cache. Cost: operands twice in memory at most.
// Not here: kernels of an inference engine; these show how the method, the store and the cost
// models work on a device that every machine has.
#pragma once

#include <memory>
#include <string>

#include "profiles/measure_device.h"

namespace headroom {

/// Throws InputError when OpenBLAS is missing.
[[nodiscard]] std::unique_ptr<MeasuredDevice> cpu_device();

/// "AMD EPYC 7713 64-Core Processor" -> "cpu-amd-epyc-7713-64-core-processor-1t".
[[nodiscard]] std::string cpu_device_name(const std::string& title);

}  // namespace headroom
