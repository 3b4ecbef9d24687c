#include "sim/cli/word_lists.h"

#include <algorithm>

#include "sim/cli/option_table.h"
#include "sim/cli/scenario_files.h"
#include "sim/policy.h"
#include "sim/registry.h"
#include "traces/trace_reader.h"

namespace headroom {
namespace {

template <class Policy>
std::vector<std::string> policy_words() {
  std::vector<std::string> words;
  for (const auto& entry : PolicyRegistry<Policy>::instance().entries())
    words.push_back(entry.name);
  return words;
}

}  // namespace

std::vector<std::string> batch_policy_words() { return policy_words<BatchPolicy>(); }
std::vector<std::string> routing_policy_words() { return policy_words<RoutingPolicy>(); }

std::vector<std::string> list_topic_words() {
  return {"models",  "devices",   "engines",   "policies", "costs",
          "formats", "workloads", "scenarios", "edge"};
}

std::vector<std::string> help_topic_words() {
  std::vector<std::string> words = command_names();
  words.emplace_back("exit-codes");
  words.emplace_back("points");
  return words;
}

std::vector<std::string> shell_words() { return {"bash", "zsh", "fish"}; }

std::vector<std::string> trace_format_words() {
  std::vector<std::string> words{"auto"};
  for (const TraceFormat& format : trace_formats()) words.emplace_back(format.name);
  return words;
}

std::vector<std::string> bundled_scenario_words() {
  std::vector<std::string> words;
  for (const BundledScenario& scenario : bundled_scenarios()) words.push_back(scenario.name);
  return words;
}

}  // namespace headroom
