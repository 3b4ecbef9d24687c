// Energy of the whole facility, its price and its carbon, from the devices' energy over time.
//
// The devices' energy is spread over the run as the samples say: its idle part over replicas that
// are up, the rest over those that are busy. Carbon is the sum over time of energy and the grid's
// intensity at that hour of the day. Law: with one intensity for all hours the carbon is energy
// times intensity. Not here: embodied carbon; the energy itself (models/power.h).
#pragma once

#include <optional>

#include "sim/metrics.h"
#include "sim/scenario.h"
#include "sim/units.h"

namespace headroom {

struct FacilityUse {
  double kwh = 0;               ///< devices times PUE
  std::optional<double> usd{};  ///< of electricity
  std::optional<double> carbon_kg{};
};

/// `energy` of all devices, `idle` of it drawn without work.
[[nodiscard]] FacilityUse facility_use(const FacilitySpec& facility, Joules energy, Joules idle,
                                       const Metrics& metrics);

}  // namespace headroom
