#include "models/engine_calibration.h"

#include <string_view>

namespace headroom {
namespace {

Duration from_us(double us) { return Duration(static_cast<std::int64_t>(us * 1000 + 0.5)); }

}  // namespace

// Fitted to the half of ai-dynamo/aiconfigurator's serving sample (commit 095f58a51, aggregated
// rows) that hashing calls "fit" (reports/validation.h), by coordinate descent on mean |log error|
// of TPOT plus a quarter of TTFT's, every model weighing alike, on the cost packs of models/packs/.
// Made by tests/validation/fit_engine.py; floors of rows with mixtures were then divided by their
// launches a layer (models/compiled_cost.cpp), and the B200 and H200 rows of vLLM rounded between
// two fits, so that their last two columns are those of the fit before. Columns as in the header.
// Kernel scales stay 1: what they once hid (quantisation with static scales, kernels no engine
// picks, padding) is in the prices; element-wise kernels differ by what an engine fuses.
// TensorRT-LLM's floor and eager factor on B200 are those of 1,200 forward passes (same project):
// 34 ms over 36 layers for prompts to 1,024 tokens, 1.2 times the kernels' time above. A front end
// takes about 4 us a prompt token there (its pull request 1380: 3.6).
const std::vector<EngineCalibration>& engine_calibrations() {
  static const std::vector<EngineCalibration> rows{
      {"sglang", "", "b200-sxm", 1, 1, 1, 1, 1, 1, 1.875, 521, 800, 21466, 4000, 42, 8.6, 9.7},
      {"sglang", "", "h100-sxm", 1, 1, 1, 1, 1, 0.973, 1, 2048, 322, 3125, 2000, 11, 2.2, 9.1},
      {"sglang", "", "h200-sxm", 1, 1, 1, 1, 1, 1, 1, 1087, 100, 6178, 4000, 23, 8.6, 5.2},
      {"tensorrt-llm", "", "b200-sxm", 1, 1, 1, 1, 1, 0.75, 1.2, 660, 0, 2500, 3885, 31, 4.5, 8.4},
      {"tensorrt-llm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 1, 655, 136, 9601, 1000, 37, 3.5, 17.4},
      {"tensorrt-llm", "", "h200-sxm", 1, 1, 1, 1, 1, 0.85, 1.1, 500, 0, 14000, 4000, 23, 3.5, 9.1},
      {"vllm", "", "b200-sxm", 1, 1, 1, 1, 1, 1.05, 1.25, 570, 600, 13000, 4000, 83, 5.0, 10.1},
      {"vllm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 1, 500, 300, 916, 1000, 22, 1.9, 11.5},
      {"vllm", "", "h200-sxm", 1, 1, 1, 1, 1, 1, 1.25, 560, 0, 16000, 4000, 32, 6.6, 12.7},
  };
  return rows;
}

namespace {

/// Experts' kernels that one range of versions runs on a device, against those that packs hold.
struct ExpertCalibration {
  const char* engine;
  const char* versions;  ///< they start so; "": all that no longer row fits
  const char* device;
  double block_fp8, mxfp4;  ///< times are multiplied by this
  bool reads_all;           ///< block-fp8 weights of all experts, however few tokens
  int fitted_on;            ///< points of the fit half
};

// Medians over the fit half of what experts' times have to be multiplied by for TPOT to agree; the
// held-out half asks for the same within a tenth where not said otherwise. vLLM before 0.18 runs
// block-fp8 experts through DeepGEMM, slower than the kernels that followed (its pull request
// 28422); under 0.12 (Qwen3-235B, 4 to 48 clients) TPOT does not depend on the batch and is what
// reading every expert takes. TensorRT-LLM's kernels for B200 came between 1.1 and the 1.3 that
// packs hold. SGLang 0.5.6's for Qwen3-235B: held out 1.65.
const std::vector<ExpertCalibration>& expert_calibrations() {
  static const std::vector<ExpertCalibration> rows{
      {"vllm", "0.12", "h200-sxm", 1.46, 1, true, 14},
      {"vllm", "0.16", "h200-sxm", 1.46, 1, false, 16},
      {"vllm", "0.17", "b200-sxm", 1.47, 1, false, 9},
      {"tensorrt-llm", "1.1.0rc2", "b200-sxm", 1.46, 1, false, 7},
      {"tensorrt-llm", "1.2.0rc6", "b200-sxm", 0.68, 1, false, 10},
      {"tensorrt-llm", "", "h200-sxm", 1, 0.85, false, 12},
      {"sglang", "0.5.6", "h200-sxm", 1.88, 1, false, 5},
  };
  return rows;
}

const ExpertCalibration* find_experts(const std::string& engine, const std::string& version,
                                      const std::string& device) {
  const ExpertCalibration* best = nullptr;
  for (const ExpertCalibration& row : expert_calibrations()) {
    const std::string_view versions = row.versions;
    if (engine != row.engine || device != row.device || !version.starts_with(versions)) continue;
    if (best == nullptr || versions.size() > std::string_view(best->versions).size()) best = &row;
  }
  return best;
}

/// Devices of one generation share hosts, launch times and kernel libraries: "h100-sxm" and
/// "h200-sxm" are 'h', "b200-sxm" and "gb200" are 'b'.
char generation(std::string_view device) {
  if (device.size() > 1 && device[0] == 'g') device.remove_prefix(1);
  return device.empty() ? ' ' : device[0];
}

/// How well a row stands in: 3 its device, 2 its generation, 1 its engine alone; 0: not at all.
int fitness(const EngineCalibration& row, const std::string& engine, const std::string& version,
            const std::string& device) {
  if (engine != row.engine || !version.starts_with(row.versions)) return 0;
  if (device == row.device) return 3;
  return generation(device) == generation(row.device) ? 2 : 1;
}

}  // namespace

const EngineCalibration* find_calibration(const std::string& engine, const std::string& version,
                                          const std::string& device) {
  const EngineCalibration* best = nullptr;
  int best_fitness = 0;
  for (const EngineCalibration& row : engine_calibrations()) {
    const int now = fitness(row, engine, version, device);
    if (now == 0 || now < best_fitness) continue;
    const std::string_view versions = row.versions;
    if (now == best_fitness && versions.size() <= std::string_view(best->versions).size()) continue;
    best = &row;
    best_fitness = now;
  }
  return best;
}

EngineDescription calibrated(EngineDescription engine, const std::string& version,
                             const std::string& device) {
  const EngineCalibration* row = find_calibration(engine.name, version, device);
  if (row == nullptr) {
    engine.source += "; not calibrated on " + device;
    return engine;
  }
  const bool own = device == row->device;
  if (own) {
    engine.kernel_scale = {
        row->gemm, row->prefill, row->decode, row->moe, row->collective, row->elementwise, 1};
  }
  if (const ExpertCalibration* experts = find_experts(engine.name, version, device)) {
    engine.block_fp8_experts_scale = experts->block_fp8;
    engine.mxfp4_experts_scale = experts->mxfp4;
    engine.reads_all_experts = experts->reads_all;
    engine.source += "; experts fitted to " + std::to_string(experts->fitted_on) + " points";
  }
  engine.eager_scale = row->eager;
  engine.layer_floor = from_us(row->layer_floor_us);
  engine.host_per_iteration = from_us(row->host_us);
  engine.ingest_per_request = from_us(row->ingest_us);
  engine.ingest_per_token = Duration(static_cast<std::int64_t>(row->ingest_token_ns + 0.5));
  engine.host_evidence = own ? Evidence::interpolated : Evidence::extrapolated;
  engine.source += std::string(own ? "; kernel scales, floor" : "; floor") +
                   ", host and ingest fitted to " + std::to_string(row->fitted_on) +
                   " measured serving points on " + row->device;
  if (!own) engine.source += ", the nearest to " + device;
  return engine;
}

}  // namespace headroom
