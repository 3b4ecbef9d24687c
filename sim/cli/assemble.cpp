#include "sim/cli/assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/check.h"
#include "sim/cli/dynamics_wiring.h"
#include "sim/cli/ingest_source.h"
#include "sim/cli/policy_choice.h"
#include "sim/cli/pool_alone.h"
#include "sim/cli/pool_wiring.h"
#include "sim/cli/report_context.h"
#include "sim/cli/run_account.h"
#include "sim/execution_policy.h"
#include "sim/policy.h"
#include "sim/registry.h"
#include "traces/make_source.h"
#include "traces/trace_source.h"

namespace headroom {
namespace {

std::string place(const Scenario& scenario, const std::string& pointer) {
  return scenario.file + ": " + pointer;
}

std::string group_place(const Scenario& scenario, std::size_t group, const char* key) {
  return place(scenario, fmt::format("/deployment/{}/{}", group, key));
}

/// The first of the named whole parameters that the policy has.
std::int64_t parameter_or(const Parameters& values, std::initializer_list<const char*> names,
                          std::int64_t otherwise) {
  for (const char* name : names) {
    if (values.has(name)) return values.integer(name);
  }
  return otherwise;
}

/// The most tokens of one iteration, which sizes activations.
Tokens batched_tokens(const Parameters& batch, Tokens max_model_len) {
  const std::int64_t given = parameter_or(batch, {"max_num_batched_tokens", "token_budget"},
                                          MemoryOptions{}.max_batched_tokens.value());
  if (given > 0) return Tokens(given);
  // 0 is vLLM v0's default: 2,048 with chunked prefill, else room for the longest prompt.
  const bool chunked = batch.has("chunked_prefill") && batch.flag("chunked_prefill");
  return chunked ? Tokens(2048) : std::max(Tokens(2048), max_model_len);
}

Parallelism parallelism(const ReplicaGroupSpec& spec) {
  return {spec.tensor_parallel, spec.pipeline_parallel, spec.expert_parallel,
          spec.attention_data_parallel};
}

class Assembler {
 public:
  explicit Assembler(const Scenario& scenario) : scenario_(scenario) {}

  Assembly run(CostCache* costs) {
    Assembly out;
    if (costs == nullptr) {
      out.own_costs = std::make_unique<CostCache>();
      costs = out.own_costs.get();
    }
    out.model = find_model(scenario_.model.name, place(scenario_, "/model/name"));
    out.precision = make_precision(out.model, scenario_.model.weights, scenario_.model.kv_cache,
                                   place(scenario_, "/model"));
    make_pools();
    for (std::size_t i = 0; i < scenario_.deployment.size(); ++i) add_group(out, i);
    for (const NodePool& pool : pools_) out.cluster_gpus += pool.devices();
    out.nodes = std::move(pools_);
    if (out.does_not_fit.empty()) {
      for (std::size_t i = 0; i < out.groups.size(); ++i) add_costs(out, i, *costs);
    }
    return out;
  }

 private:
  void make_pools() {
    for (std::size_t i = 0; i < scenario_.nodes.size(); ++i) {
      const std::string where = place(scenario_, fmt::format("/cluster/nodes/{}", i));
      const NodeSpec& spec = scenario_.nodes[i];
      pools_.emplace_back(spec, find_device(spec.device, where + "/device"), scenario_.spine,
                          where);
    }
  }

  std::size_t pool_of(const std::string& nodes) const {
    const auto it = std::find_if(pools_.begin(), pools_.end(),
                                 [&](const NodePool& pool) { return pool.spec().name == nodes; });
    return it == pools_.end() ? 0 : static_cast<std::size_t>(it - pools_.begin());
  }

  void add_group(Assembly& out, std::size_t index) {
    const ReplicaGroupSpec& spec = scenario_.deployment[index];
    AssembledGroup group;
    set_engine(group, index);
    const std::size_t pool = pool_of(spec.nodes);
    group.device = pools_[pool].device();
    if (spec.attention) group.attention = attention_of(*spec.attention);
    set_lengths(out, group, index);
    set_memory(out, group, index);
    place_replicas(pool, group, index);
    out.replicas += spec.replicas;
    out.gpus += spec.replicas * (spec.devices() + spec.attention_devices());
    if (out.replicas > kMostReplicas) {
      throw InputError(group_place(scenario_, index, "replicas"),
                       fmt::format("expected at most {} replicas in all, got {}; lower them",
                                   kMostReplicas, out.replicas));
    }
    out.groups.push_back(std::move(group));
  }

  AttentionPool attention_of(const AttentionSpec& spec) const {
    AttentionPool pool;
    pool.device = pools_[pool_of(spec.nodes)].device();
    pool.devices = spec.devices;
    if (spec.partition == "requests") pool.partition = AttentionPartition::requests;
    pool.model_replicas = spec.model_replicas;
    pool.path = message_path(spec.stack, spec.card);
    return pool;
  }

  void set_engine(AssembledGroup& group, std::size_t index) const {
    group.spec = scenario_.deployment[index];
    group.engine = find_engine(group.spec.engine, group_place(scenario_, index, "engine"));
    if (group.spec.memory_utilisation > 0)
      group.engine.gpu_memory_utilisation = group.spec.memory_utilisation;
    if (group.spec.captured_tokens)
      group.engine.captured_tokens = group.spec.captured_tokens->value();
    if (group.spec.scheduling == "in-step") group.engine.scheduling = Scheduling::in_step;
    if (group.spec.scheduling == "overlapped") group.engine.scheduling = Scheduling::overlapped;
  }

  void set_lengths(const Assembly& out, AssembledGroup& group, std::size_t index) const {
    const Tokens positions(out.model.max_positions > 0 ? out.model.max_positions
                                                       : kMaxRequestTokens.value());
    group.max_model_len = group.spec.max_model_len.value_or(positions);
    if (group.max_model_len > positions) {
      throw InputError(group_place(scenario_, index, "max_model_len"),
                       fmt::format("expected at most {} (the positions of {}), got {}; lower it",
                                   positions.value(), out.model.name, group.max_model_len.value()));
    }
  }

  void set_memory(Assembly& out, AssembledGroup& group, std::size_t index) const {
    const ShardedModel sharded = shard_model(out.model, out.precision, parallelism(group.spec),
                                             group_place(scenario_, index, "tensor_parallel"));
    const Parameters batch = resolve<BatchPolicy>(group.spec.batch).second;
    MemoryOptions options;
    options.utilisation = group.engine.gpu_memory_utilisation;
    options.share = group.engine.memory_share;
    options.block_tokens = group.engine.block_tokens;
    options.reserved = group.engine.reserved_memory;
    options.max_batched_tokens = batched_tokens(batch, group.max_model_len);
    options.max_sequences =
        parameter_or(batch, {"max_num_seqs", "max_batch_size"}, options.max_sequences);
    // Only a length that was asked for must fit; without one, too long requests are rejected.
    if (group.spec.max_model_len) options.least_kv = *group.spec.max_model_len;
    if (group.attention.there()) {
      check_attention(sharded, group, index);
      group.fit = fit_pool(sharded, group.device, group.attention, options);
      group.block_bytes =
          group.fit.demand.block * pool_shard(sharded, group.attention).parallel.tensor;
    } else {
      group.fit = fit_memory(sharded, group.device, options);
      group.block_bytes =
          group.fit.demand.block * sharded.parallel.tensor * sharded.parallel.pipeline;
    }
    group.kv_blocks = group.spec.kv_blocks.value_or(group.fit.kv_blocks);
    if (group.block_bytes > Bytes(0)) {
      group.host_blocks = Blocks(group.spec.swap_space / group.block_bytes);
      if (const auto& tiers = group.spec.kv_tiers)
        group.kept_below = {Blocks(tiers->host / group.block_bytes),
                            Blocks(tiers->disk / group.block_bytes)};
    }
    // An engine that states its KV blocks, or knows no memory, is taken at its word.
    if (!group.fit.fits && !group.spec.kv_blocks && !group.engine.simdistserve &&
        out.does_not_fit.empty()) {
      out.does_not_fit =
          fmt::format("{}: {} on {}: {}", place(scenario_, fmt::format("/deployment/{}", index)),
                      out.model.name, group.device.name, group.fit.text);
    }
  }

  void check_attention(const ShardedModel& sharded, const AssembledGroup& group,
                       std::size_t index) const {
    std::string why = pool_problem(sharded, group.attention);
    if (group.spec.role == "prefill") why = "it only computes prompts, which need no KV elsewhere";
    const std::string& cost = group.spec.cost;
    if (cost != "roofline" && !cost.starts_with("table:"))
      why = "costs are not known by operator on both kinds of devices";
    if (why.empty()) return;
    throw InputError(group_place(scenario_, index, "attention"),
                     fmt::format("expected a group that can have attention devices, got one "
                                 "where {}; remove them or change the group",
                                 why));
  }

  void place_replicas(std::size_t pool_index, AssembledGroup& group, std::size_t index) {
    NodePool& pool = pools_[pool_index];
    const std::string where = group_place(scenario_, index, "replicas");
    const std::int64_t stage = parallelism(group.spec).stage_gpus();
    const std::int64_t in_replica = group.spec.tensor_groups() / group.spec.attention_data_parallel;
    const std::int64_t groups = group.spec.replicas * in_replica;
    if (groups > pool.devices() - pool.used()) {
      throw InputError(where, fmt::format("expected at most {} free devices to be needed, got {} "
                                          "replicas of {}; add nodes or lower replicas",
                                          pool.devices() - pool.used(), group.spec.replicas,
                                          group.spec.devices()));
    }
    for (std::int64_t i = 0; i < groups; ++i) {
      const GroupPlace taken = pool.take_group(stage, where);
      // The slowest group sets the pace of its kind.
      if (taken.slowest < group.device.link_bandwidth) group.device.link_bandwidth = taken.slowest;
      if (i % in_replica == 0) {
        group.places.push_back({pool_index, taken.first_node, taken.last_node});
      }
      ReplicaPlace& whole = group.places.back();
      whole.first_node = std::min(whole.first_node, taken.first_node);
      whole.last_node = std::max(whole.last_node, taken.last_node);
    }
    if (group.attention.there()) place_attention(group, index);
  }

  /// KV is where the attention devices are.
  void place_attention(AssembledGroup& group, std::size_t index) {
    const std::size_t pool = pool_of(group.spec.attention->nodes);
    for (ReplicaPlace& place : group.places) {
      const GroupPlace taken = pools_[pool].take_group(
          group.attention.devices, group_place(scenario_, index, "attention/devices"));
      place = {pool, taken.first_node, taken.last_node};
    }
  }

  void add_costs(Assembly& out, std::size_t index, CostCache& cache) const {
    AssembledGroup& group = out.groups[index];
    CostRequest request;
    request.model = out.model;
    request.precision = out.precision;
    request.parallel = parallelism(group.spec);
    request.device = group.device;
    request.engine = group.engine;
    request.cost = group.spec.cost;
    request.where = group_place(scenario_, index, "cost");
    request.attention = group.attention;
    const std::unique_ptr<ExecutionPolicy> execution = execution_of(group, index);
    request.execution = {execution.get(), group.spec.execution.name};
    std::string words =
        fmt::format("{}|{}|{}|{}|{}|{}|{}", scenario_.model.name, scenario_.model.weights,
                    scenario_.model.kv_cache, group.spec.engine, group.spec.scheduling,
                    group.engine.captured_tokens, group.spec.memory_utilisation);
    words += "|" + group.spec.execution.name;
    for (const auto& [name, text] : group.spec.execution.parameters)
      words += fmt::format("|{}={}", name, text);
    if (const AttentionPool& pool = group.attention; pool.there()) {
      words += fmt::format("|{}|{}|{}|{}|{}|{}", pool.device.name, pool.devices,
                           group.spec.attention->partition, pool.model_replicas,
                           pool.path.round_trip, pool.path.card.value());
    }
    const CachedCost& cached = cache.get(request, words);
    for (const auto& stage : cached.made.stages) group.costs.push_back(stage.get());
    group.cost_sentence = cached.made.source;
    group.cost_digest = cached.digest;
    if (!group.engine.simdistserve && group.costs.size() > 1) {
      throw InputError(group_place(scenario_, index, "pipeline_parallel"),
                       fmt::format("expected pipeline parallelism 1 with {} outside the engine "
                                   "simdistserve, got {}; change engine or cost",
                                   group.spec.cost, group.spec.pipeline_parallel));
    }
  }

  /// Null for "sequential", which is how costs are anyway, but for messages to attention devices.
  std::unique_ptr<ExecutionPolicy> execution_of(const AssembledGroup& group,
                                                std::size_t index) const {
    const ReplicaGroupSpec& spec = group.spec;
    if (spec.execution.name == "sequential" && !spec.attention) return nullptr;
    const auto [entry, parameters] = resolve<ExecutionPolicy>(spec.execution);
    std::unique_ptr<ExecutionPolicy> policy = entry->make(parameters);
    std::string why =
        policy->refusal({spec.tensor_parallel, spec.attention_devices(), spec.role == "prefill"});
    if (spec.attention_data_parallel > 1) why = "attention data parallelism is not overlapped";
    if (spec.cost.starts_with("linear:") || spec.cost.starts_with("steps:"))
      why = "costs are of whole steps, without operators";
    if (why.empty()) return policy;
    throw InputError(group_place(scenario_, index, "execution"),
                     fmt::format("expected a group that {} can run, got one where {}; use "
                                 "\"sequential\" or change the group",
                                 spec.execution.name, why));
  }

  static constexpr std::int64_t kMostReplicas = 65'535;  // RequestRow::replica has 16 bits
  const Scenario& scenario_;
  std::vector<NodePool> pools_;
};

ReplicaRole role_of(const AssembledGroup& group) {
  if (group.spec.role == "prefill") return ReplicaRole::prefill;
  return group.spec.role == "decode" ? ReplicaRole::decode : ReplicaRole::joint;
}

ReplicaSetup make_replica(const AssembledGroup& group) {
  const auto resolved = resolve<BatchPolicy>(group.spec.batch);
  const PolicyEntry<BatchPolicy>* entry = resolved.first;
  ReplicaSetup replica;
  replica.new_batch = [resolved] { return resolved.first->make(resolved.second); };
  replica.batch = replica.new_batch();
  replica.role = role_of(group);
  if (replica.role == ReplicaRole::decode &&
      replica.batch->result_release() == ResultRelease::with_batch) {
    throw InputError(group.spec.batch.where,
                     fmt::format("expected a policy whose batches requests may join on a decode "
                                 "group, got \"{}\"; choose another",
                                 entry->name));
  }
  replica.batch_name = entry->name;
  replica.cost = group.costs.front();
  replica.kv_blocks = group.kv_blocks;
  replica.host_blocks = group.host_blocks;
  replica.kept_below = group.kept_below;
  if (group.spec.kv_tiers && replica.batch->prefix_rules().reuse != PrefixReuse::cached) {
    throw InputError(group.spec.batch.where,
                     fmt::format("expected a policy that keeps prefixes where there are kv_tiers, "
                                 "got \"{}\"; choose another (vllm-v1) or remove kv_tiers",
                                 entry->name));
  }
  if (group.spec.kv_tiers) replica.disk_bandwidth = group.spec.kv_tiers->disk_bandwidth;
  replica.block_tokens = group.engine.block_tokens;
  replica.max_model_len = group.max_model_len;
  replica.block_bytes = group.block_bytes;
  replica.pipeline_stages = group.spec.pipeline_parallel;
  replica.scheduling = group.engine.scheduling;
  return replica;
}

/// DistServe's simulator: queues before each stage, no KV memory, one decode step more than asked
/// for.
StageQueuesSetup make_stage_queues(const AssembledGroup& group) {
  if (group.spec.batch.name != "simdistserve") {
    throw InputError(group.spec.batch.where,
                     "expected batch policy simdistserve with engine simdistserve, got \"" +
                         group.spec.batch.name + "\"; set \"batch\": \"simdistserve\"");
  }
  const Parameters parameters = resolve<BatchPolicy>(group.spec.batch).second;
  StageQueuesSetup queues;
  queues.role = role_of(group);
  for (const CostModel* stage : group.costs) queues.stages.push_back(stage);
  queues.prefill_capacity = Tokens(parameters.integer("prefill_tokens"));
  queues.decode_budget = Tokens(parameters.integer("decode_tokens"));
  return queues;
}

void set_pools(const Scenario& scenario, const Assembly& assembly, SimulationSetup& setup) {
  const auto joint = [](const AssembledGroup& group) { return group.spec.role == "joint"; };
  if (std::all_of(assembly.groups.begin(), assembly.groups.end(), joint)) return;
  PoolSetup pools;
  const auto [routing, parameters] = resolve<RoutingPolicy>(scenario.decode_routing);
  pools.routing = routing->make(parameters);
  pools.routing_name = routing->name;
  // DistServe's simulator knows no KV.
  if (setup.stage_queues.empty()) pools.wiring = wire_replicas(scenario, assembly);
  if (scenario.transfer.motion == "layer-wise") pools.layers = assembly.model.layers;
  setup.pools = std::move(pools);
  TransferRules rules;
  rules.waiting_share = scenario.transfer.waiting_share;
  if (scenario.transfer.decode_loop == "waits") rules.loop = TransferRules::Loop::waits;
  for (ReplicaSetup& replica : setup.replicas) replica.transfer = rules;
}

std::vector<ReplicaFailure> failures_of(const AssembledGroup& group, std::int64_t index) {
  std::vector<ReplicaFailure> failures;
  for (const FailureSpec& spec : group.spec.failures) {
    if (spec.replica != index) continue;
    ReplicaFailure failure;
    failure.at = Instant() + *spec.at;
    failure.downtime = *spec.downtime;
    const bool holds_kv = spec.worker == "attention" || !group.attention.there();
    // Each attention device has a part of every request, or all of some.
    const bool whole = group.attention.partition == AttentionPartition::requests;
    if (!holds_kv) failure.one_in = 0;
    if (holds_kv && whole && group.attention.there())
      failure.one_in = static_cast<std::uint32_t>(group.attention.devices);
    failures.push_back(failure);
  }
  return failures;
}

PredictorSetup make_predictor(const Scenario& scenario) {
  PredictorSetup predictor;
  predictor.sigma = scenario.predictor_sigma;
  if (scenario.predictor == "noisy") predictor.kind = PredictorSetup::Kind::noisy;
  if (scenario.predictor == "mean") {
    predictor.kind = PredictorSetup::Kind::mean;
    const double mean = scenario.workload.output.mean;
    if (mean >= 1) predictor.mean = Tokens(static_cast<std::int64_t>(mean + 0.5));
  }
  return predictor;
}

}  // namespace

Assembly assemble(const Scenario& scenario, CostCache* costs) {
  return Assembler(scenario).run(costs);
}

std::unique_ptr<RequestSource> open_workload(const Scenario& scenario) {
  const WorkloadSpec& load = scenario.workload;
  std::unique_ptr<RequestSource> source;
  try {
    source = make_source(load, scenario.seed);
  } catch (const InputError& error) {
    // Fields of the workload are named by their pointer alone.
    if (error.where().rfind("/workload", 0) != 0) throw;
    const std::string line = error.what();
    throw InputError(place(scenario, error.where()), line.substr(error.where().size() + 2));
  }
  const bool replayed = dynamic_cast<const TraceSource*>(source.get()) != nullptr;
  if (replayed && load.rate_given) {
    throw InputError(
        place(scenario, "/workload/rate"),
        "expected no rate beside a trace with arrivals, got one that would be ignored; "
        "use rate_scale");
  }
  if (!load.trace.empty() && !replayed && load.clients == 0 && !load.rate_given) {
    throw InputError(place(scenario, "/workload/rate"),
                     "expected a rate for a trace that holds lengths only, got none; add --rate or "
                     "\"rate\"");
  }
  return source;
}

SimulationSetup make_setup(const Scenario& scenario, const Assembly& assembly,
                           RequestSource& source) {
  SimulationSetup setup;
  for (const AssembledGroup& group : assembly.groups) {
    for (std::int64_t i = 0; i < group.spec.replicas; ++i) {
      if (group.engine.simdistserve) {
        setup.stage_queues.push_back(make_stage_queues(group));
        setup.extra_output = Tokens(1);
      } else {
        setup.replicas.push_back(make_replica(group));
        setup.replicas.back().failures = failures_of(group, i);
      }
    }
  }
  if (!setup.replicas.empty() && !setup.stage_queues.empty()) {
    throw InputError(
        place(scenario, "/deployment"),
        "expected all groups or none on engine simdistserve, got a mixture; split them");
  }
  set_pools(scenario, assembly, setup);
  const auto [routing, routing_parameters] = resolve<RoutingPolicy>(scenario.routing);
  setup.routing = routing->make(routing_parameters);
  setup.routing_name = routing->name;
  const auto [admission, admission_parameters] = resolve<AdmissionPolicy>(scenario.admission);
  setup.admission = admission->make(admission_parameters);
  setup.admission_name = admission->name;
  setup.dynamics = wire_dynamics(scenario, assembly);
  setup.source = &source;
  setup.predictor = make_predictor(scenario);
  setup.seed = scenario.seed;
  if (scenario.time_limit) setup.time_limit = Instant() + *scenario.time_limit;
  return setup;
}

RunResult run_scenario(const Scenario& scenario, const RunOptions& options) {
  RunResult result;
  Assembly assembly = assemble(scenario, options.costs);
  if (!assembly.does_not_fit.empty()) {
    result.does_not_fit = assembly.does_not_fit;
    return result;
  }
  if (options.group_alone) give_company(assembly, *options.group_alone);
  std::unique_ptr<RequestSource> source = open_workload(scenario);
  if (options.edit_source) source = options.edit_source(std::move(source));
  IngestSource ingest(*source, assembly.groups.front().engine);
  PrefixWatch watched(ingest);
  RunAccount account(LoadWork(assembly.model, assembly.precision), watched,
                     static_cast<std::size_t>(assembly.replicas));
  SimulationSetup setup = make_setup(scenario, assembly, watched);
  if (options.group_alone && setup.pools) setup.pools->wiring.reset();
  if (setup.dynamics && options.slower != 1) slow_clock(*setup.dynamics, options.slower);
  setup.sinks = options.sinks;
  setup.sinks.push_back(&account);
  setup.milestones = options.milestones;
  setup.stop = options.stop;
  setup.compression = options.compression;
  result.metrics = simulate(std::move(setup));
  result.context = make_report_context(scenario, assembly, result.metrics, account);
  return result;
}

}  // namespace headroom
