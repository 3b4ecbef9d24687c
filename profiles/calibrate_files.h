// What a calibration leaves: a cost file, an engine file, and a text for people.
//
// Law: figures carry their bands; the server's address is in none of them. Same result, same bytes.
// Cost: none to speak of.
// Not here: writing them to disk (sim/cli/profile_calibrate.cpp); reading them
// (models/calibrated_cost.h, models/engine.h).
#pragma once

#include <string>

#include "profiles/calibrate_model.h"

namespace headroom {

struct CalibrationOrigin {
  std::string model{};  ///< as the server names it
  std::string date{};   ///< "2026-11-22"
  std::string tool{};   ///< "headroom 0.1.0"
  std::int64_t requests = 0;
  std::string base_engine{};  ///< bundled description whose other figures hold
};

/// For `"cost": "calibrated:FILE"`.
[[nodiscard]] std::string cost_file(const CalibratedServer& server,
                                    const CalibrationOrigin& origin);
/// For `"engine": "FILE"`.
[[nodiscard]] std::string engine_file(const CalibratedServer& server,
                                      const CalibrationOrigin& origin);
[[nodiscard]] std::string calibration_text(const CalibratedServer& server,
                                           const CalibrationOrigin& origin);

}  // namespace headroom
