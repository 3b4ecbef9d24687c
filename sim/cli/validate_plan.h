// From a measured serving point to the scenario that repeats it.
//
// Law: every point gets a scenario or one line that says why not; nothing is drawn from what was
// measured. Cost: O(1) a point. Not here: running it (sim/cli/validate_run.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "reports/validation.h"
#include "sim/scenario.h"
#include "traces/serving_points.h"

namespace headroom {

/// How the benchmarks behind the points were run, where their files do not say.
struct BenchmarkHabits {
  /// Requests a client; InferenceX sends 10 a client (spec aiconfigurator-data section 8 c).
  std::int64_t requests_per_client = 10;
  /// Lengths are uniform in [this x nominal, nominal]; empty: as the file or its source says.
  std::optional<double> shortest{};
  /// Substitutes for engine descriptions, by name: path of a description.
  std::map<std::string, std::string> engines{};
  std::string cost;    ///< "table:PATH", "pack:PATH"; empty: bundled packs and curves
  std::string device;  ///< of logs that do not say theirs
};

struct PlannedPoint {
  std::string why_not;  ///< empty: `scenario` is to be run
  Scenario scenario;
  std::string cost_key;  ///< points with equal keys share one assembly
  std::string note;      ///< what was approximated
  std::string doubt;     ///< why the measurement is in doubt (aiconfigurator-data section 3.3)
  std::string model, device, engine;  ///< names as Headroom spells them
};

/// Of a bundled model by name; unknown for others.
[[nodiscard]] ModelKind kind_of(const std::string& model);

[[nodiscard]] PlannedPoint plan_point(const ServingPoint& point, const BenchmarkHabits& habits);

/// "h100_sxm" -> "h100-sxm"; a name unknown to the catalogue stays as it is.
[[nodiscard]] std::string device_name_of(const std::string& text);
/// "nvidia/Llama-3.1-8B-Instruct-FP8" -> "llama-3.1-8b".
[[nodiscard]] std::string model_name_of(const std::string& text);

}  // namespace headroom
