// One call of the program, checked against the option table.
//
// Law: a word that no table entry explains is an InputError naming the nearest; nothing is ignored.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/cli/option_table.h"

namespace headroom {

/// What a command was called with.
class Invocation {
 public:
  Invocation(const CommandSpec& command, std::vector<std::string> arguments,
             std::vector<std::pair<std::string, std::string>> options)
      : command_(command), arguments_(std::move(arguments)), options_(std::move(options)) {}
  [[nodiscard]] const CommandSpec& command() const { return command_; }
  /// Positional arguments, in order.
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }
  [[nodiscard]] bool has(std::string_view option) const;
  [[nodiscard]] std::optional<std::string> value(std::string_view option) const;
  /// Options as written, (name, value).
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& options() const {
    return options_;
  }

 private:
  const CommandSpec& command_;
  std::vector<std::string> arguments_;
  std::vector<std::pair<std::string, std::string>> options_;
};

/// Checks the words after the command's name. Throws InputError.
[[nodiscard]] Invocation parse_invocation(const CommandSpec& command,
                                          const std::vector<std::string>& words);

/// A whole number given to an option, from `least` to `most`. Throws InputError.
[[nodiscard]] std::int64_t whole_option(const Invocation& call, std::string_view option,
                                        std::int64_t least, std::int64_t most);

/// Threads that a call wants: --jobs, else all processors. Throws InputError.
[[nodiscard]] int jobs_of(const Invocation& call);

/// Whether one of these options names stdout, which then holds that document alone.
[[nodiscard]] bool takes_stdout(const Invocation& call, std::initializer_list<const char*> options);

/// That no two of these options write to one place, stdout included, and none to a file without a
/// name. To be asked before anything is written. Throws InputError.
void check_places(const Invocation& call, std::initializer_list<const char*> options);

/// Runs one call of the program; `words` are argv without the program's name. Returns the exit
/// code; reports bad input as one line on stderr.
[[nodiscard]] int run_program(const std::vector<std::string>& words);

}  // namespace headroom
