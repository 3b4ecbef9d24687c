#include "traces/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "sim/check.h"
#include "sim/math.h"
#include "sim/request.h"

namespace headroom {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLeastCv = 0.02;
constexpr double kMostCv = 100;

[[nodiscard]] std::string text_of(double value) {
  std::string text = std::to_string(value);
  const std::size_t last = text.find_last_not_of('0');
  if (text.find('.') != std::string::npos) text.erase(text[last] == '.' ? last : last + 1);
  return text;
}

void require(bool holds, const std::string& where, const std::string& expected, double got) {
  if (holds) return;
  throw InputError(where,
                   "expected " + expected + ", got " + text_of(got) + "; correct the number");
}

}  // namespace

double portable_gamma(double x) {
  // Coefficients of Godfrey's table for g = 7, n = 9 (Lanczos 1964).
  constexpr std::array<double, 9> kTerms{
      0.99999999999980993,  676.5203681218851,     -1259.1392167224028,
      771.32342877765313,   -176.61502916214059,   12.507343278686905,
      -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
  // Below 1 the recurrence gamma(x) = gamma(x + 1) / x; the series holds from 0.5.
  if (x < 1) return portable_gamma(x + 1) / x;
  const double y = x - 1;
  double sum = kTerms[0];
  for (std::size_t i = 1; i < kTerms.size(); ++i) sum += kTerms[i] / (y + static_cast<double>(i));
  const double t = y + 7.5;
  return std::sqrt(2 * kPi) * portable_exp((y + 0.5) * portable_log(t) - t) * sum;
}

double weibull_shape(double cv) {
  // cv^2 = gamma(1 + 2/k) / gamma(1 + 1/k)^2 - 1 falls with k: 429 at k = 0.1, 0.0128 at k = 100.
  double low = 0.1;
  double high = 100;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    const double first = portable_gamma(1 + 1 / middle);
    const double ratio = portable_gamma(1 + 2 / middle) / (first * first) - 1;
    (ratio > cv * cv ? low : high) = middle;
  }
  return (low + high) / 2;
}

Sampler::Sampler(const DistributionSpec& spec, const std::string& where) : kind_(spec.kind) {
  require(std::isfinite(spec.least) && spec.least >= 0, where, "a least value of at least 0",
          spec.least);
  require(std::isfinite(spec.most) && spec.most >= 0, where, "a largest value of at least 0",
          spec.most);
  least_ = spec.least;
  most_ = spec.most > 0 ? spec.most : std::numeric_limits<double>::infinity();
  require(most_ >= least_, where, "a largest value of at least " + text_of(least_), spec.most);
  prepare(spec, where);
}

void Sampler::prepare(const DistributionSpec& spec, const std::string& where) {
  using Kind = DistributionSpec::Kind;
  const bool by_mean = kind_ == Kind::exponential || kind_ == Kind::gamma ||
                       kind_ == Kind::weibull || kind_ == Kind::lognormal;
  if (by_mean || kind_ == Kind::constant) {
    require(std::isfinite(spec.mean) && spec.mean >= 0 && (spec.mean > 0 || !by_mean), where,
            by_mean ? "a mean above 0" : "a value of at least 0", spec.mean);
  }
  const double cv = spec.cv;
  if (by_mean && kind_ != Kind::exponential) {
    require(cv >= kLeastCv && cv <= kMostCv, where, "a cv from 0.02 to 100", cv);
  }
  a_ = spec.mean;
  if (kind_ == Kind::gamma) {
    a_ = 1 / (cv * cv);
    b_ = spec.mean * cv * cv;
  } else if (kind_ == Kind::weibull) {
    a_ = weibull_shape(cv);
    b_ = spec.mean / portable_gamma(1 + 1 / a_);
  } else if (kind_ == Kind::lognormal) {
    const double variance = portable_log(1 + cv * cv);
    b_ = std::sqrt(variance);
    a_ = portable_log(spec.mean) - variance / 2;
  } else if (kind_ == Kind::pareto) {
    require(spec.least > 0, where, "a least value above 0 for Pareto's law", spec.least);
    require(std::isfinite(spec.alpha) && spec.alpha > 0, where, "an alpha above 0", spec.alpha);
    a_ = spec.least;
    b_ = spec.alpha;
  } else if (kind_ == Kind::uniform) {
    require(spec.most > 0 && std::isfinite(most_), where, "a largest value above 0", spec.most);
  } else if (kind_ == Kind::empirical) {
    for (const double value : spec.values) {
      require(std::isfinite(value) && value >= 0, where, "values of at least 0", value);
    }
    std::vector<double> weights = spec.weights;
    if (weights.empty()) weights.assign(spec.values.size(), 1.0);
    table_.emplace(spec.values, weights, where);
  }
}

double Sampler::raw(RandomStream& random) const {
  using Kind = DistributionSpec::Kind;
  switch (kind_) {
    case Kind::constant:
      return a_;
    case Kind::uniform:
      return least_ + (most_ - least_) * random.uniform();
    case Kind::exponential:
      return random.exponential(a_);
    case Kind::gamma:
      return random.gamma(a_, b_);
    case Kind::weibull:
      return random.weibull(a_, b_);
    case Kind::lognormal:
      return random.lognormal(a_, b_);
    case Kind::pareto:
      return random.pareto(a_, b_);
    case Kind::empirical:
      return table_->draw(random);
  }
  return a_;
}

double Sampler::draw(RandomStream& random) const {
  return std::min(std::max(raw(random), least_), most_);
}

std::int64_t Sampler::draw_whole(RandomStream& random) const {
  const auto largest = static_cast<double>(kMaxRequestTokens.value());
  if (kind_ == DistributionSpec::Kind::uniform) {
    const auto low = static_cast<std::int64_t>(std::ceil(std::min(std::max(least_, 1.0), largest)));
    const auto high = static_cast<std::int64_t>(std::floor(std::min(most_, largest)));
    if (high <= low) return low;
    return low +
           static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low) + 1));
  }
  const double value = std::min(draw(random), largest);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(value + 0.5));
}

}  // namespace headroom
