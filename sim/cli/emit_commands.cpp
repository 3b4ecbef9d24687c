// Launch commands of vLLM, SGLang and TensorRT-LLM: one a replica, and what spreads requests.
#include <fmt/format.h>

#include "reports/shell_word.h"
#include "sim/cli/emit.h"

namespace headroom {
namespace {

constexpr int kFirstPort = 8100;

std::string program_of(const EmitPlan& plan) {
  if (plan.engine == "vllm") return "vllm serve \"$MODEL\"";
  if (plan.engine == "sglang") return "python3 -m sglang.launch_server --model-path \"$MODEL\"";
  return "trtllm-serve \"$MODEL\"";
}

std::string extra_of(const EmitPlan& plan, const ServerLaunch& server) {
  if (plan.engine == "sglang") return " --host 0.0.0.0";
  if (plan.engine != "tensorrt-llm") return {};
  std::string extra = " --host 0.0.0.0";
  if (server.role != "joint") extra += fmt::format(" --extra_llm_api_options {}.yml", server.role);
  return extra;
}

struct Written {
  std::string text;
  std::vector<std::string> prefill, decode;  ///< host:port
};

Written write_servers(const EmitPlan& plan) {
  Written out;
  int port = kFirstPort;
  int host = 0;
  for (const ServerLaunch& server : plan.servers) {
    out.text += fmt::format("\n# {} x {}: {} GPUs of {} each\n", server.replicas,
                            server.role == "joint" ? "replica" : server.role + " replica",
                            server.gpus, server.device);
    for (std::int64_t i = 0; i < server.replicas; ++i, ++port, ++host) {
      std::string line = program_of(plan);
      for (const std::string& word : server.options) line += " " + shell_word(word);
      out.text +=
          fmt::format("{}{} --port {}  # on $HOST_{}\n", line, extra_of(plan, server), port, host);
      (server.role == "prefill" ? out.prefill : out.decode)
          .push_back(fmt::format("$HOST_{}:{}", host, port));
    }
  }
  return out;
}

std::string sglang_router(const EmitPlan& plan, const Written& written) {
  std::string line = "python3 -m sglang_router.launch_router";
  if (plan.apart()) {
    line += " --pd-disaggregation";
    for (const std::string& at : written.prefill) line += " --prefill http://" + at;
    for (const std::string& at : written.decode) line += " --decode http://" + at;
  } else {
    line += " --worker-urls";
    for (const std::string& at : written.decode) line += " http://" + at;
  }
  return "\n# Spreads requests\n" + line + " --host 0.0.0.0 --port 8000\n";
}

std::string trtllm_servers(const char* name, const std::vector<std::string>& urls) {
  std::string text = fmt::format("{}:\n  num_instances: {}\n  urls:\n", name, urls.size());
  for (const std::string& url : urls) text += fmt::format("    - \"{}\"\n", url);
  return text;
}

std::string trtllm_front(const EmitPlan& plan, const Written& written) {
  if (!plan.apart()) return "\n# Spread requests over the ports above with any HTTP balancer.\n";
  return "\n# Spreads requests\ncat > disagg.yml <<END\nhostname: 0.0.0.0\nport: 8000\nbackend: "
         "pytorch\n" +
         trtllm_servers("context_servers", written.prefill) +
         trtllm_servers("generation_servers", written.decode) +
         "END\ntrtllm-serve disaggregated -c disagg.yml\n";
}

std::string trtllm_files(const EmitPlan& plan) {
  if (plan.engine != "tensorrt-llm" || !plan.apart()) return {};
  return "\nprintf 'disable_overlap_scheduler: true\\ncache_transceiver_config:\\n  backend: "
         "default\\n' > prefill.yml\nprintf 'cache_transceiver_config:\\n  backend: default\\n' > "
         "decode.yml\n";
}

}  // namespace

std::string emit_commands(const EmitPlan& plan) {
  std::string text = fmt::format(
      "#!/bin/sh\n# {} as {}; every server on its own node or GPUs\nset -eu\n"
      ": \"${{MODEL:?path or Hugging Face id of {}}}\"\n",
      plan.model, plan.name, plan.model);
  text += trtllm_files(plan);
  const Written written = write_servers(plan);
  text += written.text;
  if (plan.engine == "sglang") return text + sglang_router(plan, written);
  if (plan.engine == "tensorrt-llm") return text + trtllm_front(plan, written);
  return text + (plan.apart() ? "\n# A proxy sends prompts to prefill servers first "
                                "(docs.vllm.ai, NixlConnector usage).\n"
                              : "\n# Spread requests over the ports above with any HTTP "
                                "balancer.\n");
}

}  // namespace headroom
