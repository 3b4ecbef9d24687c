#include "profiles/measure_stats.h"

#include <cmath>
#include <cstdint>

#include "profiles/measure_plan.h"
#include "tests/catch.h"

namespace {

using namespace headroom;

/// Sum of twelve uniforms less six: nearly normal, variance one.
double normal(SplitMix& random) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += 0.5 * static_cast<double>(random.signed_unit());
  return sum;
}

struct Ended {
  StopState state = StopState::go_on;
  std::size_t samples = 0;
};

/// Feeds `next(i)` to a stop rule until it stops; each sample takes what it says.
template <class Next>
Ended feed(const StopLimits& limits, const Next& next) {
  StopRule rule(limits);
  double spent = 0;
  Ended ended;
  while (ended.state == StopState::go_on) {
    const double sample = next(rule.samples().size());
    spent += sample;
    ended.state = rule.add(sample, sample, spent);
  }
  ended.samples = rule.samples().size();
  return ended;
}

StopLimits limits() {
  StopLimits limits;
  limits.least_ns = 1e4;
  limits.most_ns = 1e9;
  limits.noise = 0.005;
  limits.most_samples = 5000;
  return limits;
}

}  // namespace

TEST_CASE("a summary's numbers are those of the definition") {
  // 1 2 3 4 10: median 3, mean 4, p90 the fifth, squares 9 + 4 + 1 + 0 + 36 = 50, 50 / 4 = 12.5.
  const SampleSummary summary = summarise({4, 1, 3, 2, 10});
  CHECK(summary.count == 5);
  CHECK(summary.min == 1);
  CHECK(summary.median == 3);
  CHECK(summary.mean == 4);
  CHECK(summary.p90 == 10);
  CHECK(summary.stddev == Approx(std::sqrt(12.5)));
  CHECK(summarise({1, 3}).median == 2);
  CHECK(summarise({}).count == 0);
}

TEST_CASE("the noise of a median is its standard error, whatever the distribution") {
  // Normal samples of standard deviation s: the median of n errs by 1.2533 s / sqrt(n).
  SplitMix random(7);
  double squares = 0, noise = 0;
  constexpr int kTrials = 400, kSamples = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> samples;
    for (int i = 0; i < kSamples; ++i) samples.push_back(100 + 5 * normal(random));
    const double error = summarise(samples).median / 100 - 1;
    squares += error * error;
    noise += median_noise(samples);
  }
  const double truth = std::sqrt(squares / kTrials);
  CHECK(truth == Approx(0.05 * 1.2533 / std::sqrt(kSamples)).epsilon(0.15));
  // The larger of two estimates is no smaller, and not much larger.
  CHECK(noise / kTrials > 0.95 * truth);
  CHECK(noise / kTrials < 1.6 * truth);
}

TEST_CASE("samples that scatter little settle, and more scatter takes more of them") {
  SplitMix random(1);
  const Ended calm =
      feed(limits(), [&](std::size_t) { return 1000 * (1 + 0.002 * normal(random)); });
  const Ended rough =
      feed(limits(), [&](std::size_t) { return 1000 * (1 + 0.05 * normal(random)); });
  CHECK(calm.state == StopState::settled);
  CHECK(rough.state == StopState::settled);
  // Standard error 1.25 x 0.05 / sqrt(n) <= 0.005 needs about 157 samples.
  CHECK(rough.samples > 60);
  CHECK(rough.samples < 900);
  CHECK(calm.samples < 30);
}

TEST_CASE("samples of a coarse clock settle at once: equal samples have no noise") {
  const Ended ended = feed(limits(), [](std::size_t i) { return i % 5 == 0 ? 1024.0 : 1000.0; });
  CHECK(ended.state == StopState::settled);
  CHECK(ended.samples < 40);
}

TEST_CASE("samples that drift, or jump between two levels, time out") {
  const Ended drift =
      feed(limits(), [](std::size_t i) { return 1000 + 5 * static_cast<double>(i); });
  CHECK(drift.state == StopState::timed_out);
  SplitMix random(3);
  const Ended two =
      feed(limits(), [&](std::size_t) { return random.next() % 2 == 0 ? 1000.0 : 1500.0; });
  CHECK(two.state == StopState::timed_out);
}

TEST_CASE("a slow kernel ends by time, a fast one by the number of samples") {
  StopLimits few = limits();
  few.most_ns = 5e6;
  SplitMix random(5);
  const Ended slow = feed(few, [&](std::size_t) { return 1e6 * (1 + 0.2 * normal(random)); });
  CHECK(slow.state == StopState::timed_out);
  CHECK(slow.samples <= 10);
  StopLimits most = limits();
  most.least_ns = 1e12;
  most.most_samples = 100;
  const Ended fast = feed(most, [](std::size_t) { return 10.0; });
  CHECK(fast.samples == 100);
  CHECK(fast.state == StopState::settled);
}

TEST_CASE("quantiles are nearest ranks") {
  CHECK(quantile({5, 1, 4, 2, 3}, 0.5) == 3);
  CHECK(quantile({5, 1, 4, 2, 3}, 0.9) == 5);
  CHECK(quantile({5, 1, 4, 2, 3}, 0.2) == 1);
  CHECK(quantile({}, 0.5) == 0);
}
