#include "sim/cli/help_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/cli/exit_codes.h"

namespace headroom {
namespace {

constexpr std::size_t kColumns = 80;

std::string examples_text(const std::vector<CommandExample>& examples) {
  std::string out = "Examples:\n";
  for (const CommandExample& example : examples) {
    out += fmt::format("  {}\n      {}\n", example.line, example.meaning);
  }
  return out;
}

std::string option_head(const OptionSpec& option) {
  std::string head = std::string("--") + option.name;
  if (*option.argument != '\0') head += std::string(" ") + option.argument;
  return head;
}

/// `text` in lines that fit beside a left column of `indent`.
std::string wrapped_text(const std::string& text, std::size_t indent) {
  std::string out;
  std::size_t column = indent;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::size_t length = end - begin;
    if (column != indent && column + 1 + length > kColumns) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column != indent) {
      out += ' ';
      ++column;
    }
    out += text.substr(begin, length);
    column += length;
    begin = end + 1;
  }
  return out;
}

std::string full_help(const OptionSpec& option) {
  std::string help = option.help;
  if (*option.sets != '\0') help += fmt::format(" [{}]", option.sets);
  if (option.times == OptionSpec::Times::many) help += "; may be repeated";
  return help;
}

}  // namespace

std::string program_help() {
  std::string out = examples_text(
      {{"headroom run quickstart", "a bundled scenario: latency, service levels, cost"},
       {"headroom run my.json --rate \"20 /s\" --json report.json", "a what-if on your own"}});
  out += "\nHeadroom simulates AI serving clusters and says what they hold and cost.\n";
  out += "\nUsage: headroom COMMAND [OPTIONS]\n\nCommands:\n";
  for (const CommandSpec& command : command_table()) {
    out += fmt::format("  {:<18}{}\n", command.name, command.summary);
  }
  out +=
      "\n`headroom COMMAND --help` lists a command's options, `headroom help exit-codes`\n"
      "what exit codes mean.\n";
  return out;
}

std::string command_help(const CommandSpec& command) {
  std::string out = examples_text(command.examples);
  out += fmt::format("\n{}: {}\n", command.name, command.summary);
  const std::string options = command.options.empty() ? "" : " [OPTIONS]";
  const std::string arguments =
      *command.arguments == '\0' ? "" : std::string(" ") + command.arguments;
  out += fmt::format("\nUsage: headroom {}{}{}\n", command.name, arguments, options);
  if (command.words != nullptr) {
    constexpr std::size_t kIndent = 2;
    const std::string words = fmt::format("{}", fmt::join(command.words(), " "));
    out += fmt::format("\n{} is one of:\n  {}\n", command.arguments, wrapped_text(words, kIndent));
    if (std::string_view(command.arguments) == "SCENARIO") {
      out += "or the path of a scenario file, or - for stdin.\n";
    }
  }
  constexpr std::size_t kIndent = 26;
  if (!command.options.empty()) out += "\nOptions:\n";
  for (const OptionSpec& option : command.options) {
    out +=
        fmt::format("  {:<24}{}\n", option_head(option), wrapped_text(full_help(option), kIndent));
  }
  return out;
}

const std::vector<ExitCodeLine>& exit_code_table() {
  static const std::vector<ExitCodeLine> kTable = {
      {kExitYes, "yes: it ran, and service levels are met where any are asked for"},
      {kExitNo, "the answer is no: a service level is missed, or the model does not fit"},
      {kExitBadInput, "bad input or usage; one line on stderr says where, and what to do"},
      {kExitNoAnswer, "no answer: nothing finished, something is missing or not comparable"},
      {kExitInterrupted, "interrupted by Ctrl-C; no file was written"},
      {134, "Headroom or a policy broke a law of the simulation; please report it"},
  };
  return kTable;
}

std::string exit_code_help() {
  std::string out = "Exit codes:\n";
  for (const ExitCodeLine& line : exit_code_table()) {
    out += fmt::format("  {:>3}  {}\n", line.code, line.meaning);
  }
  return out;
}

namespace {

std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return !out.empty() && (out.front() == '.' || out.front() == '\'') ? "\\&" + out : out;
}

}  // namespace

std::string manual_page() {
  std::string out =
      ".TH HEADROOM 1\n.SH NAME\nheadroom \\- capacity planner and simulator for AI "
      "serving clusters\n.SH SYNOPSIS\n.B headroom\n.I COMMAND\n.RI [ OPTIONS ]\n"
      ".SH COMMANDS\n";
  for (const CommandSpec& command : command_table()) {
    out += fmt::format(".SS headroom {} {}\n{}.\n", troff(command.name), troff(command.arguments),
                       troff(command.summary));
    for (const OptionSpec& option : command.options) {
      out += fmt::format(".TP\n.B {}\n{}\n", troff(option_head(option)), troff(full_help(option)));
    }
    for (const CommandExample& example : command.examples) {
      out += fmt::format(".PP\nExample: {}\n.RS\n{}\n.RE\n", troff(example.meaning),
                         troff(example.line));
    }
  }
  out += ".SH EXIT STATUS\n";
  for (const ExitCodeLine& line : exit_code_table()) {
    out += fmt::format(".TP\n.B {}\n{}\n", line.code, troff(line.meaning));
  }
  out +=
      ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nno colour when set to anything\n.TP\n.B HEADROOM_SET\n"
      "values to set in every scenario, KEY=VALUE separated by semicolons; the command line wins\n";
  return out;
}

}  // namespace headroom
