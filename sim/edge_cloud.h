// How long edge runs and cloud calls really take: laws, bad phases, networks, cold starts.
//
// Law: the actual time of a task at a place is a function of (seed, site, task, place) and, in the
// cloud, of when it is called; never of what a policy decided before. So policies are compared on
// the same luck. Policies never see this file.
// Cost: a few nanoseconds a draw for constants and uniform laws, a stream's start for the others.
// Not here: queues (sim/edge_site.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/edge_metrics.h"
#include "sim/edge_task.h"
#include "sim/random.h"
#include "sim/scenario.h"
#include "sim/units.h"

namespace headroom {

/// A law of non-negative numbers, drawn from a word instead of a stream's past.
class EdgeLaw {
 public:
  /// constant, uniform, exponential, gamma, lognormal, pareto or empirical; `least` and `most` clip
  /// as in every distribution. Throws InputError{where} for an empirical law without weight.
  EdgeLaw(const DistributionSpec& spec, const std::string& where);
  /// The same word gives the same value.
  [[nodiscard]] double draw(std::uint64_t word) const;

 private:
  DistributionSpec spec_;
  double mu_ = 0, sigma_ = 0;  ///< of the lognormal law's logarithm
  std::optional<EmpiricalTable> table_;
};

/// The network between a site and the cloud, from `at` on.
struct NetworkPoint {
  Instant at;
  Duration latency{0};       ///< there and back, on top of the expected call
  BytesPerSecond uplink{0};  ///< of the site, one upload after the other; 0: unlimited
};

/// Calls take `slowdown` times as long from `at` on.
struct CloudPhase {
  Instant at;
  double slowdown = 1;
};

struct EdgeCloudSetup {
  std::int64_t concurrency = 32;  ///< calls of a site at a time; the released system's threads
  Duration timeout{10'000'000'000};
  DistributionSpec time_factor{};  ///< execution over the type's expected cloud time
  std::vector<CloudPhase> phases{};
  Duration cold_start{0};                ///< of an instance; 0: instances are always there
  Duration keep_alive{600'000'000'000};  ///< an idle instance is kept this long
  DistributionSpec latency{};            ///< seconds a call, on top of the network's; constant 0
  /// Of each upload, over input / uplink.
  DistributionSpec upload_factor{DistributionSpec::Kind::constant, 1};
  std::vector<NetworkPoint> network{};  ///< in order of time; empty: none
};

/// What a run draws from.
struct EdgeLaws {
  std::vector<EdgeLaw> edge_factors;  ///< by type: a run at the edge over its expected time
  EdgeLaw cloud_factor, latency, upload_factor;
  EdgeLaw loss_spread, loss_prediction;  ///< of models (sim/edge_losses.h)
};

/// Actual times of one site.
class EdgeTimes {
 public:
  /// `cloud` and `laws` outlive this.
  EdgeTimes(const EdgeCloudSetup& cloud, const EdgeLaws& laws, std::uint64_t seed,
            std::uint32_t site);

  /// Time a task takes at the edge.
  [[nodiscard]] Duration edge(const EdgeTaskType& type, std::uint16_t type_index,
                              std::uint32_t task) const;
  /// Begins a call: takes the uplink and an instance. `recorded` replaces the drawn execution.
  [[nodiscard]] CloudCall call(Instant now, const EdgeTaskType& type, std::uint16_t type_index,
                               std::uint32_t task, std::optional<Duration> recorded);
  /// When a request that leaves now reaches the cloud, for clouds that are simulated elsewhere.
  [[nodiscard]] Duration network(Instant now, const EdgeTaskType& type, std::uint32_t task);
  /// A call of this type ended: its instance is idle.
  void release(std::uint16_t type_index, Instant now);

 private:
  [[nodiscard]] double slowdown(Instant now) const;

  const EdgeCloudSetup& cloud_;
  const EdgeLaws& laws_;
  std::uint64_t edge_seed_, cloud_seed_, latency_seed_, upload_seed_;
  Instant uplink_free_;
  std::vector<std::vector<Instant>> idle_;  ///< instances by type, when they became idle
};

}  // namespace headroom
