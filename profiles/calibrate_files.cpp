#include "profiles/calibrate_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace headroom {
namespace {

std::string text_of(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    // Names come from the server: no byte of theirs may break a file or a terminal.
    result += (c >= ' ' && c <= '~') ? c : '?';
  }
  return result + '"';
}

double ns(double seconds) { return seconds * 1e9; }

std::string figure(const FittedValue& value) {
  return fmt::format("{{\"value\": {}, \"low\": {}, \"high\": {}}}", ns(value.value), ns(value.low),
                     ns(value.high));
}

std::string levels_of(const CalibratedServer& server) {
  std::string list;
  for (const CalibratedLevel& level : server.levels)
    list += fmt::format("{}{{\"decodes\": {}, \"base_ns\": {}, \"low_ns\": {}, \"high_ns\": {}}}",
                        list.empty() ? "" : ", ", level.decodes, ns(level.base.value),
                        ns(level.base.low), ns(level.base.high));
  return "[" + list + "]";
}

std::string held_out_of(const CalibratedServer& server) {
  std::string list;
  for (const HeldOutStep& step : server.held_out)
    list += fmt::format(
        "{}\n    {{\"decodes\": {}, \"context\": {}, \"measured_ns\": {}, \"predicted_ns\": {}}}",
        list.empty() ? "" : ",", step.decodes, step.context, ns(step.measured_s),
        ns(step.predicted_s));
  return "[" + list + (list.empty() ? "]" : "\n  ]");
}

std::string joined_notes(const CalibratedServer& server) {
  std::string all;
  for (const std::string& note : server.notes) all += (all.empty() ? "" : " ") + note;
  return all;
}

/// Beyond this a held-out concurrency is not what its neighbours say.
constexpr double kPoor = 0.15;

/// "8.01 ms", "2.00 us".
std::string time_text(double seconds) {
  constexpr double kMilli = 1e-3, kMicro = 1e-6;
  if (seconds == 0) return "0";
  if (seconds >= kMilli) return fmt::format("{:.3f} ms", seconds / kMilli);
  if (seconds >= kMicro) return fmt::format("{:.3f} us", seconds / kMicro);
  return fmt::format("{:.3f} ns", ns(seconds));
}

std::string line_of(const std::string& name, const FittedValue& value) {
  return fmt::format("  {:<34}{:>12}   {} to {}\n", name, time_text(value.value),
                     time_text(value.low), time_text(value.high));
}

std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) result += (c >= ' ' && c <= '~') ? c : '?';
  return result;
}

/// By concurrency: the error of its mean step says what the fit lacks, single ones are noise too.
std::string held_out_text(const CalibratedServer& server) {
  struct Level {
    double measured_s = 0, predicted_s = 0;
    std::vector<double> errors{};
  };
  std::map<std::int64_t, Level> levels;
  for (const HeldOutStep& step : server.held_out) {
    Level& level = levels[step.decodes];
    level.measured_s += step.measured_s;
    level.predicted_s += step.predicted_s;
    level.errors.push_back(step.predicted_s / step.measured_s - 1);
  }
  std::string text;
  for (const auto& [decodes, level] : levels) {
    const double mean = level.predicted_s / level.measured_s - 1;
    const auto [least, most] = std::minmax_element(level.errors.begin(), level.errors.end());
    text += fmt::format(
        "Held out, {} requests: predicted {:+.1f} % off ({:+.1f} to {:+.1f} %).{}\n", decodes,
        mean * 100, *least * 100, *most * 100,
        std::abs(mean) > kPoor ? " Steps do not grow evenly there: fit it, with --concurrency."
                               : "");
  }
  return text;
}

}  // namespace

std::string cost_file(const CalibratedServer& server, const CalibrationOrigin& origin) {
  std::string text = "{\n  \"calibration\": 1,\n";
  text += fmt::format("  \"model\": {},\n  \"date\": {},\n  \"tool\": {},\n  \"requests\": {},\n",
                      text_of(origin.model), text_of(origin.date), text_of(origin.tool),
                      origin.requests);
  text += fmt::format(
      "  \"step\": {{\n    \"base_ns\": {},\n    \"per_decode_ns\": {},\n"
      "    \"per_context_token_ns\": {},\n    \"levels\": {},\n    \"spread\": {}\n  }},\n",
      figure(server.base), figure(server.per_decode), figure(server.per_context), levels_of(server),
      server.step_spread);
  text += fmt::format(
      "  \"prompt\": {{\n    \"alone_ns\": {},\n    \"alone_per_token_ns\": {},\n"
      "    \"beside_ns\": {},\n    \"beside_per_token_ns\": {},\n"
      "    \"per_token_squared_ns\": {},\n    \"spread\": {}\n  }},\n",
      figure(server.alone), figure(server.alone_per_token), figure(server.beside),
      figure(server.beside_per_token), figure(server.per_square), server.prompt_spread);
  text += fmt::format(
      "  \"observed\": {{\"decodes\": {}, \"context\": {}, \"prompt\": {}}},\n  \"tail\": {},\n",
      server.most_decodes, server.most_context, server.most_prompt, server.tail);
  return text + fmt::format("  \"notes\": {},\n  \"held_out\": {}\n}}\n",
                            text_of(joined_notes(server)), held_out_of(server));
}

std::string engine_file(const CalibratedServer& server, const CalibrationOrigin& origin) {
  const auto whole_ns = [](double seconds) { return std::llround(ns(seconds)); };
  const std::string source = fmt::format(
      "front end calibrated on a live server ({}, {} requests, {}); {} to {} a request, {} to {} a "
      "token (95 %), a network round trip of {} left out; the rest as {}",
      origin.model, origin.requests, origin.date, time_text(server.ingest.low),
      time_text(server.ingest.high), time_text(server.ingest_per_token.low),
      time_text(server.ingest_per_token.high), time_text(server.round_trip_s), origin.base_engine);
  return fmt::format(
      "{{\n  \"base\": {},\n  \"name\": {},\n  \"ingest_per_request\": \"{} ns\",\n"
      "  \"ingest_per_token\": \"{} ns\",\n  \"host_evidence\": \"measured\",\n"
      "  \"source\": {}\n}}\n",
      text_of(origin.base_engine), text_of(origin.base_engine + ", calibrated"),
      whole_ns(server.ingest.value), whole_ns(server.ingest_per_token.value), text_of(source));
}

std::string calibration_text(const CalibratedServer& server, const CalibrationOrigin& origin) {
  std::string text =
      fmt::format("Calibrated {} with {} requests; 95 % bands.\n",
                  origin.model.empty() ? "a server" : plain(origin.model), origin.requests);
  text += line_of("step", server.base);
  text += line_of("  for each request", server.per_decode);
  for (const CalibratedLevel& level : server.levels)
    text += line_of(fmt::format("  of {} requests", level.decodes), level.base);
  text += line_of("  for each token of context", server.per_context);
  text += line_of("prompts of a step, alone", server.alone);
  text += line_of("  for each token", server.alone_per_token);
  text += line_of("prompts of a step, beside decodes", server.beside);
  text += line_of("  for each token", server.beside_per_token);
  if (server.per_square.value > 0) text += line_of("  for each token squared", server.per_square);
  text += line_of("front end", server.ingest);
  text += line_of("  for each token", server.ingest_per_token);
  text += fmt::format("  {:<34}{:>12}\n", "network round trip (left out)",
                      time_text(server.round_trip_s));
  text += fmt::format(
      "One observation is off by {:.1f} % of a step, {:.1f} % of a prompt; mean steps are {:.1f} % "
      "over middle ones.\n",
      server.step_spread * 100, server.prompt_spread * 100, server.tail * 100);
  if (!server.levels.empty())
    text +=
        fmt::format("A line misses steps by up to {:.1f} %: bases are kept for each concurrency.\n",
                    server.worst_level * 100);
  text += held_out_text(server);
  for (const std::string& note : server.notes) text += note + "\n";
  return text;
}

}  // namespace headroom
