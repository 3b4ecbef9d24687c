// Named random streams and our own distributions.
//
// Law: a stream is a function of (seed, purpose, entity) alone; drawing from one never shifts
// another. Values use only + - * / sqrt and our own log/exp/pow (sim/math.h), so the same bytes
// come out on every CPU and compiler. Generator: xoshiro256++ seeded through splitmix64 (Blackman
// and Vigna, 2019; public domain algorithms).
// Not here: std::*_distribution, whose results differ between standard libraries.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace headroom {

class RandomStream {
 public:
  /// `purpose` names what is drawn ("arrival", "prompt", "routing"); `entity` which one (client,
  /// replica, ...).
  RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t entity = 0);
  /// A stream whose generator stands at `state`, which is not all zero; for known-answer tests.
  explicit RandomStream(const std::array<std::uint64_t, 4>& state);

  /// 64 random bits.
  [[nodiscard]] std::uint64_t bits();
  /// Uniform on [0, 1): 53 bits.
  [[nodiscard]] double uniform();
  /// Uniform on (0, 1].
  [[nodiscard]] double uniform_positive() { return 1.0 - uniform(); }
  /// Uniform integer in [0, n), without bias. Requires n >= 1.
  [[nodiscard]] std::uint64_t below(std::uint64_t n);
  /// Exponential with the given mean (> 0), by inversion.
  [[nodiscard]] double exponential(double mean);
  /// Standard normal (polar method; the second value of a pair is kept).
  [[nodiscard]] double normal();
  /// Gamma with shape k > 0 and scale > 0 (Marsaglia and Tsang, 2000).
  [[nodiscard]] double gamma(double shape, double scale);
  /// Weibull with shape and scale > 0, by inversion.
  [[nodiscard]] double weibull(double shape, double scale);
  /// exp(mu + sigma * normal).
  [[nodiscard]] double lognormal(double mu, double sigma);
  /// Pareto with minimum x_m > 0 and tail index alpha > 0, by inversion.
  [[nodiscard]] double pareto(double minimum, double alpha);

 private:
  std::array<std::uint64_t, 4> state_{};
  double spare_normal_ = 0.0;
  bool has_spare_normal_ = false;
};

/// A distribution given as a table of (value, weight); draws in O(1) (Walker's alias method).
class EmpiricalTable {
 public:
  /// Requires equal sizes, at least one entry, values finite, weights finite, >= 0, not all 0
  /// (checked: throws InputError{where}). An entry of weight 0 never comes out.
  EmpiricalTable(std::vector<double> values, const std::vector<double>& weights,
                 const std::string_view where);
  [[nodiscard]] double draw(RandomStream& random) const;
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  std::vector<double> values_;
  std::vector<double> keep_;  ///< probability of keeping the drawn column
  std::vector<std::uint32_t> alias_;
  double mean_ = 0.0;
};

}  // namespace headroom
