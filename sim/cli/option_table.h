// Every command and option of the command line, as data.
//
// Law: this table is the only list of them. The parser, `--help`, completion, the man page and the
// nearest-name answers read it, so they cannot disagree.
// Not here: what a command does (one file each).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

class Invocation;

/// Words that may follow an option or stand for an argument.
using WordList = std::vector<std::string> (*)();

struct OptionSpec {
  const char* name;      ///< without the dashes
  const char* argument;  ///< what it takes, e.g. "FILE"; empty: nothing
  const char* help;
  const char* sets = "";  ///< dotted path of the scenario value it overrides; empty: none
  WordList words = nullptr;
  enum class Times { once, many } times = Times::once;
};

struct CommandExample {
  const char* line;
  const char* meaning;
};

struct CommandSpec {
  const char* name;       ///< "run", "trace info"
  const char* arguments;  ///< usage of positional arguments, e.g. "SCENARIO"
  std::size_t least_arguments;
  std::size_t most_arguments;
  const char* summary;                   ///< one line
  std::vector<CommandExample> examples;  ///< two
  std::vector<OptionSpec> options;
  int (*run)(const Invocation&);
  WordList words = nullptr;  ///< of the first argument
};

/// `headroom profile calibrate` (option_table_calibrate.cpp).
[[nodiscard]] CommandSpec calibrate_spec();

/// All commands, in the order of `headroom --help`.
[[nodiscard]] const std::vector<CommandSpec>& command_table();
/// Names of all commands.
[[nodiscard]] std::vector<std::string> command_names();
/// nullptr when there is none of this name.
[[nodiscard]] const CommandSpec* find_command(std::string_view name);
/// nullptr when the command has no such option.
[[nodiscard]] const OptionSpec* find_option(const CommandSpec& command, std::string_view name);

}  // namespace headroom
