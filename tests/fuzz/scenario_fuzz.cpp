// links: sim policies
// libFuzzer: any bytes are a scenario or exactly one InputError of one line. The first line may be
// an override.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sim/check.h"
#include "sim/scenario_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  headroom::ScenarioText input{"fuzz.json", text, {}};
  // "!path=value\n" in front is applied as --set.
  const std::size_t line = text.find('\n');
  const std::size_t equals = text.find('=');
  if (size > 0 && text[0] == '!' && line != std::string::npos && equals < line) {
    headroom::ScenarioOverride change;
    change.path = text.substr(1, equals - 1);
    change.value = text.substr(equals + 1, line - equals - 1);
    change.origin = "--set";
    input.text = text.substr(line + 1);
    input.overrides.push_back(change);
  }
  try {
    const headroom::LoadedScenario loaded = headroom::read_scenario(input);
    if (loaded.scenario.digest.size() != 16) std::abort();
  } catch (const headroom::InputError& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
  return 0;
}
