// Manifests for Kubernetes, NVIDIA Dynamo and llm-d, as JSON.
//
// Sources: kubernetes.io (apps/v1 Deployment, v1 Service); docs.nvidia.com/dynamo, reference of
// DynamoGraphDeployment nvidia.com/v1beta1 and its vLLM templates; llm-d-incubation/
// llm-d-modelservice, examples/values-pd.yaml (a chart that llm-d 0.7 replaced by Kustomize bases
// of the same fields).
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/cli/emit.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

struct EngineImage {
  const char *image, *dynamo_image, *dynamo_module;
  std::vector<std::string> command;
};

EngineImage image_of(const std::string& engine) {
  if (engine == "vllm") {
    return {"vllm/vllm-openai:latest",
            "nvcr.io/nvidia/ai-dynamo/vllm-runtime:latest",
            "dynamo.vllm",
            {"vllm", "serve"}};
  }
  if (engine == "sglang") {
    return {"lmsysorg/sglang:latest",
            "nvcr.io/nvidia/ai-dynamo/sglang-runtime:latest",
            "dynamo.sglang",
            {"python3", "-m", "sglang.launch_server", "--model-path"}};
  }
  return {"nvcr.io/nvidia/tensorrt-llm/release:latest",
          "nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:latest",
          "dynamo.trtllm",
          {"trtllm-serve"}};
}

Json gpu_limits(const ServerLaunch& server) {
  return {{"limits", {{"nvidia.com/gpu", std::to_string(server.gpus)}}}};
}

std::string short_name(const ServerLaunch& server) {
  return server.role == "joint" ? "worker" : server.role;
}

Json deployment(const EmitPlan& plan, const ServerLaunch& server) {
  const EngineImage engine = image_of(plan.engine);
  const std::string name = "headroom-" + short_name(server);
  std::vector<std::string> command = engine.command;
  command.push_back(plan.model);
  std::vector<std::string> args = server.options;
  if (plan.engine != "vllm") args.insert(args.end(), {"--host", "0.0.0.0"});
  args.insert(args.end(), {"--port", "8000"});
  const Json container{{"name", "server"},
                       {"image", engine.image},
                       {"command", command},
                       {"args", args},
                       {"ports", Json::array({{{"containerPort", 8000}}})},
                       {"resources", gpu_limits(server)}};
  const Json labels{{"app", name}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", name}, {"annotations", {{"headroom/plan", plan.name}}}}},
          {"spec",
           {{"replicas", server.replicas},
            {"selector", {{"matchLabels", labels}}},
            {"template",
             {{"metadata", {{"labels", labels}}},
              {"spec", {{"containers", Json::array({container})}}}}}}}};
}

Json service(const ServerLaunch& server) {
  const std::string name = "headroom-" + short_name(server);
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"selector", {{"app", name}}},
            {"ports", Json::array({{{"port", 8000}, {"targetPort", 8000}}})}}}};
}

Json kubernetes(const EmitPlan& plan) {
  Json items = Json::array();
  for (const ServerLaunch& server : plan.servers) {
    items.push_back(deployment(plan, server));
    items.push_back(service(server));
  }
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}};
}

Json dynamo_component(const EmitPlan& plan, const ServerLaunch& server) {
  const EngineImage engine = image_of(plan.engine);
  std::vector<std::string> args{plan.engine == "sglang" ? "--model-path" : "--model", plan.model};
  for (std::size_t i = 0; i < server.options.size(); ++i) {
    // Dynamo's TensorRT-LLM worker writes its options with dashes.
    std::string word = server.options[i];
    if (plan.engine == "tensorrt-llm" && word.rfind("--", 0) == 0) {
      for (char& c : word) c = c == '_' ? '-' : c;
      if (word == "--tp-size") word = "--tensor-parallel-size";
      if (word == "--pp-size") word = "--pipeline-parallel-size";
      if (word == "--ep-size") word = "--expert-parallel-size";
      if (word == "--kv-cache-free-gpu-memory-fraction") word = "--free-gpu-memory-fraction";
    }
    args.push_back(word);
  }
  if (server.role != "joint" && plan.engine != "sglang")
    args.insert(args.end(), {"--disaggregation-mode", server.role});
  const Json container{{"name", "main"},
                       {"image", engine.dynamo_image},
                       {"command", Json::array({"python3", "-m", engine.dynamo_module})},
                       {"args", args},
                       {"resources", gpu_limits(server)}};
  return {{"name", short_name(server)},
          {"type", server.role == "joint" ? "worker" : server.role},
          {"replicas", server.replicas},
          {"podTemplate", {{"spec", {{"containers", Json::array({container})}}}}}};
}

Json dynamo(const EmitPlan& plan) {
  const Json frontend{{"name", "main"}, {"image", image_of(plan.engine).dynamo_image}};
  Json components =
      Json::array({{{"name", "Frontend"},
                    {"type", "frontend"},
                    {"replicas", 1},
                    {"podTemplate", {{"spec", {{"containers", Json::array({frontend})}}}}}}});
  for (const ServerLaunch& server : plan.servers)
    components.push_back(dynamo_component(plan, server));
  return {{"apiVersion", "nvidia.com/v1beta1"},
          {"kind", "DynamoGraphDeployment"},
          {"metadata", {{"name", "headroom"}, {"annotations", {{"headroom/plan", plan.name}}}}},
          {"spec", {{"components", components}}}};
}

Json llm_d(const EmitPlan& plan) {
  Json values{{"multinode", false},
              {"modelArtifacts", {{"name", plan.model}, {"uri", "hf://" + plan.model}}},
              {"routing", {{"servicePort", 8000}}}};
  for (const char* role : {"decode", "prefill"}) {
    const ServerLaunch* found = nullptr;
    for (const ServerLaunch& server : plan.servers) {
      // Servers that do both are the chart's decode pods.
      if (server.role == role || (server.role == "joint" && std::string(role) == "decode"))
        found = &server;
    }
    values[role] = {{"create", found != nullptr}};
    if (found == nullptr) continue;
    values[role]["replicas"] = found->replicas;
    values[role]["containers"] = Json::array({{{"name", "vllm"},
                                               {"image", "vllm/vllm-openai:latest"},
                                               {"modelCommand", "vllmServe"},
                                               {"args", found->options},
                                               {"resources", gpu_limits(*found)},
                                               {"mountModelVolume", true}}});
  }
  return values;
}

}  // namespace

std::string emit_manifest(const std::string& target, const EmitPlan& plan) {
  const Json manifest = target == "dynamo"  ? dynamo(plan)
                        : target == "llm-d" ? llm_d(plan)
                                            : kubernetes(plan);
  return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
