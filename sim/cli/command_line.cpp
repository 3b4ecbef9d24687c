#include "sim/cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <thread>

#include "sim/check.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/help_text.h"
#include "sim/cli/terminal.h"
#include "sim/quantity_text.h"

namespace po = boost::program_options;

namespace headroom {

bool Invocation::has(std::string_view option) const {
  return std::any_of(options_.begin(), options_.end(),
                     [&](const auto& entry) { return entry.first == option; });
}

std::optional<std::string> Invocation::value(std::string_view option) const {
  for (const auto& [name, text] : options_) {
    if (name == option) return text;
  }
  return std::nullopt;
}

std::int64_t whole_option(const Invocation& call, std::string_view option, std::int64_t least,
                          std::int64_t most) {
  return parse_integer(call.value(option).value_or(""), least, most, "--" + std::string(option));
}

int jobs_of(const Invocation& call) {
  if (call.has("jobs")) return static_cast<int>(whole_option(call, "jobs", 1, 1024));
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

bool takes_stdout(const Invocation& call, std::initializer_list<const char*> options) {
  return std::any_of(options.begin(), options.end(),
                     [&](const char* option) { return call.value(option) == "-"; });
}

void check_places(const Invocation& call, std::initializer_list<const char*> options) {
  std::vector<std::string> seen;
  for (const char* option : options) {
    const std::optional<std::string> path = call.value(option);
    if (!path) continue;
    const std::string where = std::string("--") + option;
    if (path->empty()) {
      throw InputError(where, "expected the path of a file, got nothing; name one");
    }
    if (std::find(seen.begin(), seen.end(), *path) != seen.end()) {
      throw InputError(where, *path == "-"
                                  ? "expected one document on stdout, got two; name a file"
                                  : "expected a place of its own, got one that another option "
                                    "writes to; name another");
    }
    seen.push_back(*path);
  }
}

namespace {

const char* const kArguments = "(argument)";

po::options_description boost_options(const CommandSpec& command) {
  po::options_description out;
  for (const OptionSpec& option : command.options) {
    if (*option.argument == '\0') {
      out.add_options()(option.name, option.help);
    } else {
      out.add_options()(option.name, po::value<std::string>(), option.help);
    }
  }
  out.add_options()("help", "print this help");
  out.add_options()(kArguments, po::value<std::vector<std::string>>());
  return out;
}

[[noreturn]] void unknown_option(const CommandSpec& command, const std::string& written) {
  std::vector<std::string> names{"help"};
  for (const OptionSpec& option : command.options) names.emplace_back(option.name);
  const std::string bare = written.substr(std::min(written.find_first_not_of('-'), written.size()));
  const std::string nearest = nearest_name(bare, names);
  throw InputError(
      "headroom " + std::string(command.name),
      fmt::format("expected a known option, got {}; {}", headroom::quoted(written),
                  nearest.empty() ? fmt::format("see `headroom {} --help`", command.name)
                                  : "did you mean \"--" + nearest + "\"?"));
}

std::vector<po::option> split_words(const CommandSpec& command,
                                    const std::vector<std::string>& words) {
  const po::options_description known = boost_options(command);
  po::positional_options_description positions;
  positions.add(kArguments, -1);
  using Style = po::command_line_style::style_t;
  const int style = Style::allow_long | Style::long_allow_adjacent | Style::long_allow_next;
  const std::string place = "headroom " + std::string(command.name);
  try {
    return po::command_line_parser(words)
        .options(known)
        .positional(positions)
        .style(style)
        .run()
        .options;
  } catch (const po::unknown_option& error) {
    unknown_option(command, error.get_option_name());
  } catch (const po::invalid_command_line_syntax& error) {
    throw InputError(
        place,
        fmt::format("expected {} {}, got something else; see `headroom {} --help`",
                    error.get_option_name(),
                    error.kind() == po::invalid_syntax::extra_parameter ? "without a value"
                                                                        : "followed by a value",
                    command.name));
  } catch (const po::error& error) {
    throw InputError(place, fmt::format("expected options as in `headroom {} --help`, got: {}",
                                        command.name, error.what()));
  }
}

void check_arguments(const CommandSpec& command, const std::vector<std::string>& arguments) {
  const std::string place = "headroom " + std::string(command.name);
  if (arguments.size() < command.least_arguments) {
    throw InputError(place, fmt::format("expected {}, got nothing; see `headroom {} --help`",
                                        command.arguments, command.name));
  }
  if (arguments.size() > command.most_arguments) {
    throw InputError(place,
                     fmt::format("expected {}, got {} besides; remove it",
                                 *command.arguments == '\0' ? "no argument" : command.arguments,
                                 headroom::quoted(arguments[command.most_arguments])));
  }
}

}  // namespace

Invocation parse_invocation(const CommandSpec& command, const std::vector<std::string>& words) {
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> options;
  for (const po::option& part : split_words(command, words)) {
    if (part.string_key == kArguments || part.position_key >= 0) {
      for (const std::string& value : part.value) {
        // A lone dash is standard input; any other word with one is a mistyped option.
        if (value.size() > 1 && value.front() == '-') unknown_option(command, value);
        arguments.push_back(value);
      }
      continue;
    }
    const OptionSpec* option = find_option(command, part.string_key);
    const bool again = std::any_of(options.begin(), options.end(), [&](const auto& entry) {
      return entry.first == part.string_key;
    });
    if (again && (option == nullptr || option->times == OptionSpec::Times::once)) {
      throw InputError("--" + part.string_key,
                       "expected this option once, got it twice; remove one");
    }
    options.emplace_back(part.string_key, part.value.empty() ? "" : part.value.front());
  }
  Invocation call(command, std::move(arguments), std::move(options));
  if (!call.has("help")) check_arguments(command, call.arguments());
  return call;
}

namespace {

/// The command that the first one or two words name, and how many words that took.
std::pair<const CommandSpec*, std::size_t> named_command(const std::vector<std::string>& words) {
  if (words.size() >= 2) {
    if (const CommandSpec* command = find_command(words[0] + " " + words[1])) return {command, 2};
  }
  if (const CommandSpec* command = find_command(words[0])) return {command, 1};
  return {nullptr, 0};
}

/// Whether commands such as "word info" exist.
bool names_group(const std::string& word) {
  const std::vector<std::string> names = command_names();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name.rfind(word + " ", 0) == 0; });
}

bool asks_for_help(const std::string& word) { return word == "--help" || word == "-h"; }

[[noreturn]] void unknown_command(const std::vector<std::string>& words) {
  std::string written = words[0];
  const std::vector<std::string> names = command_names();
  if (names_group(written) && words.size() > 1) written += " " + words[1];
  const std::string nearest = nearest_name(written, names);
  throw InputError("headroom",
                   fmt::format("expected a command ({}), got {}; {}", fmt::join(names, ", "),
                               headroom::quoted(written),
                               nearest.empty() ? "see `headroom --help`"
                                               : "did you mean \"headroom " + nearest + "\"?"));
}

int dispatch(const std::vector<std::string>& words) {
  if (words.empty()) {
    throw InputError("headroom", "expected a command, got nothing; see `headroom --help`");
  }
  const bool group_help = words.size() == 2 && asks_for_help(words[1]) && names_group(words[0]);
  if (asks_for_help(words[0]) || (group_help && find_command(words[0]) == nullptr)) {
    print(program_help());
    return kExitYes;
  }
  std::vector<std::string> rest = words;
  if (words[0] == "--version") rest[0] = "version";
  const auto [command, taken] = named_command(rest);
  if (command == nullptr) unknown_command(rest);
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(taken));
  for (std::string& word : rest) {
    if (asks_for_help(word)) word = "--help";
  }
  const Invocation call = parse_invocation(*command, rest);
  if (call.has("help")) {
    print(command_help(*command));
    return kExitYes;
  }
  return command->run(call);
}

}  // namespace

int run_program(const std::vector<std::string>& words) {
  try {
    const int code = dispatch(words);
    finish_output();
    return code;
  } catch (const InputError& error) {
    complain(error.what());
    return kExitBadInput;
  } catch (const std::bad_alloc&) {
    complain("headroom: expected enough memory for this input, got too little; shorten it");
    return kExitBadInput;
  }
}

}  // namespace headroom
