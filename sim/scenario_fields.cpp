#include "sim/scenario_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sim/check.h"
#include "sim/execution_policy.h"
#include "sim/policy.h"
#include "sim/policy_field.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"
#include "sim/request.h"

namespace headroom {
namespace {

// Bounds that keep every derived number inside its type; all far above what exists.
constexpr std::int64_t kMostNodes = 100'000;
constexpr std::int64_t kMostDevices = 1024;     // a node
constexpr std::int64_t kMostReplicas = 65'535;  // RequestRow::replica has 16 bits
constexpr std::int64_t kMostParallel = 1024;
constexpr std::int64_t kMostBlocks = std::int64_t{1} << 31;
constexpr std::int64_t kMostRequests = std::int64_t{1} << 32;  // RequestRow::id has 32 bits
constexpr std::int64_t kMostClients = 10'000'000;
constexpr std::int64_t kMostPrefixes = 10'000'000;
constexpr double kMostCv = 100;
constexpr Duration kInstantly{0};
constexpr Duration kSomeTime{1};

enum class Unit { tokens, turns, seconds };

void amount(JsonCursor& at, const char* name, double& value, Unit unit, const char* meaning) {
  if (unit == Unit::seconds) {
    at.seconds(name, value, meaning);
  } else {
    at.number(name, value, 0, kMaxRequestTokens.as_double(), meaning);
  }
}

/// A distribution; a bare number or duration is the constant.
void distribution(JsonCursor& parent, const char* name, DistributionSpec& value, Unit unit,
                  const char* meaning) {
  const auto fields = [&](JsonCursor& at) {
    std::string kind = distribution_names()[static_cast<std::size_t>(value.kind)];
    at.choice("kind", kind, distribution_names(), "the law values are drawn from");
    const auto& names = distribution_names();
    value.kind = static_cast<DistributionSpec::Kind>(std::find(names.begin(), names.end(), kind) -
                                                     names.begin());
    amount(at, "mean", value.mean, unit, "mean before clipping; the value of a constant");
    at.number("cv", value.cv, 1e-3, kMostCv,
              "standard deviation over mean: gamma, weibull, lognormal");
    amount(at, "least", value.least, unit,
           "uniform's lower bound, Pareto's minimum; else values below are raised to it");
    amount(at, "most", value.most, unit,
           "uniform's upper bound; else values above are cut to it (0: never)");
    at.number("alpha", value.alpha, 0, kMostCv, "Pareto's tail index");
    at.numbers("values", value.values, "empirical: the values (times in seconds)");
    at.numbers("weights", value.weights, "empirical: their weights, equal when left out");
  };
  parent.optional_object(name, "mean", meaning, fields);
  if (value.weights.empty()) value.weights.assign(value.values.size(), 1.0);
}

void model_fields(JsonCursor& at, ModelSpec& model) {
  at.required().text("name", model.name, "bundled model, or path of a Hugging Face config.json");
  at.text(
      "weights", model.weights,
      "number format of the weights: fp32, fp16, bf16, fp8, fp8_static, fp8_block, int8, int8_wo, "
      "int4, mxfp4, mxfp4_fp8, nvfp4, or native");
  at.text("kv_cache", model.kv_cache,
          "number format of the KV cache: auto (as activations), fp16, bf16, fp8, int8");
}

void node_fields(JsonCursor& at, NodeSpec& node) {
  at.text("name", node.name, "how deployments refer to these nodes");
  at.count("count", node.count, 1, kMostNodes, "number of such nodes");
  at.required().text("device", node.device, "device of the catalogue, or path of a device file");
  at.count("devices_per_node", node.devices_per_node, 1, kMostDevices, "devices in one node");
  at.bandwidth("nic", node.nic, "network card of a node, per direction; 0 GB/s: none");
}

void attention_fields(JsonCursor& at, AttentionSpec& attention) {
  at.required().count("devices", attention.devices, 1, kMostParallel,
                      "devices of a replica that hold its KV and compute attention");
  at.text("nodes", attention.nodes,
          "name of the nodes they are on; may be left out where there is one kind");
  at.count("model_replicas", attention.model_replicas, 1, kMostParallel,
           "groups of tensor_parallel devices with the weights that take turns on them");
  at.choice("partition", attention.partition, {"heads", "requests"},
            "heads: each device holds some KV heads of all requests; requests: whole requests");
  at.choice("stack", attention.stack, {"fhbn", "nccl"},
            "what sends queries and results: Lamina's host-bypassed stack, or NCCL");
  at.bandwidth("card", attention.card, "network card of each device, per direction");
  at.number("network_share", attention.network_share, 0.01, 0.9,
            "of an iteration that messages may take; prompts' KV is pulled in the rest");
}

void failure_fields(JsonCursor& at, FailureSpec& failure) {
  at.required().duration("at", failure.at, kInstantly, "simulated time at which the worker dies");
  at.count("replica", failure.replica, 0, kMostReplicas, "which replica of the group, from 0");
  at.choice("worker", failure.worker, {"model", "attention"},
            "model: with attention devices KV survives; attention: it is computed again");
  at.required().duration("downtime", failure.downtime, kInstantly,
                         "until the replacement works; the replica stands still");
}

void kv_tier_fields(JsonCursor& at, KvTiersSpec& tiers) {
  at.bytes("host", tiers.host, "host memory for evicted prefixes, a replica");
  at.bytes("disk", tiers.disk, "disk for prefixes that host memory evicts, a replica");
  at.bandwidth("disk_bandwidth", tiers.disk_bandwidth,
               "at which the disk is read; one NVMe drive of PCIe 4.0 by default");
  if (!at.describing() && tiers.disk_bandwidth.value() < 1e6)
    throw InputError(at.place("disk_bandwidth"), "expected at least 1 MB/s, got " +
                                                     to_text(tiers.disk_bandwidth) +
                                                     "; raise it, or leave out the disk");
}

void group_fields(JsonCursor& at, ReplicaGroupSpec& group) {
  at.text("name", group.name, "name of the group");
  at.choice("role", group.role, {"joint", "prefill", "decode"},
            "joint: whole requests; prefill: prompts, whose KV then moves to a decode group");
  at.count("replicas", group.replicas, 1, kMostReplicas, "independent copies of the model");
  at.count("tensor_parallel", group.tensor_parallel, 1, kMostParallel,
           "devices that share each layer");
  at.count("pipeline_parallel", group.pipeline_parallel, 1, kMostParallel,
           "stages the layers are cut into");
  at.count("expert_parallel", group.expert_parallel, 1, kMostParallel,
           "devices of a stage over which whole experts are split");
  at.count("attention_data_parallel", group.attention_data_parallel, 1, kMostParallel,
           "groups of tensor_parallel devices that share experts but not requests");
  at.text("nodes", group.nodes,
          "name of the nodes to use; may be left out where there is one kind");
  at.text("engine", group.engine, "bundled engine description, or path of one");
  policy_field<BatchPolicy>(at, "batch", group.batch, "who runs in the next iteration");
  if (at.written("execution"))
    policy_field<ExecutionPolicy>(at, "execution", group.execution,
                                  "how the operators of an iteration share the devices");
  if (at.written("attention")) {
    AttentionSpec attention;
    at.object("attention", "devices", "devices of their own for attention and KV",
              [&](JsonCursor& inner) { attention_fields(inner, attention); });
    group.attention = attention;
  }
  if (at.written("failures"))
    at.list(
        "failures", 1, 1000,
        "workers that die and are replaced, the replica staying; whole replicas: dynamics.outages",
        [&](JsonCursor& failure, std::size_t) {
          failure_fields(failure, group.failures.emplace_back());
        });
  at.text("cost", group.cost,
          "roofline, table:PATH (kernels) or steps:PATH (whole engine calls) of a profile store, "
          "pack:PATH of a fitted pack, linear:NAME, or calibrated:FILE of a live server");
  at.count("kv_blocks", group.kv_blocks, 1, kMostBlocks,
           "KV blocks as a real engine reports them; computed from memory when left out");
  at.number("memory_utilisation", group.memory_utilisation, 0, 1,
            "share of device memory, of what the engine's own setting counts (vLLM "
            "gpu_memory_utilization, TensorRT-LLM free_gpu_memory_fraction, SGLang "
            "mem_fraction_static); 0: the engine's default");
  at.count("captured_tokens", group.captured_tokens, 0, 1 << 20,
           "batches of at most so many tokens run from captured graphs (vLLM "
           "max_cudagraph_capture_size); the engine's default when left out");
  at.choice("scheduling", group.scheduling, {"engine", "in-step", "overlapped"},
            "overlapped: the next iteration is planned while one runs, so arrivals wait for the "
            "one after it; engine: as its description says");
  at.count("max_model_len", group.max_model_len, 1, kMaxRequestTokens.value(),
           "most tokens of prompt and output; the model's own limit when left out");
  at.bytes("swap_space", group.swap_space, "host memory for swapped KV, a replica");
  if (at.written("kv_tiers"))
    at.object("kv_tiers", "tiers", "where prefixes go that a replica's devices evict",
              [&](JsonCursor& inner) { kv_tier_fields(inner, group.kv_tiers.emplace()); });
}

void transfer_fields(JsonCursor& at, TransferSpec& transfer) {
  at.number("waiting_share", transfer.waiting_share, 1e-6, 1,
            "a decode replica pulls no more while prompts on their way to it hold this share of "
            "its KV blocks");
  at.choice("decode_loop", transfer.decode_loop, {"runs-on", "waits"},
            "whether decode iterations go on while KV arrives");
  if (at.written("motion"))
    at.choice("motion", transfer.motion, {"whole", "layer-wise"},
              "layer-wise: layers are sent while later ones of the prompt are computed");
}

void arrival_fields(JsonCursor& at, WorkloadSpec& load) {
  at.text(
      "preset", load.preset,
      "a generator by name instead of arrivals, prompt and output; see `headroom list workloads`");
  at.choice("arrivals", load.arrivals, {"poisson", "gamma", "weibull", "constant"},
            "law of the gaps between arrivals");
  at.rate("rate", load.rate, "arrivals; of sessions where there are sessions");
  load.rate_given = at.has("rate");
  at.number("arrival_cv", load.arrival_cv, 1e-3, kMostCv,
            "burstiness of gamma and weibull arrivals: standard deviation over mean of the gaps");
  at.count("requests", load.requests, 0, kMostRequests, "how many requests to generate");
  distribution(at, "prompt", load.prompt, Unit::tokens, "prompt length in tokens");
  distribution(at, "output", load.output, Unit::tokens, "output length in tokens");
  SessionSpec sessions = load.sessions.value_or(SessionSpec{});
  const bool there =
      at.optional_object("sessions", "", "conversations of several turns", [&](JsonCursor& inner) {
        distribution(inner, "turns", sessions.turns, Unit::turns, "turns of a session");
        distribution(inner, "think", sessions.think, Unit::seconds,
                     "time from an answer to the next question");
        inner.flag("carry_history", sessions.carry_history,
                   "each prompt starts with all earlier turns");
      });
  if (there) load.sessions = sessions;
  at.count("shared_prefixes", load.shared_prefixes, 0, kMostPrefixes,
           "number of distinct system prompts, 0 for none");
  std::int64_t prefix = load.shared_prefix_tokens.value();
  at.count("shared_prefix_tokens", prefix, 0, kMaxRequestTokens.value(), "length of each of them");
  load.shared_prefix_tokens = Tokens(prefix);
}

void workload_fields(JsonCursor& at, WorkloadSpec& load) {
  at.text(
      "trace", load.trace,
      "path of a trace, - for standard input; left out: a generator (a trace of lengths takes its "
      "arrivals from rate)");
  at.text("format", load.format, "format of the trace, or auto");
  at.number("rate_scale", load.rate_scale, 1e-6, 1e6, "arrivals come this many times faster");
  at.count("limit", load.limit, 0, kMostRequests, "at most so many requests, 0 for all");
  at.duration("window_start", load.window_start, kInstantly,
              "skip earlier arrivals, measured from the first");
  at.duration("window_end", load.window_end, kSomeTime,
              "skip arrivals from here on, measured from the first");
  arrival_fields(at, load);
  at.count("clients", load.clients, 0, kMostClients,
           "closed loop: clients with one request at a time, 0 for open loop");
  distribution(at, "think", load.think, Unit::seconds,
               "closed loop: time from an answer to the client's next request");
}

void percentile_fields(JsonCursor& at, PercentileLimit& limit) {
  const std::vector<std::string> names{"ttft", "tpot", "end_to_end"};
  std::string metric = names.front();
  at.required().choice("metric", metric, names, "what is limited");
  limit.metric = static_cast<PercentileLimit::Metric>(
      std::find(names.begin(), names.end(), metric) - names.begin());
  at.required().number("percentile", limit.percentile, 0, 100,
                       "so many of a hundred requests hold it, such as 99");
  std::optional<Duration> at_most;
  at.required().duration("at_most", at_most, kSomeTime, "the limit");
  limit.at_most = at_most.value_or(kSomeTime);
  std::int64_t request_class = -1;
  at.count("class", request_class, -1, 4095, "service class it is for; -1: all requests");
  if (request_class >= 0) limit.request_class = static_cast<std::uint32_t>(request_class);
}

void slo_fields(JsonCursor& at, SloSpec& slo) {
  at.duration("ttft", slo.ttft, kSomeTime, "time to the first token");
  at.duration("tpot", slo.tpot, kSomeTime, "mean time per output token after the first");
  at.duration("end_to_end", slo.end_to_end, kSomeTime, "time from arrival to the last token");
  at.number("attainment", slo.attainment, 0, 1, "share of requests that must meet all of them");
  if (!at.written("percentiles")) return;
  at.list("percentiles", 0, 100, "limits that a share of the requests must hold, each on its own",
          [&](JsonCursor& inner, std::size_t) {
            percentile_fields(inner, slo.percentiles.emplace_back());
          });
}

void purchase_fields(JsonCursor& at, PurchaseSpec& spec) {
  at.choice("terms", spec.terms, {"on-demand", "reserved", "spot"}, "of the contract");
  double discount = spec.discount.value_or(0);
  at.number(
      "discount", discount, 0, 1,
      "off the on-demand price; when left out 0.4 reserved, a planning assumption, and 0.58 spot, "
      "AWS p5en of 2026-08");
  if (at.has("discount")) spec.discount = discount;
  at.text("currency", spec.currency, "code of a currency that costs are told in beside USD");
  at.number("per_usd", spec.per_usd, 1e-6, 1e9, "units of that currency for 1 USD");
  at.text("source", spec.source, "where discount and rate come from, and their date");
  if (!at.describing() && at.has("currency") != at.has("per_usd")) {
    throw InputError(at.place(),
                     "expected currency and per_usd together, got one of them; add the other");
  }
}

void facility_fields(JsonCursor& at, FacilitySpec& spec) {
  at.number("pue", spec.pue, 1, 10,
            "power usage effectiveness: facility energy over device energy");
  double usd = spec.usd_per_kwh.value_or(0);
  at.number("usd_per_kwh", usd, 0, 1e3, "electricity, where it is not in the price of a device");
  if (at.has("usd_per_kwh")) spec.usd_per_kwh = usd;
  at.numbers("carbon", spec.carbon, "g CO2e a kWh: one number, or 24 by hour of the day");
  at.number("start_hour", spec.start_hour, 0, 24, "hour of the day when the run starts");
  at.text("source", spec.source, "where these come from, and their date");
  if (at.describing()) return;
  const bool whole = spec.carbon.size() <= 1 || spec.carbon.size() == 24;
  const bool sane = std::all_of(spec.carbon.begin(), spec.carbon.end(),
                                [](double grams) { return grams >= 0 && grams <= 1e4; });
  if (whole && sane) return;
  throw InputError(at.place("carbon"),
                   whole ? "expected numbers from 0 to 10,000, got another; correct it"
                         : fmt::format("expected 1 or 24 numbers, got {}; give one an hour",
                                       spec.carbon.size()));
}

}  // namespace

const std::vector<std::string>& distribution_names() {
  static const std::vector<std::string> kNames = {
      "constant", "uniform", "exponential", "gamma", "weibull", "lognormal", "pareto", "empirical"};
  return kNames;
}

void system_fields(JsonCursor& at, Scenario& scenario) {
  at.required().object("model", "name", "what is served",
                       [&](JsonCursor& inner) { model_fields(inner, scenario.model); });
  at.required().object("cluster", "", "the hardware", [&](JsonCursor& inner) {
    inner.required().list(
        "nodes", 1, 1000, "nodes of one kind",
        [&](JsonCursor& node, std::size_t) { node_fields(node, scenario.nodes.emplace_back()); });
    inner.bandwidth("spine", scenario.spine,
                    "switch between nodes, a port and direction; 0 GB/s: unlimited");
  });
  at.required().list("deployment", 1, 1000, "replicas of one kind",
                     [&](JsonCursor& group, std::size_t) {
                       group_fields(group, scenario.deployment.emplace_back());
                     });
  policy_field<RoutingPolicy>(at, "routing", scenario.routing, "which replica serves a request");
  policy_field<RoutingPolicy>(at, "decode_routing", scenario.decode_routing,
                              "which decode replica takes a finished prompt");
  at.object("transfer", "", "KV on its way from prefill to decode replicas",
            [&](JsonCursor& inner) { transfer_fields(inner, scenario.transfer); });
  policy_field<AdmissionPolicy>(at, "admission", scenario.admission,
                                "whether a request enters at all");
  if (at.written("dynamics")) {
    at.object("dynamics", "", "replicas that come and go; without it all serve, always",
              [&](JsonCursor& inner) { dynamics_fields(inner, scenario.dynamics.emplace()); });
  }
  at.choice("predictor", scenario.predictor, {"oracle", "mean", "noisy"},
            "what schedulers believe of output lengths");
  at.number("predictor_sigma", scenario.predictor_sigma, 0, 10,
            "noisy predictor: sigma of the log of its error factor");
}

void scenario_fields(JsonCursor& at, Scenario& scenario) {
  std::string schema;
  at.text("$schema", schema, "for editors; `headroom schema` prints it");
  at.text("name", scenario.name, "title of the report");
  at.count("seed", scenario.seed, 0, std::int64_t{1} << 53, "of all random streams");
  system_fields(at, scenario);
  at.required().object("workload", "", "what arrives",
                       [&](JsonCursor& inner) { workload_fields(inner, scenario.workload); });
  at.object("slo", "", "service levels; what is left out is not asked for",
            [&](JsonCursor& inner) { slo_fields(inner, scenario.slo); });
  at.object("price", "", "what a device costs", [&](JsonCursor& inner) {
    inner.price("device_hour", scenario.price.device_hour,
                "one device; the catalogue's price when left out");
    inner.text("source", scenario.price.source, "where that price comes from");
  });
  if (at.written("purchase")) {
    at.object("purchase", "terms", "how devices are bought; on demand in USD when left out",
              [&](JsonCursor& inner) { purchase_fields(inner, scenario.purchase.emplace()); });
  }
  if (at.written("facility")) {
    at.object("facility", "", "what is around the devices: cooling, electricity, carbon",
              [&](JsonCursor& inner) { facility_fields(inner, scenario.facility.emplace()); });
  }
  at.duration("time_limit", scenario.time_limit, kSomeTime,
              "stop the simulation at this simulated time");
  if (at.written("gates"))
    at.texts("gates", scenario.gates,
             "when `headroom compare` fails, e.g. \"ttft.p99 > +5%\", \"attainment < 0.95\"");
}

}  // namespace headroom
