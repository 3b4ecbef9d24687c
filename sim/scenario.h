// A scenario as data: what `headroom run` is asked. Read from JSON by sim/scenario_reader.h.
//
// Plain values with units; no behaviour. Names (model, device, engine, policies) are resolved
// later, where they live.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/units.h"

namespace headroom {

/// A policy by name, with its parameters as the scenario wrote them (name -> text) and where each
/// stood.
struct PolicyChoice {
  std::string name;
  std::map<std::string, std::string> parameters{};
  std::string where;  ///< place for error messages, e.g. "s.json: /deployment/0/batch"
};

struct ModelSpec {
  std::string name;               ///< bundled name, or path of a Hugging Face config.json
  std::string weights = "bf16";   ///< fp32, fp16, bf16, fp8, int8, int4, ..., native
  std::string kv_cache = "auto";  ///< auto (as activations), fp16, bf16, fp8, int8
};

/// Nodes of one kind.
struct NodeSpec {
  std::string name = "nodes";
  std::int64_t count = 1;
  std::string device;  ///< name in the device catalogue, or path of a device file
  std::int64_t devices_per_node = 8;
  /// Bandwidth of a node's network card, per direction; 0: one node only.
  BytesPerSecond nic{0};
};

/// Devices of their own for attention and KV, in each replica of a group (Lamina,
/// policies/lamina.cpp).
struct AttentionSpec {
  std::int64_t devices = 1;         ///< in one replica
  std::string nodes;                ///< NodeSpec::name; empty: the only one
  std::int64_t model_replicas = 1;  ///< groups of model devices that take turns on them
  std::string partition = "heads";  ///< heads | requests
  std::string stack = "fhbn";       ///< fhbn | nccl (models/attention_pool.h)
  BytesPerSecond card{50e9};        ///< network card of each device, per direction: 400 Gbit/s
  double network_share = 0.2;  ///< of an iteration that messages may take; KV pulls have the rest
};

/// A worker of one replica dies and is replaced.
struct FailureSpec {
  std::optional<Duration> at{};  ///< simulated time
  std::int64_t replica = 0;      ///< of the group
  std::string worker = "model";  ///< model | attention
  std::optional<Duration> downtime{};
};

/// Room for prefixes that a replica's devices evict (sim/kv_tiers.h).
struct KvTiersSpec {
  Bytes host{0}, disk{0};
  BytesPerSecond disk_bandwidth{7e9};  ///< at which they come back from disk
};

/// Replicas of one kind.
struct ReplicaGroupSpec {
  std::string name = "replicas";
  std::string role = "joint";  ///< joint | prefill | decode
  std::int64_t replicas = 1;
  std::int64_t tensor_parallel = 1;
  std::int64_t pipeline_parallel = 1;
  std::int64_t expert_parallel = 1;          ///< GPUs over which whole experts are split
  std::int64_t attention_data_parallel = 1;  ///< groups of tensor_parallel GPUs in a stage
  std::string nodes;                         ///< NodeSpec::name; empty: the only one
  std::string engine = "vllm";               ///< bundled engine description, or path of one
  PolicyChoice batch{"vllm-v1", {}, {}};
  PolicyChoice execution{"sequential", {}, {}};
  std::optional<AttentionSpec> attention{};
  std::vector<FailureSpec> failures{};
  std::string cost = "roofline";  ///< as models/cost_factory.h
  /// Groups of tensor_parallel devices in one replica.
  [[nodiscard]] std::int64_t tensor_groups() const {
    return pipeline_parallel * attention_data_parallel *
           (attention ? attention->model_replicas : 1);
  }
  /// Devices of one replica that hold the model.
  [[nodiscard]] std::int64_t devices() const { return tensor_parallel * tensor_groups(); }
  [[nodiscard]] std::int64_t attention_devices() const {
    return attention ? attention->devices : 0;
  }
  std::optional<Blocks> kv_blocks{};  ///< as a real engine reports; empty: computed from memory
  double memory_utilisation = 0;      ///< of what the engine counts; 0: as its description says
  std::string scheduling = "engine";  ///< engine | in-step | overlapped
  std::optional<Tokens> captured_tokens{};  ///< empty: as the engine's description says
  std::optional<Tokens> max_model_len{};
  Bytes swap_space{std::int64_t{4} << 30};  ///< host memory for swapped KV, a replica
  std::optional<KvTiersSpec> kv_tiers{};
};

/// How KV moves from prefill to decode replicas (sim/replica_engine.h, `TransferRules`).
struct TransferSpec {
  double waiting_share = 0.05;
  std::string decode_loop = "runs-on";  ///< runs-on | waits
  std::string motion = "whole";         ///< whole | layer-wise
};

/// A distribution of a length or a time.
struct DistributionSpec {
  enum class Kind { constant, uniform, exponential, gamma, weibull, lognormal, pareto, empirical };
  Kind kind = Kind::constant;
  double mean = 0;   ///< of the untruncated law; constant's value; tokens or seconds
  double cv = 1;     ///< standard deviation over mean: gamma, weibull, lognormal
  double least = 0;  ///< uniform bound, Pareto's minimum, and lower clip of every law
  double most = 0;   ///< uniform bound and upper clip of every law; 0: no upper clip
  double alpha = 0;  ///< Pareto's tail index
  std::vector<double> values{}, weights{};  ///< empirical
};

struct SessionSpec {
  DistributionSpec turns{};   ///< turns a session
  DistributionSpec think{};   ///< seconds from an answer to the next question
  bool carry_history = true;  ///< each prompt starts with all earlier turns
};

struct WorkloadSpec {
  // A trace, if `trace` is set; otherwise a generator.
  std::string trace;  ///< path; "-" is standard input
  std::string format = "auto";
  double rate_scale = 1;    ///< arrivals come this many times faster
  std::uint64_t limit = 0;  ///< at most so many requests; 0: all
  /// Only arrivals in [start, end), measured from the first.
  std::optional<Duration> window_start{}, window_end{};

  /// Generator by name instead of `arrivals`, `prompt` and `output`: w-lcg, w-lcg-512-64,
  /// burstgpt-like; empty: none.
  std::string preset;
  std::string arrivals = "poisson";  ///< poisson, gamma, weibull, constant
  PerSecond rate{1};
  bool rate_given = false;  ///< someone wrote `rate`, so a run must use it
  double arrival_cv = 1;
  std::uint64_t requests = 0;  ///< generator: how many (sessions count all their turns)
  DistributionSpec prompt{}, output{};
  std::optional<SessionSpec> sessions{};
  std::uint64_t shared_prefixes = 0;  ///< number of distinct system prompts; 0: none
  Tokens shared_prefix_tokens{0};

  // Closed loop: `clients` clients, each with one request at a time. Lengths come from the trace or
  // the generator.
  std::uint64_t clients = 0;  ///< 0: open loop
  DistributionSpec think{};   ///< seconds
};

/// A share of requests that must hold one limit: "p99 of TTFT at most 2 s".
struct PercentileLimit {
  enum class Metric : std::uint8_t { ttft, tpot, end_to_end };
  Metric metric = Metric::ttft;
  double percentile = 99;  ///< so many of a hundred arrived requests hold `at_most`
  Duration at_most{0};
  std::optional<std::uint32_t> request_class{};  ///< of these alone; empty: of all
};

struct SloSpec {
  std::optional<Duration> ttft{}, tpot{}, end_to_end{};
  double attainment = 0.9;  ///< share of requests that must meet all of them
  std::vector<PercentileLimit> percentiles{};
  [[nodiscard]] bool joint() const { return ttft || tpot || end_to_end; }
  [[nodiscard]] bool any() const { return joint() || !percentiles.empty(); }
};

struct PriceSpec {
  std::optional<UsdPerHour> device_hour{};  ///< overrides the catalogue
  std::string source;
};

/// How devices are bought, where not on demand in USD.
struct PurchaseSpec {
  std::string terms = "on-demand";   ///< on-demand | reserved | spot
  std::optional<double> discount{};  ///< off the on-demand price; empty: of the terms
  std::string currency;              ///< code, e.g. EUR; empty: USD only
  double per_usd = 1;                ///< units of it for 1 USD
  std::string source;                ///< of the discount or the rate
};

/// What happens around the devices' own energy.
struct FacilitySpec {
  double pue = 1;                       ///< facility energy over device energy
  std::optional<double> usd_per_kwh{};  ///< electricity, where it is paid apart
  std::vector<double> carbon{};  ///< g CO2e a kWh: one, or 24 by hour of the day; empty: unknown
  double start_hour = 0;         ///< hour of the day at the run's start
  std::string source = "the scenario";
};

/// Replicas that come and go (sim/dynamics.h); `deployment` says how many there may be.
struct DynamicsSpec {
  struct Floor {
    Duration at{0};
    std::int64_t replicas = 1;
  };
  /// A replica group that scales on its own.
  struct Group {
    std::string group;  ///< ReplicaGroupSpec::name
    PolicyChoice scaling{};
    std::int64_t least = 0;
    std::vector<Floor> schedule{};
  };
  struct Outage {
    Duration at{0};
    std::int64_t replica = 0;
    Duration down{0};
  };
  PolicyChoice scaling{"floor", {}, {}};
  Duration interval{15'000'000'000};
  std::int64_t least = 0;              ///< replicas that serve at least, and at first; 0: all
  std::vector<Floor> schedule{};       ///< of `least`, in order of time
  std::vector<Group> groups{};         ///< others scale by role
  std::optional<Duration> start_up{};  ///< empty: `boot`, and weights at `load_bandwidth`
  Duration boot{30'000'000'000};
  BytesPerSecond load_bandwidth{2e9};  ///< of weights, a GPU
  std::optional<Duration> mtbf{};      ///< mean time between failures of a replica
  Duration mttr{300'000'000'000};      ///< mean time to repair; then it starts up
  std::vector<Outage> outages{};       ///< in order of time
  std::string outage_trace;            ///< path; empty: none
  std::optional<Duration> reclaim{};   ///< mean time until spot capacity is taken back
  Duration notice{120'000'000'000};    ///< before that
  std::optional<Duration> restart{};   ///< a rolling restart begins
  std::string on_loss = "resume";      ///< resume | reject
};

struct Scenario {
  std::string name;
  std::string file;  ///< where it was read from
  std::uint64_t seed = 1;
  ModelSpec model;
  std::vector<NodeSpec> nodes;
  BytesPerSecond spine{0};  ///< switch bandwidth between nodes, a port and direction; 0: unlimited
  std::vector<ReplicaGroupSpec> deployment;
  PolicyChoice routing{"round-robin", {}, {}};
  PolicyChoice decode_routing{"least-outstanding", {}, {}};  ///< where there are pools
  TransferSpec transfer{};
  PolicyChoice admission{"accept", {}, {}};
  std::string predictor = "oracle";  ///< oracle | mean | noisy
  double predictor_sigma = 0.3;      ///< noisy: sigma of the log of the factor
  std::optional<DynamicsSpec> dynamics{};
  WorkloadSpec workload;
  SloSpec slo;
  PriceSpec price;
  std::optional<PurchaseSpec> purchase{};
  std::optional<FacilitySpec> facility{};
  std::optional<Duration> time_limit{};  ///< stop the simulation at this time
  /// Conditions under which `headroom compare` calls a run of it worse; no part of the digest.
  std::vector<std::string> gates{};
  std::string digest;  ///< xxh3-64 of the effective scenario, hex
};

}  // namespace headroom
