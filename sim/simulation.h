// One simulation: requests from a source, through admission and routing, to replicas, to metrics.
//
// The way of a request is the `switch` in simulation.cpp.
// Law: same setup, same results, to the byte; arrived == finished + rejected + live at the end.
// Cost: O(log replicas) an event; one event a run of equal iterations; one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/dynamics.h"
#include "sim/metrics.h"
#include "sim/milestone.h"
#include "sim/policy.h"
#include "sim/pools.h"
#include "sim/replica.h"
#include "sim/request_source.h"
#include "sim/stage_queues.h"

namespace headroom {

/// What a scheduler may believe about the length of an answer.
struct PredictorSetup {
  enum class Kind : std::uint8_t {
    oracle,  ///< the true length
    mean,    ///< `mean` for every request
    noisy,   ///< the true length times exp(sigma * normal), at least 1
  };
  Kind kind = Kind::oracle;
  Tokens mean{256};
  double sigma = 0.3;
};

struct SimulationSetup {
  std::vector<ReplicaSetup> replicas;
  std::vector<StageQueuesSetup> stage_queues{};  ///< further replicas, numbered after `replicas`
  std::unique_ptr<RoutingPolicy> routing;
  std::string routing_name;
  std::unique_ptr<AdmissionPolicy> admission;
  std::string admission_name;
  /// Required where some replicas only prefill and others only decode; empty otherwise.
  std::optional<PoolSetup> pools{};
  std::optional<DynamicsSetup> dynamics{};  ///< nothing: all replicas serve, always
  RequestSource* source = nullptr;          ///< outlives the run
  std::vector<MetricsSink*> sinks{};        ///< outlive the run
  MilestoneSink* milestones = nullptr;      ///< outlives the run
  PredictorSetup predictor{};
  std::uint64_t seed = 1;
  /// The run ends here at the latest; later events do not happen.
  std::optional<Instant> time_limit{};
  RunCompression compression = RunCompression::on;
  Tokens extra_output{0};  ///< further decode iterations a request (a simdistserve quirk)
  /// First spacing of time series; doubles beyond 2,048 samples.
  Duration sample_interval = kSecond;
  const std::atomic<bool>* stop = nullptr;  ///< when it turns true, the run ends early
};

/// Runs to the end: no request left, time limit, or stop. Requires at least one replica, a source
/// and policies.
[[nodiscard]] Metrics simulate(SimulationSetup setup);

}  // namespace headroom
