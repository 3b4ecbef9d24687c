// What a plan launches, parsed back: every option is one that its engine documents, and what they
// say together is the deployment that was simulated.
#include "sim/cli/emit.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/catch.h"
#include "tests/cli/plan_world.h"

using namespace headroom;
using namespace headroom::cli_test;

namespace {

using Json = nlohmann::json;

/// Words of a line as a shell splits them; comments end it.
std::vector<std::string> shell_words(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  bool any = false;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      any = true;
    } else if (c == '#' && word.empty() && !any) {
      break;
    } else if (c == ' ') {
      if (any || !word.empty()) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
    }
  }
  if (any || !word.empty()) words.push_back(word);
  return words;
}

std::string program_of(const std::vector<std::string>& words) {
  if (words.size() < 2) return {};
  if (words[0] == "vllm" && words[1] == "serve") return "vllm serve";
  if (words[0] == "trtllm-serve") return "trtllm-serve";
  if (words.size() > 2 && words[2] == "sglang.launch_server") return "sglang";
  if (words.size() > 2 && words[2] == "sglang_router.launch_router") return "sglang router";
  return {};
}

bool documented(const std::string& program, const std::string& flag) {
  const auto& flags = engine_flags();
  return std::any_of(flags.begin(), flags.end(), [&](const EngineFlag& one) {
    return one.program == program && one.flag == flag && std::string(one.source).size() > 10;
  });
}

std::string value_after(const std::vector<std::string>& words, const std::string& flag) {
  const auto it = std::find(words.begin(), words.end(), flag);
  return it == words.end() || it + 1 == words.end() ? "" : *(it + 1);
}

struct Launched {
  std::vector<std::vector<std::string>> servers;
  std::vector<std::string> router;
};

Launched launched(const std::string& script) {
  Launched out;
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> words = shell_words(line);
    const std::string program = program_of(words);
    if (program.empty()) continue;
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[i][0] != '-' || words[i] == "-m" || words[i].size() < 2) continue;
      INFO(program << " " << words[i]);
      CHECK(documented(program, words[i]));
    }
    const bool front = program == "sglang router" || words[1] == "disaggregated";
    if (front) {
      out.router = words;
    } else {
      out.servers.push_back(words);
    }
  }
  return out;
}

EmitPlan plan_for(const std::string& engine, const std::vector<std::string>& more,
                  const PlanCounts& counts) {
  std::vector<std::string> words{"--devices", "h100-sxm", "--tensor", "2"};
  words.insert(words.end(), {"--set", "deployment.engine=" + engine});
  words.insert(words.end(), {"--pools", counts.size() > 1 ? "apart" : "joint"});
  words.insert(words.end(), more.begin(), more.end());
  PlanWorld world(loaded_scenario(), words);
  REQUIRE(!world.space.families.empty());
  return emit_plan(world.space, world.space.families.front(), counts);
}

struct Engine {
  const char *name, *target, *batch, *tensor, *tokens;
};
const Engine kEngines[] = {
    {"vllm", "vllm", "vllm-v1", "--tensor-parallel-size", "--max-num-batched-tokens"},
    {"sglang", "sglang", "sglang", "--tp-size", "--chunked-prefill-size"},
    {"tensorrt-llm", "trtllm", "tensorrt-llm", "--tp_size", "--max_num_tokens"},
};

}  // namespace

TEST_CASE("launch commands are the deployment, in options that engines document") {
  for (const Engine& engine : kEngines) {
    INFO(engine.name);
    const EmitPlan plan =
        plan_for(engine.name, {"--set", std::string("deployment.batch=") + engine.batch}, {3});
    const Launched joint = launched(emit_text(engine.target, plan));
    REQUIRE(joint.servers.size() == 3);
    std::vector<std::string> ports;
    for (const auto& words : joint.servers) {
      CHECK(value_after(words, engine.tensor) == "2");
      CHECK(std::stoi("0" + value_after(words, engine.tokens)) > 0);
      ports.push_back(value_after(words, "--port"));
    }
    std::sort(ports.begin(), ports.end());
    CHECK(std::unique(ports.begin(), ports.end()) == ports.end());
  }
}

TEST_CASE("pools apart are told their roles, and what spreads requests knows all of them") {
  const Launched vllm = launched(emit_text("vllm", plan_for("vllm", {}, {1, 2})));
  REQUIRE(vllm.servers.size() == 3);
  for (const auto& words : vllm.servers) {
    const Json transfer = Json::parse(value_after(words, "--kv-transfer-config"));
    CHECK(transfer.at("kv_connector") == "NixlConnector");
  }
  const Launched sglang = launched(emit_text("sglang", plan_for("sglang", {}, {1, 2})));
  REQUIRE(sglang.servers.size() == 3);
  CHECK(value_after(sglang.servers[0], "--disaggregation-mode") == "prefill");
  CHECK(value_after(sglang.servers[2], "--disaggregation-mode") == "decode");
  CHECK(std::count(sglang.router.begin(), sglang.router.end(), "--prefill") == 1);
  CHECK(std::count(sglang.router.begin(), sglang.router.end(), "--decode") == 2);
  const std::string trtllm = emit_text("trtllm", plan_for("tensorrt-llm", {}, {1, 2}));
  CHECK(launched(trtllm).servers.size() == 3);
  CHECK(trtllm.find("context_servers:\n  num_instances: 1") != std::string::npos);
  CHECK(trtllm.find("generation_servers:\n  num_instances: 2") != std::string::npos);
}

TEST_CASE("number formats and budgets that were simulated are launched") {
  const EmitPlan plan =
      plan_for("vllm",
               {"--set", "model.weights=fp8", "--set", "model.kv_cache=fp8", "--set",
                "deployment.batch.max_num_batched_tokens=4096", "--set",
                "deployment.max_model_len=8192", "--set", "deployment.memory_utilisation=0.85"},
               {1});
  const auto words = launched(emit_text("vllm", plan)).servers.at(0);
  CHECK(value_after(words, "--quantization") == "fp8");
  CHECK(value_after(words, "--kv-cache-dtype") == "fp8");
  CHECK(value_after(words, "--max-num-batched-tokens") == "4096");
  CHECK(value_after(words, "--max-model-len") == "8192");
  CHECK(value_after(words, "--gpu-memory-utilization") == "0.85");
}

TEST_CASE("a shell reads each word of a command as it was meant, whatever is in it") {
  const Folder folder;
  const std::vector<std::string> words{"plain-1.0/a:b=c",
                                       "it's",
                                       "$HOME ${HOME}",
                                       "say \"hi\"",
                                       "{}",
                                       "a}b\"",
                                       "*",
                                       "",
                                       "`id`",
                                       "a b",
                                       "\\",
                                       "~"};
  EmitPlan plan;
  plan.engine = "vllm";
  plan.model = plan.name = "m";
  plan.servers.push_back({"joint", 1, 1, "h100-sxm", words});
  std::istringstream script(emit_commands(plan));
  std::string line;
  for (std::string next; std::getline(script, next);)
    if (next.rfind("vllm serve", 0) == 0) line = next;
  const Outcome read = folder.shell("MODEL=m; vllm() { printf '<%s>\n' \"$@\"; }; " + line);
  std::string expected = "<serve>\n<m>\n";
  for (const std::string& word : words) expected += "<" + word + ">\n";
  CHECK(read.out == expected + "<--port>\n<8100>\n");
}

TEST_CASE("manifests hold the replicas, GPUs and options of the deployment") {
  for (const Engine& engine : kEngines) {
    INFO(engine.name);
    const EmitPlan plan = plan_for(engine.name, {}, {1, 2});
    const Json list = Json::parse(emit_text("k8s", plan));
    CHECK(list.at("kind") == "List");
    int deployments = 0;
    for (const Json& item : list.at("items")) {
      if (item.at("kind") != "Deployment") continue;
      ++deployments;
      const Json& container = item.at("spec").at("template").at("spec").at("containers").at(0);
      CHECK(container.at("resources").at("limits").at("nvidia.com/gpu") == "2");
      const auto args = container.at("args").get<std::vector<std::string>>();
      CHECK(value_after(args, engine.tensor) == "2");
      const bool prefill = item.at("metadata").at("name") == "headroom-prefill";
      CHECK(item.at("spec").at("replicas") == (prefill ? 1 : 2));
      CHECK(item.at("spec").at("selector").at("matchLabels") ==
            item.at("spec").at("template").at("metadata").at("labels"));
    }
    CHECK(deployments == 2);
    const Json graph = Json::parse(emit_text("dynamo", plan));
    CHECK(graph.at("apiVersion") == "nvidia.com/v1beta1");
    const Json& components = graph.at("spec").at("components");
    REQUIRE(components.size() == 3);
    CHECK(components[0].at("type") == "frontend");
    CHECK(components[1].at("type") == "prefill");
    CHECK(components[2].at("replicas") == 2);
    const auto args = components[2]
                          .at("podTemplate")
                          .at("spec")
                          .at("containers")
                          .at(0)
                          .at("args")
                          .get<std::vector<std::string>>();
    CHECK(value_after(args, "--disaggregation-mode") == "decode");
    for (const std::string& word : args) {
      if (word.rfind("--", 0) != 0) continue;
      INFO(word);
      CHECK((documented("dynamo", word) || documented("vllm serve", word) ||
             documented("sglang", word)));
    }
  }
}

TEST_CASE("what is written for llm-d changes the Deployments of its recipes") {
  // Names of llm-d's guides: pd-disaggregation and optimized-baseline.
  const auto patches = [](const Json& overlay) {
    CHECK(overlay.at("apiVersion") == "kustomize.config.k8s.io/v1beta1");
    CHECK(overlay.at("kind") == "Kustomization");
    CHECK(overlay.at("images").at(0).at("name") == "REPLACE_MODEL_SERVER_IMAGE");
    std::map<std::string, Json> by_name;
    for (const Json& patch : overlay.at("patches")) {
      const Json change = Json::parse(patch.at("patch").get<std::string>());
      CHECK(change.at("kind") == "Deployment");
      by_name[change.at("metadata").at("name")] = change.at("spec");
    }
    return by_name;
  };
  const auto server = [](const Json& spec) {
    const Json& container = spec.at("template").at("spec").at("containers").at(0);
    CHECK(container.at("name") == "modelserver");
    CHECK(container.at("command") == Json::array({"vllm", "serve"}));
    return container;
  };
  const EmitPlan plan = plan_for("vllm", {}, {1, 2});
  const Json apart = Json::parse(emit_text("llm-d", plan));
  CHECK(apart.at("resources").at(0).get<std::string>().find("/single-host/pd/vllm?") !=
        std::string::npos);
  auto both = patches(apart);
  REQUIRE(both.size() == 2);
  CHECK(both.at("decode").at("replicas") == 2);
  CHECK(both.at("prefill").at("replicas") == 1);
  for (const ServerLaunch& launched : plan.servers) {
    const Json container = server(both.at(launched.role));
    auto args = container.at("args").get<std::vector<std::string>>();
    CHECK(args.front() == plan.model);
    CHECK(value_after(args, "--tensor-parallel-size") == "2");
    CHECK((value_after(args, "--port") == "8200") == (launched.role == "decode"));
    for (const std::string& word : args) {
      INFO(word);
      if (word.rfind("--", 0) == 0) CHECK(documented("vllm serve", word));
    }
    CHECK(container.at("resources").at("limits").at("nvidia.com/gpu") == "2");
    CHECK(container.at("env").at(0).at("name") == "VLLM_NIXL_SIDE_CHANNEL_HOST");
  }
  const Json joint = Json::parse(emit_text("llm-d", plan_for("vllm", {}, {4})));
  CHECK(joint.at("resources").at(0).get<std::string>().find("/single-host/default?") !=
        std::string::npos);
  const auto one = patches(joint);
  REQUIRE(one.size() == 1);
  CHECK(one.at("decode").at("replicas") == 4);
  CHECK_FALSE(server(one.at("decode")).contains("env"));
}
