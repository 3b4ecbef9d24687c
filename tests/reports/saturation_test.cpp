#include "reports/saturation.h"

#include "tests/catch.h"

namespace headroom {
namespace {

/// 90 samples, one a second; queue(i) at second i.
template <class Queue>
Metrics run_with(std::uint64_t arrived, Queue queue) {
  Metrics m;
  m.arrived = arrived;
  m.first_arrival = Instant(0);
  m.last_arrival = Instant(89 * kSecond.value());
  for (std::int64_t i = 0; i < 90; ++i) {
    ClusterSample sample;
    sample.time = Instant(i * kSecond.value());
    sample.waiting = queue(i);
    m.samples.push_back(sample);
  }
  return m;
}

TEST_CASE("a queue that grows with every second is backlogged") {
  // Grows by 2 a second; the middles of the first and last third are 60 s apart, hence 120 requests
  // against 2*sqrt(900) = 60.
  const Saturation s = saturation_of(run_with(900, [](std::int64_t i) { return 2 * i; }));
  CHECK(s.hint == SaturationHint::backlogged);
  CHECK(s.growth_per_s == Approx(2).epsilon(0.03));
}

TEST_CASE("a growth that chance at full load would explain is not called backlogged") {
  // 60 requests in the same time against 2*sqrt(3600) = 120.
  CHECK(saturation_of(run_with(3600, [](std::int64_t i) { return i; })).hint ==
        SaturationHint::stable);
}

TEST_CASE("a queue that rises and falls again is stable") {
  const auto hump = [](std::int64_t i) { return i < 45 ? 10 * i : 10 * (90 - i); };
  CHECK(saturation_of(run_with(900, hump)).hint == SaturationHint::stable);
}

TEST_CASE("too few samples give no hint") {
  Metrics m = run_with(900, [](std::int64_t i) { return 2 * i; });
  m.samples.resize(11);
  CHECK(saturation_of(m).hint == SaturationHint::unknown);
  CHECK(saturation_of(Metrics{}).hint == SaturationHint::unknown);
}

TEST_CASE("draining after the last arrival does not hide a backlog") {
  Metrics m = run_with(900, [](std::int64_t i) { return 2 * i; });
  for (std::int64_t i = 90; i < 400; ++i) {
    ClusterSample sample;
    sample.time = Instant(i * kSecond.value());
    m.samples.push_back(sample);
  }
  CHECK(saturation_of(m).hint == SaturationHint::backlogged);
}

}  // namespace
}  // namespace headroom
