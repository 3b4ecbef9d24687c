#include "sim/cli/emit.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/cli/assemble.h"
#include "sim/policy.h"
#include "sim/quantity_text.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const char* const kVllm = "docs.vllm.ai/en/v0.8.5/serving/engine_args.html";
const char* const kVllmNixl = "docs.vllm.ai/en/latest/features/nixl_connector_usage.html";
const char* const kVllmExperts =
    "docs.vllm.ai/en/v0.10.1.1/serving/expert_parallel_deployment.html";
const char* const kSglang = "docs.sglang.io/advanced_features/server_arguments.html";
const char* const kSglangApart = "docs.sglang.io/advanced_features/pd_disaggregation.html";
const char* const kSglangRouter = "docs.sglang.io/advanced_features/router.html";
const char* const kTrtllm = "nvidia.github.io/TensorRT-LLM/0.18.2/commands/trtllm-serve.html";
const char* const kTrtllmExperts = "mintlify.com/NVIDIA/TensorRT-LLM/deployment/trtllm-serve";
const char* const kTrtllmApart =
    "github.com/NVIDIA/TensorRT-LLM/blob/main/examples/disaggregated/README.md";

const char* const kDynamoTrtllm = "docs.nvidia.com/dynamo/dev/backends/tensor-rt-llm-configuration";

/// Names that the three engines give the same things.
struct Names {
  const char *tensor, *pipeline, *batched_tokens, *sequences, *memory, *length, *weights, *kv;
};
const Names* names_of(const std::string& engine) {
  static const Names vllm{"--tensor-parallel-size",   "--pipeline-parallel-size",
                          "--max-num-batched-tokens", "--max-num-seqs",
                          "--gpu-memory-utilization", "--max-model-len",
                          "--quantization",           "--kv-cache-dtype"};
  static const Names sglang{"--tp-size",
                            "--pp-size",
                            "--chunked-prefill-size",
                            "--max-running-requests",
                            "--mem-fraction-static",
                            "--context-length",
                            "--quantization",
                            "--kv-cache-dtype"};
  // TensorRT-LLM takes number formats from the checkpoint.
  static const Names trtllm{"--tp_size",
                            "--pp_size",
                            "--max_num_tokens",
                            "--max_batch_size",
                            "--kv_cache_free_gpu_memory_fraction",
                            "--max_seq_len",
                            nullptr,
                            nullptr};
  if (engine == "vllm") return &vllm;
  if (engine == "sglang") return &sglang;
  if (engine == "tensorrt-llm") return &trtllm;
  return nullptr;
}

/// The first of the named parameters of the group's batch policy, as written or by default; 0:
/// none of them.
std::int64_t parameter(const PolicyChoice& choice, std::initializer_list<const char*> names) {
  const PolicyEntry<BatchPolicy>* entry = PolicyRegistry<BatchPolicy>::instance().find(choice.name);
  if (entry == nullptr) return 0;
  for (const char* name : names) {
    for (const ParameterSpec& spec : entry->parameters) {
      if (spec.name != name) continue;
      const auto written = choice.parameters.find(name);
      const std::string& text =
          written == choice.parameters.end() ? spec.default_text : written->second;
      return std::get<std::int64_t>(parse_parameter(spec, text, name));
    }
  }
  return 0;
}

class Options {
 public:
  void add(const char* flag, const std::string& value) {
    if (flag == nullptr) return;
    words_.emplace_back(flag);
    if (!value.empty()) words_.push_back(value);
  }
  void add_positive(const char* flag, std::int64_t value) {
    if (value > 0) add(flag, std::to_string(value));
  }
  std::vector<std::string> take() { return std::move(words_); }

 private:
  std::vector<std::string> words_;
};

void add_experts(Options& options, const std::string& engine, std::int64_t expert) {
  if (expert <= 1) return;
  if (engine == "vllm") options.add("--enable-expert-parallel", "");
  if (engine == "sglang") options.add("--ep-size", std::to_string(expert));
  if (engine == "tensorrt-llm") options.add("--ep_size", std::to_string(expert));
}

void add_pool(Options& options, const std::string& engine, const std::string& role) {
  if (role == "joint") return;
  if (engine == "vllm") {
    options.add("--kv-transfer-config", R"({"kv_connector":"NixlConnector","kv_role":"kv_both"})");
  } else if (engine == "sglang") {
    options.add("--disaggregation-mode", role);
    options.add("--disaggregation-transfer-backend", "nixl");
  }
}

ServerLaunch server_of(const Scenario& scenario, const AssembledGroup& group) {
  const std::string& engine = group.spec.engine;
  const Names& names = *names_of(engine);
  Options options;
  options.add(names.tensor, std::to_string(group.spec.tensor_parallel));
  if (group.spec.pipeline_parallel > 1)
    options.add(names.pipeline, std::to_string(group.spec.pipeline_parallel));
  add_experts(options, engine, group.spec.expert_parallel);
  options.add_positive(names.batched_tokens,
                       parameter(group.spec.batch, {"max_num_batched_tokens", "token_budget",
                                                    "chunked_prefill_size", "max_num_tokens"}));
  options.add_positive(
      names.sequences,
      parameter(group.spec.batch, {"max_num_seqs", "max_batch_size", "max_running_requests"}));
  options.add(names.memory, to_text(group.engine.gpu_memory_utilisation));
  if (group.spec.max_model_len)
    options.add(names.length, std::to_string(group.spec.max_model_len->value()));
  const std::string& weights = scenario.model.weights;
  if (weights != "bf16" && weights != "fp16" && weights != "native")
    options.add(names.weights, weights.substr(0, weights.find('_')));
  if (scenario.model.kv_cache.rfind("fp8", 0) == 0)
    options.add(names.kv, engine == "sglang" ? "fp8_e4m3" : "fp8");
  add_pool(options, engine, group.spec.role);
  ServerLaunch launch;
  launch.role = group.spec.role;
  launch.replicas = group.spec.replicas;
  launch.gpus = group.spec.devices();
  launch.device = group.device.name;
  launch.options = options.take();
  return launch;
}

std::string engine_of_target(const std::string& target) {
  if (target == "trtllm") return "tensorrt-llm";
  if (target == "llm-d") return "vllm";
  return target == "vllm" || target == "sglang" ? target : "";
}

void check_engine(const std::string& engine) {
  if (names_of(engine) != nullptr) return;
  throw InputError("--emit", fmt::format("expected a plan for engine vllm, sglang or "
                                         "tensorrt-llm, got {}; set deployment.engine",
                                         headroom::quoted(engine)));
}

}  // namespace

const std::vector<EngineFlag>& engine_flags() {
  static const std::vector<EngineFlag> flags{
      {"vllm serve", "--port", kVllmNixl},
      {"vllm serve", "--tensor-parallel-size", kVllm},
      {"vllm serve", "--pipeline-parallel-size", kVllm},
      {"vllm serve", "--enable-expert-parallel", kVllmExperts},
      {"vllm serve", "--max-num-batched-tokens", kVllm},
      {"vllm serve", "--max-num-seqs", kVllm},
      {"vllm serve", "--gpu-memory-utilization", kVllm},
      {"vllm serve", "--max-model-len", kVllm},
      {"vllm serve", "--quantization", kVllm},
      {"vllm serve", "--kv-cache-dtype", kVllm},
      {"vllm serve", "--kv-transfer-config", kVllmNixl},
      {"sglang", "--model-path", kSglang},
      {"sglang", "--port", kSglang},
      {"sglang", "--host", kSglang},
      {"sglang", "--tp-size", kSglang},
      {"sglang", "--pp-size", kSglang},
      {"sglang", "--ep-size", kSglang},
      {"sglang", "--chunked-prefill-size", kSglang},
      {"sglang", "--max-running-requests", kSglang},
      {"sglang", "--mem-fraction-static", kSglang},
      {"sglang", "--context-length", kSglang},
      {"sglang", "--quantization", kSglang},
      {"sglang", "--kv-cache-dtype", kSglang},
      {"sglang", "--disaggregation-mode", kSglangApart},
      {"sglang", "--disaggregation-transfer-backend", kSglangApart},
      {"sglang router", "--pd-disaggregation", kSglangApart},
      {"sglang router", "--prefill", kSglangApart},
      {"sglang router", "--decode", kSglangApart},
      {"sglang router", "--worker-urls", kSglangRouter},
      {"sglang router", "--host", kSglangApart},
      {"sglang router", "--port", kSglangApart},
      {"trtllm-serve", "--host", kTrtllm},
      {"trtllm-serve", "--port", kTrtllm},
      {"trtllm-serve", "--tp_size", kTrtllm},
      {"trtllm-serve", "--pp_size", kTrtllm},
      {"trtllm-serve", "--ep_size", kTrtllmExperts},
      {"trtllm-serve", "--max_num_tokens", kTrtllm},
      {"trtllm-serve", "--max_batch_size", kTrtllm},
      {"trtllm-serve", "--max_seq_len", kTrtllm},
      {"trtllm-serve", "--kv_cache_free_gpu_memory_fraction", kTrtllm},
      {"trtllm-serve", "--extra_llm_api_options", kTrtllmApart},
      {"trtllm-serve", "-c", kTrtllmApart},
      {"dynamo", "--model", kDynamoTrtllm},
      {"dynamo", "--disaggregation-mode", kDynamoTrtllm},
      {"dynamo", "--tensor-parallel-size", kDynamoTrtllm},
      {"dynamo", "--pipeline-parallel-size", kDynamoTrtllm},
      {"dynamo", "--expert-parallel-size", kDynamoTrtllm},
      {"dynamo", "--max-num-tokens", kDynamoTrtllm},
      {"dynamo", "--max-batch-size", kDynamoTrtllm},
      {"dynamo", "--max-seq-len", kDynamoTrtllm},
      {"dynamo", "--free-gpu-memory-fraction", kDynamoTrtllm},
  };
  return flags;
}

void check_emit_target(const std::string& target, const std::string& engine) {
  static const std::vector<std::string> targets{"vllm",   "sglang", "trtllm",
                                                "dynamo", "llm-d",  "k8s"};
  if (std::find(targets.begin(), targets.end(), target) == targets.end()) {
    throw InputError("--emit",
                     fmt::format("expected one of {}, got {}{}", fmt::join(targets, ", "),
                                 headroom::quoted(target), did_you_mean(target, targets)));
  }
  check_engine(engine);
  const std::string wanted = engine_of_target(target);
  if (!wanted.empty() && wanted != engine) {
    throw InputError("--emit", fmt::format("expected a target for the engine that was simulated, "
                                           "{}, got {}; set deployment.engine={}",
                                           engine, headroom::quoted(target), wanted));
  }
}

EmitPlan emit_plan(const PlanSpace& space, const PlanFamily& family, const PlanCounts& counts) {
  const Scenario scenario = read_scenario(deployment_scenario(space, family, counts)).scenario;
  EmitPlan plan;
  plan.model = scenario.model.name;
  plan.engine = scenario.deployment.front().engine;
  plan.name = family.name();
  check_engine(plan.engine);
  const Assembly assembly = assemble(scenario);
  for (const AssembledGroup& group : assembly.groups)
    plan.servers.push_back(server_of(scenario, group));
  return plan;
}

std::string emit_text(const std::string& target, const EmitPlan& plan) {
  check_emit_target(target, plan.engine);
  const bool commands = target == "vllm" || target == "sglang" || target == "trtllm";
  return commands ? emit_commands(plan) : emit_manifest(target, plan);
}

}  // namespace headroom
