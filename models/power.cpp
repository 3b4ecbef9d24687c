#include "models/power.h"

#include <algorithm>
#include <array>

#include "sim/check.h"

namespace headroom {
namespace {

struct Measured {
  std::int64_t tensor;
  PhaseFractions fractions;
};

// Splitwise, perf_model.csv: 40 rows each for prefill, 25 each for decode.
constexpr std::array<Measured, 3> kMeasured{{
    {2, {1.000, 0.736}},
    {4, {0.998, 0.596}},
    {8, {0.917, 0.434}},
}};

}  // namespace

PhaseFractions measured_fractions(std::int64_t tensor_parallel) {
  PhaseFractions found = kMeasured.front().fractions;
  for (const Measured& row : kMeasured) {
    if (row.tensor <= tensor_parallel) found = row.fractions;
  }
  return found;
}

double load_of_fraction(const Device& device, double fraction) {
  const double span = device.tdp.value() - device.idle.value();
  if (span <= 0) return 0;
  return std::clamp((fraction * device.tdp.value() - device.idle.value()) / span, 0.0, 1.0);
}

Watts power_at(const Device& device, double load) {
  SIM_CHECK(load >= 0 && load <= 1, "load is a share of the range from idle power to TDP");
  return device.idle + (device.tdp - device.idle) * load;
}

Joules energy(const Device& device, std::int64_t tensor_parallel, const BusyTime& busy) {
  const PhaseFractions fractions = measured_fractions(tensor_parallel);
  const Watts prefill = power_at(device, load_of_fraction(device, fractions.prefill));
  const Watts decode = power_at(device, load_of_fraction(device, fractions.decode));
  return Joules(prefill.value() * seconds(busy.prefill) + decode.value() * seconds(busy.decode) +
                device.idle.value() * seconds(busy.idle));
}

}  // namespace headroom
