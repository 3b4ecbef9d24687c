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
      {"sglang", "", "h100-sxm", 1, 1, 1, 1, 1, 1.168, 800, 516, 3125, 0, 23, 1.7, 6.8},
      {"tensorrt-llm", "", "b200-sxm", 0.8, 1.953, 0.741, 1, 0.763, 0.572, 711, 0, 6233, 1036, 38,
       4.4, 10.3},
      {"tensorrt-llm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 1137, 320, 1953, 0, 98, 4.9, 25.7},
      {"tensorrt-llm", "", "h200-sxm", 0.8, 1.953, 1.012, 1, 0.551, 0.583, 200, 0, 42434, 8389, 20,
       5.2, 10.6},
      {"vllm", "", "b200-sxm", 0.885, 1.953, 0.918, 1, 0.531, 0.977, 857, 0, 48917, 1834, 16, 8.4,
       7.4},
      {"vllm", "", "h100-sxm", 1, 1, 1, 1, 1, 1, 500, 300, 1953, 800, 14, 2.2, 2.5},
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
