// Manifests for Kubernetes, NVIDIA Dynamo and llm-d, as JSON.
//
// Sources: kubernetes.io (apps/v1 Deployment, v1 Service); docs.nvidia.com/dynamo, reference of
// DynamoGraphDeployment nvidia.com/v1beta1 and its vLLM templates; llm-d/llm-d, guides
// pd-disaggregation and optimized-baseline, modelserver/gpu/vllm/base (kustomization.yaml,
// patch-decode.yaml, patch-prefill.yaml, patch-vllm.yaml), 2026: Kustomize overlays of
// guides/recipes/modelserver, in the place of the chart that llm-d had before 0.7.
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

/// A change of one Deployment of llm-d's recipe.
Json llm_d_patch(const EmitPlan& plan, const ServerLaunch& server) {
  std::vector<std::string> args{plan.model};
  args.insert(args.end(), server.options.begin(), server.options.end());
  Json container{{"name", "modelserver"}, {"command", Json::array({"vllm", "serve"})}};
  if (plan.apart()) {
    // Before a decode server stands llm-d's routing proxy, at the port of the service.
    if (server.role == "decode") args.insert(args.end(), {"--port", "8200"});
    container["env"] =
        Json::array({{{"name", "VLLM_NIXL_SIDE_CHANNEL_HOST"},
                      {"valueFrom", {{"fieldRef", {{"fieldPath", "status.podIP"}}}}}}});
  }
  container["args"] = args;
  container["resources"] = gpu_limits(server);
  // The recipe for servers that do both calls them decode, too.
  const Json change{{"apiVersion", "apps/v1"},
                    {"kind", "Deployment"},
                    {"metadata", {{"name", server.role == "joint" ? "decode" : server.role}}},
                    {"spec",
                     {{"replicas", server.replicas},
                      {"template", {{"spec", {{"containers", Json::array({container})}}}}}}}};
  return {{"patch", change.dump()}};
}

Json llm_d(const EmitPlan& plan) {
  const std::string recipes =
      "github.com/llm-d/llm-d//guides/recipes/modelserver/base/single-host/";
  Json patches = Json::array();
  for (const ServerLaunch& server : plan.servers) patches.push_back(llm_d_patch(plan, server));
  return {
      {"apiVersion", "kustomize.config.k8s.io/v1beta1"},
      {"kind", "Kustomization"},
      {"resources", Json::array({recipes + (plan.apart() ? "pd/vllm" : "default") + "?ref=main"})},
      {"namePrefix", "headroom-"},
      {"images", Json::array({{{"name", "REPLACE_MODEL_SERVER_IMAGE"},
                               {"newName", "docker.io/vllm/vllm-openai"},
                               {"newTag", "latest"}}})},
      {"commonAnnotations", {{"headroom/plan", plan.name}}},
      {"patches", patches}};
}

}  // namespace

std::string emit_manifest(const std::string& target, const EmitPlan& plan) {
  const Json manifest = target == "dynamo"  ? dynamo(plan)
                        : target == "llm-d" ? llm_d(plan)
                                            : kubernetes(plan);
  return manifest.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
