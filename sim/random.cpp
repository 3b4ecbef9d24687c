#include "sim/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "sim/check.h"
#include "sim/math.h"
#include "sim/mix.h"

namespace headroom {
namespace {

__extension__ typedef unsigned __int128 Uint128;

// FNV-1a, 64 bits (Fowler, Noll, Vo; constants of draft-eastlake-fnv).
constexpr std::uint64_t kFnvOffset = 0xcbf29ce484222325;
constexpr std::uint64_t kFnvPrime = 0x100000001b3;

void absorb(std::uint64_t& hash, std::uint64_t byte) { hash = (hash ^ byte) * kFnvPrime; }

void absorb_word(std::uint64_t& hash, std::uint64_t word) {
  for (int shift = 0; shift < 64; shift += 8) absorb(hash, (word >> shift) & 0xff);
}

/// splitmix64: advances `state` and returns the next output.
std::uint64_t splitmix64(std::uint64_t& state) {
  const std::uint64_t output = mixed(state);
  state += kMixStep;
  return output;
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view purpose, std::uint64_t entity) {
  // The name stands between two words of fixed length, so different triples give different byte
  // strings.
  std::uint64_t hash = kFnvOffset;
  absorb_word(hash, seed);
  for (const char c : purpose) absorb(hash, static_cast<unsigned char>(c));
  absorb_word(hash, entity);
  // Four consecutive outputs of splitmix64 are distinct, so the state is never all zero.
  for (std::uint64_t& word : state_) word = splitmix64(hash);
}

RandomStream::RandomStream(const std::array<std::uint64_t, 4>& state) : state_(state) {
  SIM_CHECK((state[0] | state[1] | state[2] | state[3]) != 0,
            "the state of xoshiro256++ is not all zero");
}

std::uint64_t RandomStream::bits() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double RandomStream::uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

std::uint64_t RandomStream::below(std::uint64_t n) {
  SIM_CHECK(n >= 1, "a random integer is drawn from a range that is not empty");
  // Lemire 2019: the high word of bits * n, redrawing the few low words that would favour some
  // results.
  Uint128 product = static_cast<Uint128>(bits()) * n;
  if (static_cast<std::uint64_t>(product) < n) {
    const std::uint64_t threshold = (0 - n) % n;
    while (static_cast<std::uint64_t>(product) < threshold) {
      product = static_cast<Uint128>(bits()) * n;
    }
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double RandomStream::exponential(double mean) { return -mean * portable_log(uniform_positive()); }

double RandomStream::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  double u = 0;
  double v = 0;
  double square = 0;
  do {
    u = 2 * uniform() - 1;
    v = 2 * uniform() - 1;
    square = u * u + v * v;
  } while (square >= 1 || square == 0);
  const double factor = std::sqrt(-2 * portable_log(square) / square);
  spare_normal_ = v * factor;
  has_spare_normal_ = true;
  return u * factor;
}

double RandomStream::gamma(double shape, double scale) {
  // Shapes below 1: gamma(k) = gamma(k+1) * U^(1/k) (Marsaglia and Tsang 2000, section 6).
  if (shape < 1) {
    const double boost = portable_pow(uniform_positive(), 1 / shape);
    return gamma(shape + 1, scale) * boost;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double u = uniform_positive();
    if (portable_log(u) < 0.5 * x * x + d - d * v + d * portable_log(v)) return scale * d * v;
  }
}

double RandomStream::weibull(double shape, double scale) {
  return scale * portable_pow(-portable_log(uniform_positive()), 1 / shape);
}

double RandomStream::lognormal(double mu, double sigma) {
  return portable_exp(mu + sigma * normal());
}

double RandomStream::pareto(double minimum, double alpha) {
  return minimum * portable_pow(uniform_positive(), -1 / alpha);
}

namespace {

/// The largest weight, after checking all of them.
double largest_checked(const std::vector<double>& values, const std::vector<double>& weights,
                       const std::string& where) {
  if (values.size() != weights.size()) {
    throw InputError(where, "expected as many weights as values, got " +
                                std::to_string(values.size()) + " values and " +
                                std::to_string(weights.size()) +
                                " weights; give each value one weight");
  }
  if (values.empty() || values.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw InputError(where, "expected a table of at least one value (and fewer than 2^32), got " +
                                std::to_string(values.size()) + "; list the values to draw from");
  }
  double largest = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) {
      throw InputError(where, "expected finite weights >= 0, got " + std::to_string(weights[i]) +
                                  " at index " + std::to_string(i) +
                                  "; use 0 to leave a value out");
    }
    if (!std::isfinite(values[i])) {
      throw InputError(where, "expected finite values, got " + std::to_string(values[i]) +
                                  " at index " + std::to_string(i) + "; remove that entry");
    }
    if (weights[i] > largest) largest = weights[i];
  }
  if (largest == 0) {
    throw InputError(where, "expected a weight above 0, got " + std::to_string(weights.size()) +
                                " weights that are all 0; give at least one value a weight");
  }
  return largest;
}

}  // namespace

EmpiricalTable::EmpiricalTable(std::vector<double> values, const std::vector<double>& weights,
                               const std::string_view where)
    : values_(std::move(values)) {
  const double largest = largest_checked(values_, weights, std::string(where));
  const std::size_t n = values_.size();
  // Relative to the largest weight, so that neither the sum nor a product overflows.
  double sum = 0;
  for (const double weight : weights) sum += weight / largest;
  for (std::size_t i = 0; i < n; ++i) mean_ += values_[i] * (weights[i] / largest / sum);

  // Vose 1991: pair each column below the average with one above it.
  std::vector<double> column(n);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  keep_.assign(n, 1.0);
  alias_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    column[i] = weights[i] / largest / sum * static_cast<double>(n);
    alias_[i] = static_cast<std::uint32_t>(i);
    (column[i] < 1 ? small : large).push_back(static_cast<std::uint32_t>(i));
  }
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back();
    const std::uint32_t high = large.back();
    small.pop_back();
    keep_[low] = column[low];
    alias_[low] = high;
    column[high] -= 1 - column[low];
    if (column[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  // What rounding leaves over is within rounding of the average and keeps all of its column, except
  // entries of weight 0, which must never come out.
  const auto heaviest = static_cast<std::uint32_t>(
      std::max_element(weights.begin(), weights.end()) - weights.begin());
  for (const std::uint32_t i : small) {
    if (weights[i] == 0) {
      keep_[i] = 0;
      alias_[i] = heaviest;
    }
  }
}

double EmpiricalTable::draw(RandomStream& random) const {
  const auto column = static_cast<std::size_t>(random.below(values_.size()));
  return random.uniform() < keep_[column] ? values_[column] : values_[alias_[column]];
}

}  // namespace headroom
