// The words that options and arguments may take, from the registries that define them.
#pragma once

#include <string>
#include <vector>

namespace headroom {

[[nodiscard]] std::vector<std::string> batch_policy_words();
[[nodiscard]] std::vector<std::string> routing_policy_words();
[[nodiscard]] std::vector<std::string> list_topic_words();
[[nodiscard]] std::vector<std::string> help_topic_words();
[[nodiscard]] std::vector<std::string> shell_words();
[[nodiscard]] std::vector<std::string> trace_format_words();
[[nodiscard]] std::vector<std::string> bundled_scenario_words();

}  // namespace headroom
