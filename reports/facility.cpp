#include "reports/facility.h"

#include <cmath>

namespace headroom {
namespace {

constexpr double kJoulesPerKwh = 3.6e6;

double intensity_at(const FacilitySpec& facility, Instant when) {
  if (facility.carbon.size() == 1) return facility.carbon.front();
  const double hour = facility.start_hour + seconds(when - Instant()) / 3600;
  return facility.carbon[static_cast<std::size_t>(std::fmod(hour, 24.0))];
}

/// The intensity that the energy of this run met on average, g a kWh.
double mean_intensity(const FacilitySpec& facility, double idle_share, const Metrics& metrics) {
  double up = 0;
  double busy = 0;
  for (const ClusterSample& sample : metrics.samples) {
    up += static_cast<double>(sample.up_replicas);
    busy += static_cast<double>(sample.busy_replicas);
  }
  if (up == 0) return intensity_at(facility, Instant());
  if (busy == 0) idle_share = 1;
  double mean = 0;
  for (const ClusterSample& sample : metrics.samples) {
    double weight = idle_share * static_cast<double>(sample.up_replicas) / up;
    if (busy > 0) weight += (1 - idle_share) * static_cast<double>(sample.busy_replicas) / busy;
    mean += weight * intensity_at(facility, sample.time);
  }
  return mean;
}

}  // namespace

FacilityUse facility_use(const FacilitySpec& facility, Joules energy, Joules idle,
                         const Metrics& metrics) {
  FacilityUse use;
  use.kwh = energy.value() / kJoulesPerKwh * facility.pue;
  if (facility.usd_per_kwh) use.usd = use.kwh * *facility.usd_per_kwh;
  if (facility.carbon.empty()) return use;
  const double idle_share = energy.value() > 0 ? idle.value() / energy.value() : 1;
  use.carbon_kg = use.kwh * mean_intensity(facility, idle_share, metrics) / 1000;
  return use;
}

}  // namespace headroom
