// The smallest world in which the engine runs: requests from a list, a cost on a line, one door,
// one router.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "sim/simulation.h"

namespace headroom::toy {

/// Requests from a list sorted by arrival.
class ListSource final : public RequestSource {
 public:
  explicit ListSource(std::vector<RequestSpec> requests) : requests_(std::move(requests)) {}
  [[nodiscard]] Instant next_arrival() const override {
    return next_ < requests_.size() ? requests_[next_].arrival : Instant::never();
  }
  [[nodiscard]] RequestSpec take() override { return requests_[next_++]; }

 private:
  std::vector<RequestSpec> requests_;
  std::size_t next_ = 0;
};

[[nodiscard]] inline RequestSpec request(Duration arrival, std::int64_t prompt,
                                         std::int64_t output) {
  RequestSpec spec;
  spec.arrival = Instant(arrival.value());
  spec.prompt = Tokens(prompt);
  spec.output = Tokens(output);
  return spec;
}

/// An iteration lasts base + per_decode * (decodes + padded) + per_context * context + per_prefill
/// * prefill tokens + per_prefill_before * prefill tokens of the iteration before.
struct LineCostTerms {
  Duration base = kMillisecond;
  Duration per_decode{0};
  std::int64_t per_context_fixed = 0;  ///< fixed-point ns a token of context
  Duration per_prefill{0};             ///< a prompt token
  Duration per_prefill_before{0};      ///< a prompt token of the iteration before
  std::int64_t skew_share = 0;         ///< of batches without prompts, in 2^-kSkewBits
};

class LineCost final : public CostModel {
 public:
  explicit LineCost(LineCostTerms terms) : terms_(terms) {}

  [[nodiscard]] std::int64_t skew_share(std::int64_t /*decodes*/,
                                        DecodesBeside beside) const override {
    return beside == DecodesBeside::nothing ? terms_.skew_share : 0;
  }
  [[nodiscard]] bool has_skew() const override { return terms_.skew_share != 0; }
  [[nodiscard]] bool has_memory() const override { return terms_.per_prefill_before > Duration(0); }
  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override {
    std::int64_t fixed = decode_fixed(shape.decodes, shape.padded_decodes, shape.decode_context);
    fixed += prefill_fixed(shape);
    return {Duration(fixed >> kFixedBits), Duration(0)};
  }
  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t /*context*/) const override {
    return {decode_fixed(decodes, padded, 0), terms_.per_context_fixed, std::int64_t{1} << 40};
  }
  void charge(const BatchShape& shape, CostLedger& ledger) const override {
    ledger.add(OperatorClass::gemm, Evidence::measured,
               decode_fixed(shape.decodes, shape.padded_decodes, shape.decode_context) +
                   prefill_fixed(shape));
  }
  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t /*context*/,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override {
    ledger.add(OperatorClass::gemm, Evidence::measured,
               Int128(decode_fixed(decodes, padded, 0)) * iterations +
                   Int128(terms_.per_context_fixed) * context_sum);
  }

 private:
  [[nodiscard]] std::int64_t prefill_fixed(const BatchShape& shape) const {
    return (terms_.per_prefill.value() * shape.prefill_tokens() +
            terms_.per_prefill_before.value() * shape.prefill_tokens_before) *
           kFixedOne;
  }
  [[nodiscard]] std::int64_t decode_fixed(std::int64_t decodes, std::int64_t padded,
                                          std::int64_t context) const {
    return (terms_.base.value() + terms_.per_decode.value() * (decodes + padded)) * kFixedOne +
           terms_.per_context_fixed * context;
  }
  LineCostTerms terms_;
};

class AcceptAll final : public AdmissionPolicy {
 public:
  [[nodiscard]] AdmissionDecision admit(const RequestView& /*request*/,
                                        const ClusterView& /*cluster*/) override {
    return AdmissionDecision::accept();
  }
};

/// Sends requests to replicas in turn.
class InTurn final : public RoutingPolicy {
 public:
  [[nodiscard]] ReplicaId route(const RequestView& request, const ClusterView& cluster,
                                RandomStream& /*random*/) override {
    return ReplicaId(request.id().index() % cluster.replicas());
  }
};

/// Wants one replica more each time it is asked, from one again after all of them.
class Wobble final : public ScalingPolicy {
 public:
  [[nodiscard]] std::int64_t wanted(const ScalingView& view) override {
    return 1 + asked_++ % view.most;
  }

 private:
  std::int64_t asked_ = 0;
};

/// As many replicas as the floor says.
class AsTheFloor final : public ScalingPolicy {
 public:
  [[nodiscard]] std::int64_t wanted(const ScalingView& view) override { return view.least; }
};

/// Dynamics of replicas that all serve at first and start up in `start_up`: units of so many, in
/// order.
[[nodiscard]] inline DynamicsSetup dynamics(const std::vector<std::int64_t>& units,
                                            Duration start_up) {
  DynamicsSetup setup;
  for (const std::int64_t replicas : units) {
    if (replicas == 0) continue;
    ScalingUnit unit;
    unit.scaling = std::make_unique<AsTheFloor>();
    unit.scaling_name = "as the floor";
    unit.floor = {{Instant(), replicas}};
    for (std::int64_t i = 0; i < replicas; ++i) {
      unit.replicas.emplace_back(static_cast<std::uint32_t>(setup.start_up.size()));
      setup.start_up.push_back(start_up);
    }
    setup.units.push_back(std::move(unit));
  }
  return setup;
}
[[nodiscard]] inline DynamicsSetup dynamics(std::int64_t replicas, Duration start_up) {
  return dynamics(std::vector<std::int64_t>{replicas}, start_up);
}

/// Keeps every finished request, in order of finishing.
class Recorder final : public MetricsSink {
 public:
  void on_finished(const FinishedRequest& request) override { finished.push_back(request); }
  void on_rejected(const RejectedRequest& request) override { rejected.push_back(request); }
  void on_iterations(const IterationRun& run) override { runs.push_back(run); }
  std::vector<FinishedRequest> finished;
  std::vector<RejectedRequest> rejected;
  std::vector<IterationRun> runs;
};

struct ReplicaShape {
  std::int64_t kv_blocks = 1'000'000;
  std::int64_t host_blocks = 0;
  std::int64_t block_tokens = 16;
  std::int64_t max_model_len = 1 << 20;
  std::int64_t pipeline_stages = 1;
  Scheduling scheduling = Scheduling::in_step;
  TierBlocks kept_below{};
  double disk_bandwidth = 1e9;
};

[[nodiscard]] inline ReplicaSetup replica(std::unique_ptr<BatchPolicy> policy,
                                          const CostModel& cost, ReplicaShape shape = {}) {
  ReplicaSetup setup;
  setup.batch = std::move(policy);
  setup.batch_name = "under test";
  setup.cost = &cost;
  setup.kv_blocks = Blocks(shape.kv_blocks);
  setup.host_blocks = Blocks(shape.host_blocks);
  setup.kept_below = shape.kept_below;
  setup.disk_bandwidth = BytesPerSecond(shape.disk_bandwidth);
  setup.block_tokens = Tokens(shape.block_tokens);
  setup.max_model_len = Tokens(shape.max_model_len);
  setup.block_bytes = Bytes(shape.block_tokens * 1024);
  setup.pipeline_stages = shape.pipeline_stages;
  setup.scheduling = shape.scheduling;
  return setup;
}

/// A world with one door and one router around the given source; add replicas, then `simulate`.
[[nodiscard]] inline SimulationSetup world(RequestSource& source) {
  SimulationSetup setup;
  setup.routing = std::make_unique<InTurn>();
  setup.routing_name = "in turn";
  setup.admission = std::make_unique<AcceptAll>();
  setup.admission_name = "accept all";
  setup.source = &source;
  return setup;
}

}  // namespace headroom::toy
