// `headroom help`, `version`, `man` and `schema`: text about the program itself.
#include <fmt/format.h>

#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/help_text.h"
#include "sim/cli/licenses.h"
#include "sim/cli/terminal.h"
#include "sim/cli/word_lists.h"
#include "sim/edge_scenario_reader.h"
#include "sim/quantity_text.h"
#include "sim/scenario_reader.h"
#include "traces/serving_points.h"

namespace headroom {

const char* const kVersion = "0.1.0";

namespace {

/// What `headroom validate` reads, the columns of our own CSV one by one.
std::string point_help() {
  std::string text =
      "Measured serving points for `headroom validate`: CSV with a header, one benchmark run a "
      "line,\n"
      "columns in any order. A closed loop: each client sends its next request when the last "
      "ends.\n\n";
  for (const PointColumn& column : point_columns()) {
    text += fmt::format("  {:<24}{}{}\n", column.name, column.required ? "" : "(may be left out) ",
                        column.meaning);
  }
  return text +
         "\nAlso read, told by their columns or names: AIConfigurator's silicon sample and "
         "forward\n"
         "passes, inference-perf tables (CSV); LLMServingSim's request logs (requests.jsonl with\n"
         "meta.json beside it); BLIS TraceV2 (the header's *.yaml with the CSV of requests beside "
         "it).\n";
}

}  // namespace

int command_help(const Invocation& call) {
  if (call.arguments().empty()) {
    print(program_help());
    return kExitYes;
  }
  std::string topic = call.arguments().front();
  for (std::size_t i = 1; i < call.arguments().size(); ++i) topic += " " + call.arguments()[i];
  if (topic == "exit-codes") {
    print(exit_code_help());
  } else if (topic == "points") {
    print(point_help());
  } else if (const CommandSpec* command = find_command(topic); command != nullptr) {
    print(command_help(*command));
  } else {
    const std::vector<std::string> topics = help_topic_words();
    throw InputError("headroom help",
                     fmt::format("expected a topic ({}), got {}{}", fmt::join(topics, ", "),
                                 headroom::quoted(topic), did_you_mean(topic, topics)));
  }
  return kExitYes;
}

int command_version(const Invocation& call) {
  print(call.has("licenses") ? licenses_text() : fmt::format("headroom {}\n", kVersion));
  return kExitYes;
}

int command_man(const Invocation&) {
  print(manual_page());
  return kExitYes;
}

int command_schema(const Invocation& call) {
  if (call.arguments().empty()) {
    print(scenario_schema());
    return kExitYes;
  }
  const std::string& kind = call.arguments().front();
  if (kind != "edge") {
    throw InputError("headroom schema", "expected edge or nothing, got " + headroom::quoted(kind) +
                                            "; `headroom schema edge` is for edge sites");
  }
  print(edge_scenario_schema());
  return kExitYes;
}

}  // namespace headroom
