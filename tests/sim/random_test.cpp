#include "sim/random.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

constexpr int kDraws = 100'000;

/// Kolmogorov-Smirnov: the largest gap between the empirical and the true distribution function,
/// times sqrt(n), exceeds x with probability 2 exp(-2 x^2): 9e-7 for x = 2.7. With 100,000 draws
/// that is a gap of 0.0085. Seeds are fixed, so a failure is a change, not bad luck.
constexpr double kKsLimit = 2.7;

double ks_statistic(std::vector<double> sample, const std::function<double(double)>& cdf) {
  std::sort(sample.begin(), sample.end());
  const auto n = static_cast<double>(sample.size());
  double gap = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(sample[i]);
    gap = std::max({gap, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return gap * std::sqrt(n);
}

std::vector<double> drawn(const std::function<double(RandomStream&)>& draw) {
  RandomStream random(20, "test");
  std::vector<double> sample;
  for (int i = 0; i < kDraws; ++i) sample.push_back(draw(random));
  return sample;
}

/// Sum of (seen - expected)^2 / expected.
double chi_square(const std::vector<int>& seen, const std::vector<double>& expected) {
  double sum = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (expected[i] > 0) sum += (seen[i] - expected[i]) * (seen[i] - expected[i]) / expected[i];
  }
  return sum;
}

/// Mean and variance within 5 standard errors. `fourth` is the fourth central moment over the
/// variance squared.
void check_moments(const std::vector<double>& sample, double mean, double variance, double fourth) {
  const auto n = static_cast<double>(sample.size());
  double sum = 0;
  for (const double x : sample) sum += x;
  double squares = 0;
  for (const double x : sample) squares += (x - sum / n) * (x - sum / n);
  CHECK(std::fabs(sum / n - mean) < 5 * std::sqrt(variance / n));
  CHECK(std::fabs(squares / n - variance) < 5 * variance * std::sqrt((fourth - 1) / n));
}

std::string refusal(std::vector<double> values, const std::vector<double>& weights) {
  try {
    const EmpiricalTable table(std::move(values), weights, "s.json: /workload/prompt");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("The generator gives the reference outputs of xoshiro256++") {
  // From state {1,2,3,4}: rotl(1 + 4, 23) + 1 = 5 * 2^23 + 1 = 41943041. Then t = 2 << 17; s2 ^= s0
  // -> 2; s3 ^= s1 -> 6; s1 ^= s2 -> 0; s0 ^= s3 -> 7; s2 ^= t -> 262146; s3 = rotl(6, 45) = 6 *
  // 2^45. So rotl(7 + 6 * 2^45, 23) + 7 = 7 * 2^23 + 6 * 2^68 mod 2^64 brought round to 6 * 2^4 =
  // 96, + 7 = 58720359. The rest as the authors' code prints.
  RandomStream random(std::array<std::uint64_t, 4>{1, 2, 3, 4});
  CHECK(random.bits() == 41943041U);
  CHECK(random.bits() == 58720359U);
  CHECK(random.bits() == 3588806011781223U);
  CHECK(random.bits() == 3591011842654386U);
}

TEST_CASE("The bytes of a named stream are fixed") {
  // FNV-1a over the seed (8 bytes, little end first), the purpose and the entity (8 bytes), four
  // outputs of splitmix64 from there as the state of xoshiro256++; computed with another program
  // from the published definitions.
  RandomStream arrival(1, "arrival", 0);
  CHECK(arrival.bits() == 6532282087024365974U);
  CHECK(arrival.bits() == 3156235698279672248U);
  CHECK(arrival.bits() == 2436587744402316954U);
  RandomStream prompt(42, "prompt", 7);
  CHECK(prompt.bits() == 254122091598579301U);
  CHECK(prompt.bits() == 6246299452441866631U);
}

TEST_CASE("Drawing from one stream never shifts another") {
  RandomStream alone(3, "prompt", 1);
  std::vector<double> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(alone.normal());
  RandomStream prompt(3, "prompt", 1);
  RandomStream output(3, "output", 1);
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < i; ++k) (void)output.gamma(0.7, 2.0);
    REQUIRE(prompt.normal() == expected[static_cast<std::size_t>(i)]);
  }
}

TEST_CASE("Streams of different seeds, purposes and entities differ") {
  std::set<std::uint64_t> first;
  const std::vector<std::string> purposes{"", "a", "b", "ab", "ba", "arrival", "prompt", "routing"};
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const std::string& purpose : purposes) {
      for (std::uint64_t entity = 0; entity < 20; ++entity) {
        first.insert(RandomStream(seed, purpose, entity).bits());
      }
    }
  }
  // 3,200 draws of 64 bits collide with probability 3e-13.
  CHECK(first.size() == 20 * 8 * 20);
}

TEST_CASE("The first draws of neighbouring streams look independent") {
  std::vector<double> by_entity;
  std::vector<double> by_seed;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    by_entity.push_back(RandomStream(1, "client", i).uniform());
    by_seed.push_back(RandomStream(i, "client", 1).uniform());
  }
  double correlation = 0;
  for (std::size_t i = 0; i + 1 < by_entity.size(); ++i) {
    correlation += (by_entity[i] - 0.5) * (by_entity[i + 1] - 0.5) * 12;
  }
  // The sum of n products of unit variance has standard deviation sqrt(n).
  CHECK(std::fabs(correlation) < 5 * std::sqrt(static_cast<double>(kDraws)));
  const auto identity = [](double x) { return x; };
  CHECK(ks_statistic(by_entity, identity) < kKsLimit);
  CHECK(ks_statistic(by_seed, identity) < kKsLimit);
}

TEST_CASE("Uniform draws fill [0, 1) evenly") {
  const auto sample = drawn([](RandomStream& r) { return r.uniform(); });
  CHECK(ks_statistic(sample, [](double x) { return x; }) < kKsLimit);
  CHECK(*std::min_element(sample.begin(), sample.end()) >= 0.0);
  CHECK(*std::max_element(sample.begin(), sample.end()) < 1.0);
  const auto positive = drawn([](RandomStream& r) { return r.uniform_positive(); });
  CHECK(*std::min_element(positive.begin(), positive.end()) > 0.0);
}

TEST_CASE("Whole numbers below n are equally likely") {
  RandomStream random(5, "below");
  std::vector<int> seen(7, 0);
  for (int i = 0; i < kDraws; ++i) ++seen[random.below(7)];
  // Chi-square with 6 degrees of freedom exceeds 40 with probability 5e-7.
  CHECK(chi_square(seen, std::vector<double>(7, kDraws / 7.0)) < 40);
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
}

TEST_CASE("Ranges that do not divide 2^64 are drawn without bias") {
  // With n = 3 * 2^62, taking the high word of bits * n without redrawing would give every third
  // number twice the weight of its neighbours: half of the draws, not a third, would be multiples
  // of 3.
  RandomStream random(6, "below");
  constexpr std::uint64_t kRange = std::uint64_t{3} << 62;
  std::vector<int> seen(3, 0);
  for (int i = 0; i < kDraws; ++i) ++seen[random.below(kRange) % 3];
  // Chi-square with 2 degrees of freedom exceeds 30 with probability 3e-7.
  CHECK(chi_square(seen, std::vector<double>(3, kDraws / 3.0)) < 30);
}

TEST_CASE("Exponential draws follow their law") {
  const auto sample = drawn([](RandomStream& r) { return r.exponential(2.5); });
  CHECK(ks_statistic(sample, [](double x) { return 1 - std::exp(-x / 2.5); }) < kKsLimit);
  check_moments(sample, 2.5, 6.25, 9);
}

TEST_CASE("Normal draws follow their law, also in pairs") {
  const auto sample = drawn([](RandomStream& r) { return r.normal(); });
  CHECK(ks_statistic(sample, [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }) <
        kKsLimit);
  check_moments(sample, 0, 1, 3);
  // Neighbours come from one pair of the polar method: their products average 0 with standard error
  // 1/sqrt(n/2).
  double sum = 0;
  for (std::size_t i = 0; i + 1 < sample.size(); i += 2) sum += sample[i] * sample[i + 1];
  CHECK(std::fabs(sum) < 5 * std::sqrt(kDraws / 2.0));
}

TEST_CASE("Gamma draws follow their law for shapes below, at and above 1") {
  // Closed forms: shape 1/2 is erf(sqrt(x)), shape 1 exponential, shape 3 Erlang.
  const auto half = drawn([](RandomStream& r) { return r.gamma(0.5, 2.0); });
  CHECK(ks_statistic(half, [](double x) { return std::erf(std::sqrt(x / 2.0)); }) < kKsLimit);
  const auto one = drawn([](RandomStream& r) { return r.gamma(1.0, 2.0); });
  CHECK(ks_statistic(one, [](double x) { return 1 - std::exp(-x / 2.0); }) < kKsLimit);
  const auto three = drawn([](RandomStream& r) { return r.gamma(3.0, 2.0); });
  CHECK(ks_statistic(three, [](double x) {
          const double y = x / 2.0;
          return 1 - std::exp(-y) * (1 + y + y * y / 2);
        }) < kKsLimit);
  // Mean k s, variance k s^2, kurtosis 3 + 6/k.
  const auto other = drawn([](RandomStream& r) { return r.gamma(0.11, 5.0); });
  check_moments(other, 0.55, 2.75, 3 + 6 / 0.11);
}

TEST_CASE("Weibull draws follow their law") {
  for (const double shape : {0.6, 1.0, 2.5}) {
    const auto sample = drawn([shape](RandomStream& r) { return r.weibull(shape, 3.0); });
    CHECK(ks_statistic(sample, [shape](double x) {
            return 1 - std::exp(-std::pow(x / 3, shape));
          }) < kKsLimit);
  }
}

TEST_CASE("Lognormal draws follow their law") {
  const auto sample = drawn([](RandomStream& r) { return r.lognormal(1.0, 0.7); });
  CHECK(ks_statistic(sample, [](double x) {
          return std::erfc(-(std::log(x) - 1.0) / (0.7 * std::sqrt(2.0))) / 2;
        }) < kKsLimit);
}

TEST_CASE("Pareto draws follow their law") {
  const auto sample = drawn([](RandomStream& r) { return r.pareto(2.0, 1.5); });
  CHECK(ks_statistic(sample, [](double x) { return 1 - std::pow(2.0 / x, 1.5); }) < kKsLimit);
  CHECK(*std::min_element(sample.begin(), sample.end()) >= 2.0);
}

TEST_CASE("A table is drawn from in proportion to its weights, and weight 0 never comes") {
  const std::vector<double> values{10, 20, 30, 40, 50, 60};
  const std::vector<double> weights{1, 2, 3, 4, 0, 10};
  const EmpiricalTable table(values, weights, "");
  RandomStream random(8, "table");
  std::vector<int> seen(6, 0);
  for (int i = 0; i < kDraws; ++i) ++seen[static_cast<std::size_t>(table.draw(random) / 10) - 1];
  std::vector<double> expected;
  for (const double weight : weights) expected.push_back(weight / 20 * kDraws);
  CHECK(seen[4] == 0);
  // Chi-square with 4 degrees of freedom exceeds 36 with probability 3e-7.
  CHECK(chi_square(seen, expected) < 36);
  // (10 + 40 + 90 + 160 + 600) / 20 = 45.
  CHECK(table.mean() == Approx(45));
  CHECK(table.size() == 6);
}

TEST_CASE("Tables of many entries and of extreme weights keep their proportions") {
  std::vector<double> values;
  std::vector<double> weights;
  for (int i = 0; i < 1000; ++i) {
    values.push_back(i);
    weights.push_back(i % 10 == 0 ? 0.0 : 1.0 + i % 7);
  }
  const EmpiricalTable table(values, weights, "");
  RandomStream random(9, "table");
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = table.draw(random);
    REQUIRE(static_cast<int>(value) % 10 != 0);
    sum += value;
  }
  // Values spread over [0, 1000): standard deviation at most 500, standard error at most 1.6.
  CHECK(std::fabs(sum / kDraws - table.mean()) < 8);

  const double huge = std::numeric_limits<double>::max();
  const EmpiricalTable even({1, 2}, {huge, huge}, "");
  CHECK(even.mean() == 1.5);
  const EmpiricalTable lopsided({1, 2}, {1e-300, 1.0}, "");
  for (int i = 0; i < 1000; ++i) CHECK(lopsided.draw(random) == 2.0);
  const EmpiricalTable lone({7}, {0.25}, "");
  CHECK(lone.draw(random) == 7.0);
}

TEST_CASE("Weights that describe no distribution are refused with place and remedy") {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  for (const std::string& message :
       {refusal({1, 2}, {1, nan}), refusal({1, 2}, {1, -1}), refusal({1, 2}, {1, inf}),
        refusal({1, 2}, {0, 0}), refusal({1, 2}, {1}), refusal({}, {}),
        refusal({1, nan}, {1, 1})}) {
    CAPTURE(message);
    CHECK(message.find("s.json: /workload/prompt: expected ") == 0);
    CHECK(message.find(", got ") != std::string::npos);
    CHECK(message.find("; ") != std::string::npos);
  }
  CHECK(refusal({1, 2}, {1, -1}).find("got -1.000000 at index 1") != std::string::npos);
}

TEST_CASE("A generator without a state and an empty range stop the program") {
  CHECK(testing::aborts([] { RandomStream dead(std::array<std::uint64_t, 4>{}); }));
  CHECK(testing::aborts([] {
    RandomStream random(1, "x");
    (void)random.below(0);
  }));
}
