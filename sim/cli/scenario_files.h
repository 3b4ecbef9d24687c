// Where scenarios come from: a path, standard input, or the name of a bundled one; and the options
// on top.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/command_line.h"
#include "sim/scenario_reader.h"

namespace headroom {

struct BundledScenario {
  std::string name;  ///< "quickstart"
  std::string path;
};

/// Scenarios that come with the program, sorted by name; empty where its folder is gone.
[[nodiscard]] const std::vector<BundledScenario>& bundled_scenarios();

/// The text of the scenario that the first argument names, with HEADROOM_SET and the call's options
/// as overrides. Throws InputError.
[[nodiscard]] ScenarioText scenario_text(const Invocation& call);

/// The same without the call's --set options, for commands that give them another meaning.
[[nodiscard]] ScenarioText scenario_text_without_sets(const Invocation& call);

/// Reads the scenario that the first argument names, with HEADROOM_SET and the call's options on
/// top. Throws InputError.
[[nodiscard]] LoadedScenario load_scenario(const Invocation& call);

/// Splits "A..B" ("10 min..20 min"; either side may be left out). Throws InputError{where}.
struct WindowTexts {
  std::string start, end;
};
[[nodiscard]] WindowTexts split_window(const std::string& text, const std::string& where);

}  // namespace headroom
