// From text to `Scenario`: one JSON file (comments allowed), overrides on top, every value checked.
//
// Law: any bytes give a scenario within its bounds or exactly one InputError naming place,
// expectation, finding, remedy.
// Law: the digest depends on the effective values alone, not on their order, layout, comments or
// who set them.
// Cost: load time only.
// Not here: whether models, devices, engines and traces exist (sim/cli/assemble.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/json_cursor.h"
#include "sim/scenario.h"
#include "sim/scenario_json.h"

namespace headroom {

/// How the text of an override is understood.
enum class OverrideForm : std::uint8_t {
  guess,  ///< JSON where it is JSON, else a text
  text,   ///< always a text
};

/// `path=value` from outside the file. `path=null` takes the key out.
struct ScenarioOverride {
  /// Dotted; lists by index, by "name", or "*" for all; a list of one may be skipped.
  std::string path;
  std::string value;
  ValueSource source = ValueSource::command_line;
  std::string origin;  ///< named in errors, e.g. "--seed"
  OverrideForm form = OverrideForm::guess;
};

struct ScenarioText {
  std::string file;  ///< named in errors
  std::string text;
  std::vector<ScenarioOverride> overrides{};  ///< applied in order
};

struct LoadedScenario {
  Scenario scenario;
  std::vector<ExplainedValue> values;  ///< every value with its source, in the order of the schema
  std::string document;                ///< as read, overrides on top: reads to the same scenario
};

/// Reads and checks. Throws InputError.
[[nodiscard]] LoadedScenario read_scenario(const ScenarioText& input);

/// The JSON Schema (draft 2020-12) of what `read_scenario` accepts, from the same field table.
[[nodiscard]] std::string scenario_schema();

/// A whole text file, "-" for standard input, up to kMaxScenarioBytes. Throws InputError.
[[nodiscard]] std::string read_text_file(const std::string& path);

/// Applies one override to a parsed scenario. Throws InputError when the path leads nowhere.
void apply_override(JsonNode& root, const ScenarioOverride& change);

}  // namespace headroom
