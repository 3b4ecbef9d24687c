#include "traces/sampler.h"

#include <array>
#include <cmath>

#include "sim/check.h"
#include "sim/request.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

using Kind = DistributionSpec::Kind;

DistributionSpec law(Kind kind, double mean, double cv = 1) {
  DistributionSpec spec;
  spec.kind = kind;
  spec.mean = mean;
  spec.cv = cv;
  return spec;
}

struct Moments {
  double mean = 0, cv = 0;
};

Moments moments(const DistributionSpec& spec, int draws) {
  const Sampler sampler(spec, "here");
  RandomStream random(7, "test");
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = sampler.draw(random);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / draws;
  return {mean, std::sqrt(squares / draws - mean * mean) / mean};
}

}  // namespace

TEST_CASE("The gamma function agrees with factorials and half-integer values") {
  double factorial = 1;
  for (int n = 1; n <= 20; ++n) {
    CHECK(portable_gamma(n) == Approx(factorial).epsilon(1e-12));
    factorial *= n;
  }
  CHECK(portable_gamma(0.5) == Approx(std::sqrt(M_PI)).epsilon(1e-12));
}

TEST_CASE("A Weibull law of cv 1 is exponential, and shape 2 has the Rayleigh law's cv") {
  CHECK(weibull_shape(1) == Approx(1).epsilon(1e-9));
  // sqrt(4 / pi - 1)
  CHECK(weibull_shape(0.5227232008770633) == Approx(2).epsilon(1e-9));
}

TEST_CASE("Each law has the mean and the coefficient of variation that it was asked for") {
  // The mean of n draws has a standard error of cv / sqrt(n): 0.45 % at cv 2 and 200,000 draws; 5
  // of them are allowed.
  constexpr int kDraws = 200'000;
  for (const Kind kind : {Kind::gamma, Kind::weibull, Kind::lognormal}) {
    for (const double cv : {0.5, 1.0, 2.0}) {
      INFO(static_cast<int>(kind) << " cv " << cv);
      const Moments got = moments(law(kind, 300, cv), kDraws);
      CHECK(got.mean == Approx(300).epsilon(5 * cv / std::sqrt(kDraws)));
      CHECK(got.cv == Approx(cv).epsilon(0.06));
    }
  }
  CHECK(moments(law(Kind::exponential, 300), kDraws).mean == Approx(300).epsilon(0.0112));
  CHECK(moments(law(Kind::constant, 300), 10).mean == 300);
  DistributionSpec pareto;
  pareto.kind = Kind::pareto;
  pareto.least = 100;
  pareto.alpha =
      3;  // mean alpha / (alpha - 1) * minimum = 150, cv 1 / sqrt(alpha (alpha - 2)) = 0.577
  CHECK(moments(pareto, kDraws).mean == Approx(150).epsilon(0.0065));
}

TEST_CASE("Clamping puts what lies beyond a bound on the bound") {
  DistributionSpec spec = law(Kind::exponential, 100);
  spec.least = 50;
  spec.most = 120;
  const Sampler sampler(spec, "here");
  RandomStream random(1, "test");
  int low = 0;
  int high = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double x = sampler.draw(random);
    REQUIRE((x >= 50 && x <= 120));
    low += x == 50 ? 1 : 0;
    high += x == 120 ? 1 : 0;
  }
  // 1 - exp(-0.5) = 0.3935 and exp(-1.2) = 0.3012; standard error 0.0016.
  CHECK(low / double{kDraws} == Approx(0.3935).margin(0.008));
  CHECK(high / double{kDraws} == Approx(0.3012).margin(0.008));
}

TEST_CASE("Whole draws are at least 1, and uniform ones reach both bounds with equal probability") {
  RandomStream random(3, "test");
  const Sampler tiny(law(Kind::constant, 0.01), "here");
  CHECK(tiny.draw_whole(random) == 1);
  const Sampler huge(law(Kind::constant, 1e18), "here");
  CHECK(huge.draw_tokens(random) == kMaxRequestTokens);
  DistributionSpec die;
  die.kind = Kind::uniform;
  die.least = 1;
  die.most = 6;
  const Sampler sampler(die, "here");
  std::array<int, 7> seen{};
  for (int i = 0; i < 60'000; ++i) ++seen.at(static_cast<std::size_t>(sampler.draw_whole(random)));
  for (std::size_t face = 1; face <= 6; ++face) CHECK(seen[face] == Approx(10'000).margin(460));
}

TEST_CASE("An empirical law draws its values in proportion to their weights") {
  DistributionSpec spec;
  spec.kind = Kind::empirical;
  spec.values = {10, 20, 30};
  spec.weights = {1, 0, 3};
  const Sampler sampler(spec, "here");
  RandomStream random(5, "test");
  std::array<int, 31> seen{};
  for (int i = 0; i < 40'000; ++i) ++seen.at(static_cast<std::size_t>(sampler.draw_whole(random)));
  CHECK(seen[20] == 0);
  CHECK(seen[10] == Approx(10'000).margin(440));
  CHECK(seen[10] + seen[30] == 40'000);
}

TEST_CASE("Parameters without a meaning are refused") {
  const auto refused = [](DistributionSpec spec) {
    CHECK_THROWS_AS(Sampler(spec, "/workload/prompt"), InputError);
  };
  refused(law(Kind::exponential, 0));
  refused(law(Kind::gamma, 10, 0));
  refused(law(Kind::gamma, 10, std::nan("")));
  refused(law(Kind::weibull, 10, 1e9));
  refused(law(Kind::lognormal, -1));
  refused(law(Kind::lognormal, std::nan("")));
  DistributionSpec spec = law(Kind::exponential, 1);
  spec.least = 10;
  spec.most = 5;
  refused(spec);
  spec = law(Kind::pareto, 1);
  refused(spec);
  spec = law(Kind::uniform, 1);
  refused(spec);
  spec = law(Kind::empirical, 1);
  refused(spec);
}
