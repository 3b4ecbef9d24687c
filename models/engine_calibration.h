// What calibration against measured serving systems adds to an engine description: one row an
// engine, version range and device.
//
// Law: constants hold for a whole (engine, version range, device), never for one model or point;
// each row says on how many points of the fit half it was fitted and what error it left there.
// Cost: a search of a short table. Not here: the descriptions (models/engine.h), the fitting and
// the scores (headroom validate).
#pragma once

#include <string>
#include <vector>

#include "models/engine.h"

namespace headroom {

struct EngineCalibration {
  const char* engine;
  const char* versions;  ///< they start so; "": all that no longer row fits
  const char* device;
  /// Times kernels: gemm, prefill attention, decode attention, moe, collective, elementwise; then
  /// microseconds: layer floor, host an iteration, ingest a request; nanoseconds: ingest a token.
  double gemm, prefill, decode, moe, collective, elementwise;
  double eager;  ///< of prompts outside captured graphs
  double layer_floor_us, host_us, ingest_us, ingest_token_ns;
  int fitted_on;      ///< points of the fit half
  double tpot, ttft;  ///< median absolute error left on them, percent
};

[[nodiscard]] const std::vector<EngineCalibration>& engine_calibrations();
/// The row for an engine on a device; where there is none, that of a device of the same generation,
/// else of any. nullptr: the engine has none.
[[nodiscard]] const EngineCalibration* find_calibration(const std::string& engine,
                                                        const std::string& version,
                                                        const std::string& device);
/// `engine` with the row's constants (of another device's row those of the host alone); unchanged
/// but for its source where there is none.
[[nodiscard]] EngineDescription calibrated(EngineDescription engine, const std::string& version,
                                           const std::string& device);

}  // namespace headroom
