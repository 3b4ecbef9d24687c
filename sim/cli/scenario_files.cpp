#include "sim/cli/scenario_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "reports/text_layout.h"
#include "sim/check.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

/// The folder of bundled scenarios: beside this source where it still stands, else beside the
/// program.
fs::path scenario_folder() {
  std::error_code error;
  const fs::path beside_source = fs::path(__FILE__).parent_path() / "scenarios";
  if (fs::is_directory(beside_source, error)) return beside_source;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  while (!error && folder.has_relative_path()) {
    for (const char* inside : {"share/headroom/scenarios", "sim/cli/scenarios"}) {
      if (fs::is_directory(folder / inside, error)) return folder / inside;
      error.clear();
    }
    folder = folder.parent_path();
  }
  return {};
}

/// The path behind a scenario argument.
std::string resolve_scenario(const std::string& name) {
  std::error_code error;
  if (name == "-" || fs::exists(name, error)) return name;
  std::vector<std::string> names;
  for (const BundledScenario& bundled : bundled_scenarios()) {
    if (bundled.name == name) return bundled.path;
    names.push_back(bundled.name);
  }
  throw InputError(
      printable(name),
      fmt::format("expected a scenario file or a bundled scenario ({}), got neither{}",
                  fmt::join(names, ", "),
                  names.empty() || nearest_name(name, names).empty() ? "; check the path"
                                                                     : did_you_mean(name, names)));
}

void add_set(std::vector<ScenarioOverride>& changes, const std::string& text, ValueSource source,
             const std::string& flag) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(flag, fmt::format("expected KEY=VALUE such as seed=7, got {}; add the value",
                                       headroom::quoted(text)));
  }
  const std::string path = text.substr(0, equals);
  changes.push_back(
      {path, text.substr(equals + 1), source, flag + " " + printable(path), OverrideForm::guess});
}

/// HEADROOM_SET: KEY=VALUE separated by semicolons.
void add_environment(std::vector<ScenarioOverride>& changes) {
  const char* text = std::getenv("HEADROOM_SET");
  if (text == nullptr) return;
  const std::string all = text;
  std::size_t begin = 0;
  while (begin < all.size()) {
    const std::size_t end = std::min(all.find(';', begin), all.size());
    if (end > begin) {
      add_set(changes, all.substr(begin, end - begin), ValueSource::environment, "HEADROOM_SET");
    }
    begin = end + 1;
  }
}

void add_option(std::vector<ScenarioOverride>& changes, const CommandSpec& command,
                const std::string& name, const std::string& text) {
  const std::string flag = "--" + name;
  const ValueSource source = ValueSource::command_line;
  if (name == "set") return add_set(changes, text, source, flag);
  if (name == "window") {
    const WindowTexts window = split_window(text, flag);
    if (!window.start.empty()) {
      changes.push_back({"workload.window_start", window.start, source, flag, OverrideForm::text});
    }
    if (!window.end.empty()) {
      changes.push_back({"workload.window_end", window.end, source, flag, OverrideForm::text});
    }
    return;
  }
  const OptionSpec* option = find_option(command, name);
  if (option == nullptr || *option->sets == '\0') return;
  const std::string_view kind = option->argument;
  const bool number = kind == "N" || kind == "X";
  changes.push_back(
      {option->sets, text, source, flag, number ? OverrideForm::guess : OverrideForm::text});
}

/// The scenario that the first argument names, with those options of the call that `takes` takes.
template <class Takes>
ScenarioText text_with(const Invocation& call, const Takes& takes) {
  const std::string& name = call.arguments().front();
  const std::string path = resolve_scenario(name);
  ScenarioText input;
  input.file = path == "-" ? "standard input" : name;
  input.text = read_text_file(path);
  add_environment(input.overrides);
  for (const auto& [option, text] : call.options()) {
    if (takes(option)) add_option(input.overrides, call.command(), option, text);
  }
  return input;
}

}  // namespace

const std::vector<BundledScenario>& bundled_scenarios() {
  static const std::vector<BundledScenario> kFound = [] {
    std::vector<BundledScenario> found;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(scenario_folder(), error)) {
      if (entry.path().extension() == ".json") {
        found.push_back({entry.path().stem().string(), entry.path().string()});
      }
    }
    std::sort(found.begin(), found.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return found;
  }();
  return kFound;
}

WindowTexts split_window(const std::string& text, const std::string& where) {
  const std::size_t dots = text.find("..");
  if (dots == std::string::npos || text.size() == 2) {
    throw InputError(where, fmt::format("expected A..B such as \"10 min..20 min\", got {}; write "
                                        "both ends with units",
                                        headroom::quoted(text)));
  }
  return {text.substr(0, dots), text.substr(dots + 2)};
}

ScenarioText scenario_text_without_sets(const Invocation& call) {
  return text_with(call, [](const std::string& option) { return option != "set"; });
}

ScenarioText scenario_text(const Invocation& call) {
  return text_with(call, [](const std::string&) { return true; });
}

LoadedScenario load_scenario(const Invocation& call) {
  const ScenarioText input = scenario_text(call);
  if (is_edge_scenario(input)) {
    throw InputError(input.file,
                     "expected a scenario of a serving system, got one of edge sites; use headroom "
                     "run or headroom edge compare");
  }
  return read_scenario(input);
}

}  // namespace headroom
