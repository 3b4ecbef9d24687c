#include "models/engine_calibration.h"

#include <string_view>

namespace headroom {
namespace {

Duration from_us(double us) { return Duration(static_cast<std::int64_t>(us * 1000 + 0.5)); }

}  // namespace

// Fitted to the half of ai-dynamo/aiconfigurator's serving sample (commit 095f58a51, aggregated
// rows) that hashing calls "fit" (reports/validation.h), by coordinate descent on mean |log error|
// of TPOT plus a quarter of TTFT's, scales held within 0.5 and 2 (GEMM 0.8 and 1.3), on the fitted
// cost packs of models/packs/. Where host work alone explained the points, kernel scales stayed 1.
// Made by tests/validation/fit_engine.py. Columns as in the header.
const std::vector<EngineCalibration>& engine_calibrations() {
  static const std::vector<EngineCalibration> rows{
      {"sglang", "", "b200-sxm", 1, 1, 1, 1, 1, 1, 1, 900, 120, 6000, 4000, 34, 10.1, 73.7},
      {"sglang", "", "h100-sxm", 1, 1, 1, 1, 1, 1.168, 1, 800, 516, 3125, 0, 23, 1.7, 6.8},
      {"sglang", "", "h200-sxm", 1, 1, 1, 1, 1, 1, 1, 1042, 0, 6000, 4000, 23, 15.8, 6.8},
      {"tensorrt-llm", "", "b200-sxm", 1, 1, 1, 1, 1, 0.8, 1.2, 890, 0, 6000, 4000, 31, 4.5, 8.7},
      {"tensorrt-llm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 1, 695, 377, 2344, 4000, 33, 5.7, 36.8},
      {"tensorrt-llm", "", "h200-sxm", 1, 1, 1, 1, 1, 0.9, 1, 434, 0, 31826, 4000, 23, 3.9, 11.3},
      {"vllm", "", "b200-sxm", 1, 1, 1, 1, 1, 0.9, 1, 700, 300, 6000, 4000, 69, 7.3, 21.7},
      {"vllm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 1, 344, 388, 3750, 4000, 22, 3.5, 11.9},
      {"vllm", "", "h200-sxm", 1, 1, 1, 1, 1, 1, 1, 1112, 0, 16874, 4000, 32, 6.6, 15.9},
  };
  return rows;
}

namespace {

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
