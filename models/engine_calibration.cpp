#include "models/engine_calibration.h"

#include <string_view>

namespace headroom {
namespace {

Duration from_us(double us) { return Duration(static_cast<std::int64_t>(us * 1000 + 0.5)); }

}  // namespace

// Fitted to the half of ai-dynamo/aiconfigurator's serving sample (commit 095f58a51, aggregated
// rows) that hashing calls "fit" (reports/validation.h), by coordinate descent on mean |log error|
// of TPOT plus a quarter of TTFT's, scales held within 0.5 and 2 (GEMM 0.8 and 1.3), on the fitted
// curves of models/utilisation.cpp. Columns as in the header.
const std::vector<EngineCalibration>& engine_calibrations() {
  static const std::vector<EngineCalibration> rows{
      {"sglang", "", "h100-sxm", 1, 1, 1.038, 1, 0.964, 1.506, 800, 188, 3125, 0, 23, 1.5, 8.6},
      {"tensorrt-llm", "", "b200-sxm", 1, 1, 0.8, 1, 0.852, 0.709, 684, 0, 9666, 1280, 38, 6.8,
       6.9},
      {"tensorrt-llm", "", "h100-sxm", 1, 1, 1, 1, 0.939, 0.996, 1682, 826, 5000, 0, 98, 5.0, 31.2},
      {"tensorrt-llm", "", "h200-sxm", 0.827, 1, 0.68, 1, 0.757, 0.946, 200, 0, 39592, 800, 20, 2.9,
       8.7},
      {"vllm", "", "b200-sxm", 1, 1.953, 0.939, 1, 0.734, 0.512, 914, 0, 45886, 740, 16, 2.2, 4.3},
      {"vllm", "", "h100-sxm", 1, 1, 1.07, 1, 0.673, 0.939, 541, 768, 5000, 0, 12, 3.0, 2.0},
  };
  return rows;
}

const EngineCalibration* find_calibration(const std::string& engine, const std::string& version,
                                          const std::string& device) {
  const EngineCalibration* best = nullptr;
  for (const EngineCalibration& row : engine_calibrations()) {
    const std::string_view versions = row.versions;
    if (engine != row.engine || device != row.device || !version.starts_with(versions)) continue;
    if (best == nullptr || versions.size() > std::string_view(best->versions).size()) best = &row;
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
  engine.kernel_scale = {
      row->gemm, row->prefill, row->decode, row->moe, row->collective, row->elementwise, 1};
  engine.layer_floor = from_us(row->layer_floor_us);
  engine.host_per_iteration = from_us(row->host_us);
  engine.ingest_per_request = from_us(row->ingest_us);
  engine.ingest_per_token = Duration(static_cast<std::int64_t>(row->ingest_token_ns + 0.5));
  engine.host_evidence = Evidence::interpolated;
  engine.source += "; kernel scales, floor, host and ingest fitted to " +
                   std::to_string(row->fitted_on) + " measured serving points on " + device;
  return engine;
}

}  // namespace headroom
