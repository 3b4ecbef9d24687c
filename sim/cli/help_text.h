// What `--help`, `headroom help` and `headroom man` print, from the option table.
#pragma once

#include <string>
#include <vector>

#include "sim/cli/option_table.h"

namespace headroom {

/// `headroom --help`: two examples first, then all commands.
[[nodiscard]] std::string program_help();
/// `headroom COMMAND --help`: two examples first, then its options.
[[nodiscard]] std::string command_help(const CommandSpec& command);
/// The manual page (troff, man macros).
[[nodiscard]] std::string manual_page();

struct ExitCodeLine {
  int code;
  const char* meaning;
};
/// Every exit code with its meaning.
[[nodiscard]] const std::vector<ExitCodeLine>& exit_code_table();
[[nodiscard]] std::string exit_code_help();

}  // namespace headroom
