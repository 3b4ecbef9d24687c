#include "sim/cli/validate_harness.h"

#include <algorithm>
#include <cstdint>

#include "models/engine.h"

namespace headroom {
namespace {

struct Harness {
  const ServingPoint& point;
  const std::string& model;
  ReplicaGroupSpec& group;

  void set(const char* parameter, std::int64_t value) const {
    group.batch.parameters[parameter] = std::to_string(value);
  }
  /// For limits that hold for each group of attention data parallelism by itself.
  void set_each(const char* parameter, std::int64_t value) const {
    set(parameter, value * point.attention_data);
  }
  [[nodiscard]] bool shape(std::int64_t prompt, std::int64_t output) const {
    return point.prompt == prompt && point.output == output;
  }
  [[nodiscard]] bool on(const char* device) const { return point.device.rfind(device, 0) == 0; }
  [[nodiscard]] bool runs(const char* prefix) const { return model.rfind(prefix, 0) == 0; }
};

/// Whether version "a.b..." is at least major.minor; an unnamed version is not.
bool at_least(const std::string& version, int major, int minor) {
  int given[2] = {0, 0};
  std::size_t at = 0;
  for (int& part : given) {
    for (; at < version.size() && version[at] >= '0' && version[at] <= '9' && part < 10'000; ++at)
      part = 10 * part + (version[at] - '0');
    ++at;
  }
  return given[0] > major || (given[0] == major && given[1] >= minor);
}

// Below: SemiAnalysisAI/InferenceX, benchmarks/*.sh, as of late 2025 to spring 2026, by the names
// of its scripts; else the engines' defaults.

/// 70b_*, gptoss_*, kimik2.5_*, minimaxm2.5_*: 8,192 tokens a step; async scheduling asked for, or
/// the default from vLLM 0.14 on.
void vllm(const Harness& h) {
  h.group.batch.name = find_engine("vllm", h.point.where).batch;
  h.set_each("max_num_batched_tokens", h.point.max_batched_tokens.value_or(8192));
  h.set_each("max_num_seqs", 1024);
  if (is_inference_x(h.point) || at_least(h.point.engine_version, 0, 14))
    h.group.scheduling = "overlapped";
  if (!is_inference_x(h.point)) return;
  if (h.runs("gpt-oss")) h.group.captured_tokens = Tokens(2048);
  if (h.runs("minimax") && !h.on("h100")) h.group.memory_utilisation = 0.95;
  if (h.runs("kimi") && h.on("h200")) h.group.memory_utilisation = 0.95;
  // KV-bound rows of Llama-3.1-70B and MiniMax-M2.5 on B200 and B300 hold 6 to 20 GB a GPU less
  // than utilisation less weights and activations; TensorRT-LLM's, and those on H100, do not.
  if (h.on("b")) h.group.memory_utilisation = (h.runs("minimax") ? 0.95 : 0.9) - 0.05;
}

/// dsr1_*_trt*: room for one prompt and a token of each client; in the first scripts, of rows
/// without a version, at least 2,200 tokens, from version 1.2 at least 8,192.
void tensorrt_llm_deepseek(const Harness& h) {
  const std::int64_t whole = (h.point.concurrency + h.point.prompt + 64 + 63) / 64 * 64;
  // Workers of separate pools (srt-slurm's recipes) hold a prompt of 8,192 tokens and 256 more.
  const bool newer = at_least(h.point.engine_version, 1, 2) || h.point.mode == "disagg";
  const std::int64_t least = newer ? 8192 : h.point.engine_version.empty() && h.on("b") ? 2200 : 0;
  h.set_each("max_num_batched_tokens", std::max(whole, least));
  h.group.memory_utilisation = h.on("h") ? 0.75 : 0.8;
  const bool fp8_b200 = newer && h.on("b") && h.point.precision == "fp8";
  if (fp8_b200 && h.point.concurrency >= 256 && !h.shape(8192, 1024))
    h.group.memory_utilisation = 0.7;
  if (fp8_b200 && h.shape(1024, 1024) && h.point.concurrency >= 64 && h.point.concurrency < 256) {
    h.set("batch_wait_iterations", 40);
    h.group.batch.parameters["batch_wait_tokens_ratio"] = "0.8";
  }
}

void tensorrt_llm(const Harness& h) {
  h.group.batch.name = find_engine("tensorrt-llm", h.point.where).batch;
  // cuda_graph_config/max_batch_size: as many as there are clients, or 512 and more.
  if (is_inference_x(h.point)) h.group.captured_tokens = Tokens(2048);
  if (!is_inference_x(h.point)) {
    // Not stated anywhere. On the fitted half of 297 rows (Llama-3.1-8B, Qwen3-32B and Qwen3-235B
    // on H100, version 1.0.0rc3) chunks of 2,048 tokens leave 24, 13 and 14 % of median TTFT error,
    // whole prompts within 8,192 tokens (the default) 29, 33 and 52 %; arrivals seen a step late
    // double it.
    h.set("max_num_batched_tokens", h.point.max_batched_tokens.value_or(2048));
    h.group.batch.parameters["chunked_prefill"] = "true";
    h.group.scheduling = "in-step";
  } else if (h.runs("deepseek")) {
    tensorrt_llm_deepseek(h);
  } else if (h.runs("gpt-oss")) {
    h.set_each("max_num_batched_tokens", 20'000);
    h.group.memory_utilisation = 0.85;
    // The dumps of 2025 without a version say a split of width; their times at 2, 4 and 8 GPUs are
    // those that later dumps of the same script measured with whole experts spread over the GPUs.
    if (h.on("h200") && h.point.engine_version.empty())
      h.group.expert_parallel = h.point.tensor * h.point.attention_data;
  } else {
    // 70b_*_trt_*: prompts wait for company at 1,024 tokens in and out on fewer than 8 GPUs.
    h.set("max_num_batched_tokens", 16'384);
    if (h.shape(1024, 1024) && h.point.tensor < 8) {
      h.set("batch_wait_iterations", 20);
      h.group.batch.parameters["batch_wait_tokens_ratio"] = "0.9";
    }
  }
}

/// dsr1_fp4_b200.sh, dsr1_fp8_b200.sh, dsr1_fp8_h200.sh.
void sglang_deepseek(const Harness& h) {
  h.group.captured_tokens = Tokens(512);  // --cuda-graph-max-bs: 128 to 512, as clients ask
  if (h.on("h")) {
    h.set("max_num_batched_tokens", 32'768);
    h.set("max_num_seqs", h.shape(1024, 1024) ? 512 : 256);
    h.group.memory_utilisation = 0.82;
    return;
  }
  const bool fp4 = h.point.precision == "fp4";
  const bool small = !fp4 && h.point.tensor == 4;
  h.set("max_num_batched_tokens", fp4 ? 16'384 : small ? 8192 : 32'768);
  // The scripts' limits of running requests, raised where more clients were tried: with 256 and 512
  // clients some 240 and more run at a time.
  const std::int64_t running = fp4 ? 256 : small ? 32 : 128;
  h.set("max_num_seqs", h.point.concurrency > running ? 512 : running);
  h.set("recv_interval", h.point.concurrency >= 16 && !small ? 30 : 10);
  h.group.memory_utilisation = fp4 ? 0.85 : small ? 0.95 : 0.82;
}

void sglang(const Harness& h) {
  h.group.batch.name = find_engine("sglang", h.point.where).batch;
  h.set("max_num_batched_tokens", h.point.max_batched_tokens.value_or(8192));
  // server_args.py of 0.5 leaves 13.4 of 81.6 GB to chunks of 8,192 tokens and graphs.
  if (h.on("h100")) h.group.memory_utilisation = 0.835;
  if (is_inference_x(h.point) && h.runs("deepseek")) sglang_deepseek(h);
}

}  // namespace

bool is_inference_x(const ServingPoint& point) {
  return point.source.rfind("source_file=20", 0) == 0 || point.source.rfind("db-dump/", 0) == 0;
}

void set_harness(const ServingPoint& point, const std::string& engine, const std::string& model,
                 ReplicaGroupSpec& group) {
  group.batch = {};
  group.batch.where = point.where;
  const Harness harness{point, model, group};
  if (engine == "tensorrt-llm") return tensorrt_llm(harness);
  if (engine == "sglang") return sglang(harness);
  vllm(harness);
}

}  // namespace headroom
