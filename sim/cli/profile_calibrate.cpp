// headroom profile calibrate: measures a serving system from outside and writes its costs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "models/engine.h"
#include "profiles/calibrate_files.h"
#include "profiles/calibrate_http.h"
#include "profiles/calibrate_journal.h"
#include "reports/output_file.h"
#include "sim/check.h"
#include "sim/cli/commands.h"
#include "sim/cli/exit_codes.h"
#include "sim/cli/terminal.h"
#include "sim/cli/text_digest.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr const char* kName = "headroom profile calibrate";
/// Beyond these a list is a slip of the finger, and not polite.
constexpr std::int64_t kMostLevel = 1024;
constexpr std::int64_t kMostPrompt = 1'000'000;

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

/// "1,2,4": whole numbers, sorted, each once.
std::vector<std::int64_t> list_option(const Invocation& call, const char* option, std::int64_t most,
                                      std::vector<std::int64_t> otherwise) {
  const std::optional<std::string> text = call.value(option);
  if (!text) return otherwise;
  std::vector<std::int64_t> values;
  std::size_t from = 0;
  while (true) {
    const std::size_t comma = std::min(text->find(',', from), text->size());
    values.push_back(
        parse_integer(text->substr(from, comma - from), 1, most, std::string("--") + option));
    if (comma == text->size()) break;
    from = comma + 1;
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// Levels to check the fit with: those asked for, else the defaults that lie between fitted ones.
void set_held_out(const Invocation& call, CalibrationSettings& settings) {
  const std::vector<std::int64_t>& levels = settings.levels;
  const auto fitted = [&levels](std::int64_t level) {
    return std::find(levels.begin(), levels.end(), level) != levels.end();
  };
  if (call.value("hold-out").value_or("") == "none") {
    settings.held_out.clear();
    return;
  }
  if (!call.has("hold-out")) {
    std::erase_if(settings.held_out, [&](std::int64_t level) {
      return fitted(level) || level < levels.front() || level > levels.back();
    });
    return;
  }
  settings.held_out = list_option(call, "hold-out", kMostLevel, {});
  for (const std::int64_t level : settings.held_out)
    if (fitted(level))
      throw InputError("--hold-out",
                       fmt::format("expected levels that --concurrency does not fit, got {}; take "
                                   "it out of one of them",
                                   level));
}

CalibrationSettings settings_of(const Invocation& call) {
  CalibrationSettings settings;
  settings.levels = list_option(call, "concurrency", kMostLevel, settings.levels);
  settings.prompts = list_option(call, "prompts", kMostPrompt, settings.prompts);
  settings.contexts = list_option(call, "contexts", kMostPrompt, settings.contexts);
  if (settings.prompts.size() < 2)
    throw InputError("--prompts",
                     "expected at least two lengths, got one; a line takes two points");
  set_held_out(call, settings);
  constexpr std::int64_t kLeastTokens = 8;  // a window of steps, and what surrounds it
  if (call.has("tokens")) settings.tokens = whole_option(call, "tokens", kLeastTokens, 4096);
  if (call.has("rounds")) settings.rounds = static_cast<int>(whole_option(call, "rounds", 1, 100));
  if (call.has("late")) settings.late = static_cast<int>(whole_option(call, "late", 1, 100));
  if (call.has("seed"))
    settings.seed =
        static_cast<std::uint64_t>(whole_option(call, "seed", 0, std::int64_t{1} << 40));
  return settings;
}

HttpServerOptions server_of(const Invocation& call, const CalibrationSettings& settings) {
  HttpServerOptions options;
  if (!call.has("url"))
    throw InputError("--url",
                     "expected the address of a server, got none; add --url "
                     "http://HOST:PORT");
  options.url = completions_url(*call.value("url"), "--url");
  options.model = call.value("model").value_or("");
  options.fields = call.value("fields").value_or("");
  if (const auto variable = call.value("key-variable")) {
    const char* key = std::getenv(variable->c_str());
    if (key == nullptr)
      throw InputError("--key-variable", "expected the name of an environment variable, got " +
                                             headroom::quoted(*variable) +
                                             ", which is not set; export it");
    options.api_key = key;
  }
  if (call.has("request-seconds"))
    options.request_s = static_cast<double>(whole_option(call, "request-seconds", 1, 86'400));
  if (call.has("most-seconds"))
    options.all_s = static_cast<double>(whole_option(call, "most-seconds", 1, 604'800));
  // Other words each time: a server that keeps prompts' prefixes has not seen them.
  options.seed = settings.seed ^ static_cast<std::uint64_t>(
                                     std::chrono::system_clock::now().time_since_epoch().count());
  options.stop = &interrupted();
  return options;
}

std::string load_text(const CalibrationSettings& settings) {
  const CalibrationLoad load = load_of(settings);
  return fmt::format(
      "{} requests, at most {} at a time; about {} tokens of prompts and {} of answers",
      load.requests, load.most_together, load.prompt_tokens, load.output_tokens);
}

int no_answer(const std::string& why) {
  complain(std::string(kName) + ": " + why);
  return kExitNoAnswer;
}

/// Digests: no file holds the server's address.
std::string identity_of(const CalibrationSettings& settings, const HttpServerOptions& options,
                        const std::string& model) {
  return fmt::format("model {} at {}, {}, fields {}", text_digest(model), text_digest(options.url),
                     describe(settings), text_digest(options.fields));
}

/// All experiments, those of earlier calls from disk. Nothing, said to the user, when it was
/// stopped or the server failed; what was answered is kept then.
std::optional<CalibrationObservations> observe(const Invocation& call, RecordedServer& server,
                                               const CalibrationSettings& settings, int& code) {
  if (server.kept() > 0 && !call.has("quiet"))
    complain(
        fmt::format("{}: going on after {} experiments of an earlier call; delete {} to begin "
                    "anew",
                    kName, server.kept(), server.path()));
  const auto before = static_cast<std::int64_t>(server.kept());
  const auto kept = [&server]() -> std::string {
    if (server.kept() == 0) return {};
    return fmt::format("; {} experiments are kept in {}: run the same command again to go on",
                       server.kept(), server.path());
  };
  try {
    ProgressLine line("calibrating", "experiments", call.has("quiet"));
    auto seen = observe_server(server, settings, [&](const CalibrationProgress& at) {
      // Answers from disk take no time: they say nothing about the time that is left.
      if (at.done < before) return;
      line.show(static_cast<std::size_t>(at.done), static_cast<std::size_t>(at.all));
    });
    if (seen) return seen;
  } catch (const ServerFailure& failure) {
    code = no_answer(failure.what() + kept());
    return std::nullopt;
  }
  complain(std::string(kName) + ": interrupted" + kept());
  code = kExitInterrupted;
  return std::nullopt;
}

/// Result files, opened before the server is asked for anything.
struct Outputs {
  explicit Outputs(const std::string& name)
      : cost(name + ".cost.json"), engine(name + ".engine.json") {}
  OutputFile cost, engine;
};

int write_results(const CalibratedServer& fitted, const CalibrationOrigin& origin,
                  Outputs& outputs) {
  outputs.cost.write(cost_file(fitted, origin));
  outputs.engine.write(engine_file(fitted, origin));
  outputs.cost.commit();
  outputs.engine.commit();
  print(calibration_text(fitted, origin));
  print(fmt::format(
      "Written: {} and {}. In a deployment of a scenario:\n"
      "  \"cost\": \"calibrated:{}\", \"engine\": \"{}\"\n",
      outputs.cost.path(), outputs.engine.path(), outputs.cost.path(), outputs.engine.path()));
  return kExitYes;
}

}  // namespace

int command_profile_calibrate(const Invocation& call) {
  const CalibrationSettings settings = settings_of(call);
  const HttpServerOptions options = server_of(call, settings);
  CalibrationOrigin origin;
  origin.base_engine = call.value("engine").value_or("vllm");
  static_cast<void>(find_engine(origin.base_engine, "--engine"));
  if (call.has("list")) {
    print(load_text(settings) + "\n");
    return kExitYes;
  }
  watch_interrupts();
  const std::string name = call.value("output").value_or("calibrated");
  Outputs outputs(name);
  if (!call.has("quiet"))
    complain(std::string(kName) + ": sending " + load_text(settings) + "; Ctrl-C ends it");
  HttpServer server(options);
  try {
    if (!probe_server(server, settings)) {
      complain(std::string(kName) + ": interrupted; nothing written");
      return kExitInterrupted;
    }
  } catch (const ServerFailure& failure) {
    throw InputError("", failure.what());
  }
  RecordedServer recorded(server, name + ".calibrating",
                          identity_of(settings, options, server.model()));
  int code = kExitYes;
  const auto seen = observe(call, recorded, settings, code);
  if (!seen) return code;
  std::optional<CalibratedServer> fitted;
  try {
    fitted = fit_server(*seen, settings.seed);
  } catch (const InputError& error) {
    recorded.remove();
    return no_answer(error.what());
  }
  origin.model = server.model();
  origin.date = today();
  origin.tool = std::string("headroom ") + kVersion;
  origin.requests = seen->requests;
  code = write_results(*fitted, origin, outputs);
  recorded.remove();
  return code;
}

}  // namespace headroom
