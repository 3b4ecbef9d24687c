// Energy around the devices: cooling, electricity, carbon by the hour of the day.
#include "reports/facility.h"

#include "tests/catch.h"

using namespace headroom;

namespace {

/// Samples an hour apart: so many replicas up, so many busy.
Metrics hourly(std::initializer_list<std::pair<int, int>> samples) {
  Metrics metrics;
  Instant at;
  for (const auto& [up, busy] : samples) {
    ClusterSample sample;
    sample.time = at;
    sample.up_replicas = up;
    sample.busy_replicas = busy;
    metrics.samples.push_back(sample);
    at = at + kHour;
  }
  return metrics;
}

}  // namespace

TEST_CASE("one intensity for all hours: energy times PUE times intensity") {
  const FacilitySpec facility{1.5, 0.2, {400}, 0, "here"};
  const FacilityUse use =
      facility_use(facility, Joules(3.6e6 * 10), Joules(3.6e6), hourly({{2, 1}, {2, 2}}));
  CHECK(use.kwh == Approx(15));
  CHECK(use.usd.value() == Approx(3));
  CHECK(use.carbon_kg.value() == Approx(6));
}

TEST_CASE("work meets the carbon of its hour, idling that of all hours") {
  // From 23:00: 100 g, then 500 g from 0:00 on. All work is in the second hour; 2 of 10 kWh are
  // idle, spread evenly: 1 at 100 g, 9 at 500 g.
  FacilitySpec facility{1, {}, std::vector<double>(24, 500), 23, "here"};
  facility.carbon[23] = 100;
  const FacilityUse use =
      facility_use(facility, Joules(3.6e6 * 10), Joules(3.6e6 * 2), hourly({{2, 0}, {2, 2}}));
  CHECK(use.carbon_kg.value() == Approx((1 * 100 + 9 * 500) / 1000.0));
  CHECK(!use.usd);
}

TEST_CASE("replicas that are off draw nothing in their hours") {
  FacilitySpec facility{1, {}, std::vector<double>(24, 500), 0, "here"};
  facility.carbon[1] = 100;
  // Idle energy only: three replica-hours at 500 g, one at 100 g.
  const FacilityUse use =
      facility_use(facility, Joules(3.6e6 * 4), Joules(3.6e6 * 4), hourly({{3, 0}, {1, 0}}));
  CHECK(use.carbon_kg.value() == Approx((3 * 500 + 1 * 100) / 1000.0));
}

TEST_CASE("unknown carbon stays unknown") {
  CHECK(!facility_use({}, Joules(1), Joules(0), {}).carbon_kg);
}
