// `headroom completion`: shell scripts from the option table.
#include <fmt/format.h>

#include <algorithm>

#include "reports/shell_word.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/cli/word_lists.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

bool takes_file(const OptionSpec& option) { return std::string_view(option.argument) == "FILE"; }

std::string option_words(const CommandSpec& command) {
  std::string out = "--help";
  for (const OptionSpec& option : command.options) out += std::string(" --") + option.name;
  return out;
}

/// First words of all commands, each once.
std::vector<std::string> first_words() {
  std::vector<std::string> words;
  for (const std::string& name : command_names()) {
    const std::string first = name.substr(0, name.find(' '));
    if (std::find(words.begin(), words.end(), first) == words.end()) words.push_back(first);
  }
  return words;
}

/// Second words of the commands that have them.
std::vector<std::string> second_words(const std::string& first) {
  std::vector<std::string> words;
  for (const std::string& name : command_names()) {
    if (name.rfind(first + " ", 0) == 0) words.push_back(name.substr(first.size() + 1));
  }
  return words;
}

std::string bash_script() {
  std::string out =
      "_headroom() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
      "  local command=${COMP_WORDS[1]} words=\n";
  out += fmt::format("  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    words='{} --help --version'\n",
                     fmt::join(first_words(), " "));
  out += "  else\n";
  for (const std::string& first : first_words()) {
    const std::vector<std::string> second = second_words(first);
    if (second.empty()) continue;
    out += fmt::format(
        "    if [ \"$command\" = {0} ] && [ \"$COMP_CWORD\" -eq 2 ]; then\n"
        "      COMPREPLY=($(compgen -W '{1}' -- \"$word\")); return\n    fi\n"
        "    [ \"$command\" = {0} ] && command=\"{0} ${{COMP_WORDS[2]}}\"\n",
        first, fmt::join(second, " "));
  }
  out += "    case \"$command\" in\n";
  for (const CommandSpec& command : command_table()) {
    out += fmt::format("      '{}')\n        case \"$before\" in\n", command.name);
    for (const OptionSpec& option : command.options) {
      if (option.words != nullptr) {
        out +=
            fmt::format("          --{}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n",
                        option.name, fmt::join(option.words(), " "));
      } else if (takes_file(option)) {
        out += fmt::format("          --{}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n",
                           option.name);
      } else if (*option.argument != '\0') {
        out += fmt::format("          --{}) return ;;\n", option.name);
      }
    }
    const std::string words =
        command.words == nullptr ? "" : fmt::format(" {}", fmt::join(command.words(), " "));
    out += fmt::format("        esac\n        words='{}{}' ;;\n", option_words(command), words);
  }
  out +=
      "    esac\n  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  case \"$command\" in run|trace*) COMPREPLY+=($(compgen -f -- \"$word\")) ;; esac\n"
      "}\ncomplete -o filenames -F _headroom headroom\n";
  return out;
}

std::string fish_script() {
  std::string out = "complete -c headroom -f\n";
  for (const std::string& first : first_words()) {
    const CommandSpec* command = find_command(first);
    out += fmt::format("complete -c headroom -n __fish_use_subcommand -a {} -d {}\n", first,
                       shell_quoted(command == nullptr ? "commands on traces" : command->summary));
    const std::vector<std::string> second = second_words(first);
    if (!second.empty()) {
      out += fmt::format("complete -c headroom -n '__fish_seen_subcommand_from {}' -a '{}'\n",
                         first, fmt::join(second, " "));
    }
  }
  for (const CommandSpec& command : command_table()) {
    const std::string name = command.name;
    const std::string last =
        name.substr(name.rfind(' ') == std::string::npos ? 0 : name.rfind(' ') + 1);
    const std::string when = fmt::format("-n '__fish_seen_subcommand_from {}'", last);
    if (command.words != nullptr) {
      out +=
          fmt::format("complete -c headroom {} -a '{}'\n", when, fmt::join(command.words(), " "));
    }
    if (name == "run" || name.rfind("trace", 0) == 0) {
      out += fmt::format("complete -c headroom {} -F\n", when);
    }
    for (const OptionSpec& option : command.options) {
      std::string value = *option.argument == '\0' ? "" : " -r";
      if (option.words != nullptr)
        value = fmt::format(" -x -a '{}'", fmt::join(option.words(), " "));
      if (takes_file(option)) value = " -r -F";
      out += fmt::format("complete -c headroom {} -l {}{} -d {}\n", when, option.name, value,
                         shell_quoted(option.help));
    }
  }
  return out;
}

/// One `_arguments` item: '--json[help]:FILE:_files'.
std::string zsh_option(const OptionSpec& option) {
  std::string help;
  for (const char c : std::string_view(option.help)) {
    if (c == '[' || c == ']' || c == ':') help += '\\';
    help += c;
  }
  const bool valued = *option.argument != '\0';
  std::string item = fmt::format("--{}{}[{}]", option.name, valued ? "=" : "", help);
  if (option.words != nullptr) {
    item += fmt::format(":{}:({})", option.argument, fmt::join(option.words(), " "));
  } else if (takes_file(option)) {
    item += ":FILE:_files";
  } else if (valued) {
    item += fmt::format(":{}:", option.argument);
  }
  if (option.times == OptionSpec::Times::many) item = "*" + item;
  return shell_quoted(item);
}

std::string zsh_script() {
  std::string out = "#compdef headroom\n_headroom() {\n  local command=$words[2]\n";
  out += fmt::format("  if (( CURRENT == 2 )); then\n    compadd -- {}\n    return\n  fi\n",
                     fmt::join(first_words(), " "));
  for (const std::string& first : first_words()) {
    const std::vector<std::string> second = second_words(first);
    if (second.empty()) continue;
    out += fmt::format(
        "  if [[ $command == {0} ]]; then\n    if (( CURRENT == 3 )); then\n"
        "      compadd -- {1}\n      return\n    fi\n"
        "    command=\"{0} $words[3]\"\n  fi\n",
        first, fmt::join(second, " "));
  }
  out += "  case \"$command\" in\n";
  for (const CommandSpec& command : command_table()) {
    out += fmt::format("    {}) _arguments '--help[print help]'", shell_quoted(command.name));
    for (const OptionSpec& option : command.options) out += " \\\n      " + zsh_option(option);
    if (command.words != nullptr) {
      out += fmt::format(" \\\n      '*:word:({})'", fmt::join(command.words(), " "));
    }
    out += " \\\n      '*:file:_files' ;;\n";
  }
  out += "  esac\n}\ncompdef _headroom headroom\n";
  return out;
}

}  // namespace

int command_completion(const Invocation& call) {
  const std::string& shell = call.arguments().front();
  if (shell == "bash") {
    print(bash_script());
  } else if (shell == "zsh") {
    print(zsh_script());
  } else if (shell == "fish") {
    print(fish_script());
  } else {
    throw InputError("headroom completion",
                     fmt::format("expected bash, zsh or fish, got {}{}", headroom::quoted(shell),
                                 did_you_mean(shell, shell_words())));
  }
  return kExitYes;
}

}  // namespace headroom
