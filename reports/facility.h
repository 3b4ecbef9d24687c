// Energy of the whole facility, its price and its carbon, from the devices' energy over time.
//
// The devices' energy is spread over the run as the samples say: its idle part over replicas that
// are up, the rest over those that are busy. Carbon is the sum over time of energy and the grid's
// intensity at that hour of the day. Law: with one intensity for all hours the carbon is energy
// times intensity. Not here: embodied carbon; the energy itself (models/power.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/metrics.h"
#include "sim/units.h"

namespace headroom {

struct Facility {
  double pue = 1;  ///< facility energy over device energy
  std::optional<double> usd_per_kwh{};
  std::vector<double> carbon{};  ///< g CO2e a kWh: one, or 24 by hour of the day; empty: unknown
  double start_hour = 0;         ///< hour of the day at the run's start
  std::string source;
};

struct FacilityUse {
  double kwh = 0;               ///< devices times PUE
  std::optional<double> usd{};  ///< of electricity
  std::optional<double> carbon_kg{};
};

/// `energy` of all devices, `idle` of it drawn without work.
[[nodiscard]] FacilityUse facility_use(const Facility& facility, Joules energy, Joules idle,
                                       const Metrics& metrics);

}  // namespace headroom
