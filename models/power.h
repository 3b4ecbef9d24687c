// Energy from busy time: a device draws idle power, plus a share of the rest that depends on what
// it does.
//
// Law: power lies between idle and TDP; energy is additive over time and devices.
// Cost: O(1).
// Not here: power capping, clocks, the rest of the node (CPUs, fans, switches).
#pragma once

#include <cstdint>

#include "models/device.h"
#include "sim/units.h"

namespace headroom {

/// Device-time by activity: seconds x devices. An iteration with any prefill counts as prefill.
struct BusyTime {
  Duration prefill{0};
  Duration decode{0};
  Duration idle{0};
};

/// Mean measured draw over TDP while a phase runs.
struct PhaseFractions {
  double prefill = 0;
  double decode = 0;
};

/// Measured on A100 80 GB with Llama-2-70B (Splitwise, Patel et al., ISCA 2024, released data) at
/// tp 2, 4 and 8; the nearest measured tp at or below, tp 1 as tp 2. Prefill: mean of peak power
/// over prompts of 1,024 and more tokens a batch, clipped to TDP; decode: mean of average power of
/// single requests with prompts up to 512 tokens, where prefill is below 4 % of the time. No other
/// device's power was published there, so the fractions stand for all.
[[nodiscard]] PhaseFractions measured_fractions(std::int64_t tensor_parallel);

/// The load (0: idle, 1: TDP) at which a device draws `fraction` of its TDP, clipped to [0, 1].
[[nodiscard]] double load_of_fraction(const Device& device, double fraction);
/// idle + (TDP - idle) x load. Requires 0 <= load <= 1.
[[nodiscard]] Watts power_at(const Device& device, double load);
/// Energy of all devices of replicas with this tensor parallelism.
[[nodiscard]] Joules energy(const Device& device, std::int64_t tensor_parallel,
                            const BusyTime& busy);

}  // namespace headroom
