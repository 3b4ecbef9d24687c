#include "sim/edge_cloud.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"
#include "sim/math.h"
#include "sim/mix.h"

namespace headroom {
namespace {

/// Longest time that one run may take: far above every timeout, far below what overflows.
constexpr double kLongest = 1e6 * 1e9;  // ns

Duration scaled_time(Duration expected, double factor) {
  return Duration(
      static_cast<std::int64_t>(std::min(expected.as_double() * factor + 0.5, kLongest)));
}

/// The last entry at or before `now`; null before the first.
template <class Point>
const Point* point_at(const std::vector<Point>& points, Instant now) {
  const auto after = std::upper_bound(points.begin(), points.end(), now,
                                      [](Instant t, const Point& p) { return t < p.at; });
  return after == points.begin() ? nullptr : &*std::prev(after);
}

}  // namespace

EdgeLaw::EdgeLaw(const DistributionSpec& spec, const std::string& where) : spec_(spec) {
  if (spec.kind == DistributionSpec::Kind::lognormal) {
    // Mean m and cv c: sigma^2 = log(1 + c^2), mu = log m - sigma^2 / 2.
    const double variance = portable_log(1 + spec.cv * spec.cv);
    sigma_ = std::sqrt(variance);
    mu_ = portable_log(spec.mean) - variance / 2;
  }
  if (spec.kind == DistributionSpec::Kind::empirical) {
    table_.emplace(spec.values, spec.weights, where);
  }
}

double EdgeLaw::draw(std::uint64_t word) const {
  using Kind = DistributionSpec::Kind;
  if (spec_.kind == Kind::constant) return spec_.mean;
  if (spec_.kind == Kind::uniform) {
    const double u = static_cast<double>(mixed(word) >> 11) * 0x1p-53;
    return spec_.least + (spec_.most - spec_.least) * u;
  }
  RandomStream random({mixed(word), mixed(word + 1), mixed(word + 2), mixed(word + 3) | 1});
  double value = 0;
  switch (spec_.kind) {
    case Kind::exponential:
      value = random.exponential(spec_.mean);
      break;
    case Kind::gamma:
      value = random.gamma(1 / (spec_.cv * spec_.cv), spec_.mean * spec_.cv * spec_.cv);
      break;
    case Kind::lognormal:
      value = random.lognormal(mu_, sigma_);
      break;
    case Kind::pareto:
      value = random.pareto(spec_.least, spec_.alpha);
      break;
    case Kind::empirical:
      value = table_->draw(random);
      break;
    default:
      SIM_CHECK(false, "a law of edge times is of a known kind");
  }
  value = std::max(value, spec_.least);
  return spec_.most > 0 ? std::min(value, spec_.most) : value;
}

EdgeTimes::EdgeTimes(const EdgeCloudSetup& cloud, const EdgeLaws& laws, std::uint64_t seed,
                     std::uint32_t site)
    : cloud_(cloud),
      laws_(laws),
      edge_seed_(RandomStream(seed, "edge time", site).bits()),
      cloud_seed_(RandomStream(seed, "cloud time", site).bits()),
      latency_seed_(RandomStream(seed, "cloud latency", site).bits()),
      upload_seed_(RandomStream(seed, "upload", site).bits()),
      idle_(laws.edge_factors.size()) {}

Duration EdgeTimes::edge(const EdgeTaskType& type, std::uint16_t type_index,
                         std::uint32_t task) const {
  return scaled_time(type.edge_time, laws_.edge_factors[type_index].draw(mixed(edge_seed_ + task)));
}

double EdgeTimes::slowdown(Instant now) const {
  const CloudPhase* phase = point_at(cloud_.phases, now);
  return phase == nullptr ? 1 : phase->slowdown;
}

Duration EdgeTimes::network(Instant now, const EdgeTaskType& type, std::uint32_t task) {
  Duration time = scaled_time(kSecond, laws_.latency.draw(mixed(latency_seed_ + task)));
  const NetworkPoint* point = point_at(cloud_.network, now);
  if (point == nullptr) return time;
  time += point->latency;
  if (type.input > Bytes(0) && point->uplink.value() > 0) {
    const double factor = laws_.upload_factor.draw(mixed(upload_seed_ + task));
    const Duration upload =
        scaled_time(kSecond, factor * type.input.as_double() / point->uplink.value());
    const Duration wait = std::max(uplink_free_ - now, Duration(0)) + upload;
    // A backlog beyond any timeout need not be told apart.
    uplink_free_ = now + std::min(wait, Duration(static_cast<std::int64_t>(kLongest)));
    time += uplink_free_ - now;
  }
  return time;
}

CloudCall EdgeTimes::call(Instant now, const EdgeTaskType& type, std::uint16_t type_index,
                          std::uint32_t task, std::optional<Duration> recorded) {
  CloudCall call;
  call.network = network(now, type, task);
  if (cloud_.cold_start > Duration(0)) {
    std::vector<Instant>& idle = idle_[type_index];
    // The newest idle instance is kept the longest: where it is gone, all are.
    if (idle.empty() || now - idle.back() > cloud_.keep_alive) {
      idle.clear();
      call.cold_start = cloud_.cold_start;
    } else {
      idle.pop_back();
    }
  }
  call.execution =
      recorded ? *recorded
               : scaled_time(type.cloud_time,
                             laws_.cloud_factor.draw(mixed(cloud_seed_ + task)) * slowdown(now));
  call.timed_out = call.in_flight() > cloud_.timeout;
  return call;
}

void EdgeTimes::release(std::uint16_t type_index, Instant now) {
  if (cloud_.cold_start > Duration(0)) idle_[type_index].push_back(now);
}

}  // namespace headroom
