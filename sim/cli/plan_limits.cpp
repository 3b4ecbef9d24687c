#include "sim/cli/plan_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

constexpr std::int64_t kMost = 65'535;
const std::vector<std::string> kMetrics{"ttft", "tpot", "end_to_end"};

[[noreturn]] void refuse_level(const std::string& text) {
  throw InputError("--slo", fmt::format("expected METRIC pNN LIMIT such as \"ttft p99 2 s\" or "
                                        "\"tpot p95 50 ms class 1\" with one of {}, got {}; write "
                                        "it so",
                                        fmt::join(kMetrics, ", "), headroom::quoted(text)));
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

/// "ttft p99 2 s class 1" as an entry of slo.percentiles.
std::string level_json(const std::string& text) {
  std::vector<std::string> words = words_of(text);
  std::string request_class;
  if (words.size() > 3 && words[words.size() - 2] == "class") {
    request_class = fmt::format(", \"class\": {}", parse_integer(words.back(), 0, 4095, "--slo"));
    words.resize(words.size() - 2);
  }
  if (words.size() < 3 || words[1].size() < 2 || words[1][0] != 'p' ||
      std::find(kMetrics.begin(), kMetrics.end(), words[0]) == kMetrics.end()) {
    refuse_level(text);
  }
  const double percentile = parse_number(words[1].substr(1), 0, 100, "--slo");
  const std::string limit = words[2] + (words.size() > 3 ? " " + words[3] : "");
  if (words.size() > 4) refuse_level(text);
  static_cast<void>(parse_duration(limit, "--slo"));
  return fmt::format(R"({{"metric": "{}", "percentile": {}, "at_most": "{}"{}}})", words[0],
                     to_text(percentile), limit, request_class);
}

}  // namespace

PlanLimits limits_of(const Invocation& call) {
  PlanLimits limits;
  if (call.has("most-gpus")) limits.gpus = whole_option(call, "most-gpus", 1, kMost);
  if (call.has("most-nodes")) limits.nodes = whole_option(call, "most-nodes", 1, kMost);
  if (const auto text = call.value("most-usd"))
    limits.usd_per_hour = parse_price(*text, "--most-usd").value();
  if (const auto text = call.value("most-power"))
    limits.watts = parse_power(*text, "--most-power").value();
  return limits;
}

PlanObjective objective_of(const Invocation& call) {
  const auto& names = objective_names();
  const std::string name = call.value("objective").value_or(names.front());
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw InputError("--objective",
                     fmt::format("expected one of {}, got {}{}", fmt::join(names, ", "),
                                 headroom::quoted(name), did_you_mean(name, names)));
  }
  return static_cast<PlanObjective>(found - names.begin());
}

void add_service_levels(const Invocation& call, ScenarioText& base) {
  std::vector<std::string> levels;
  for (const auto& [name, text] : call.options()) {
    if (name == "slo") levels.push_back(level_json(text));
  }
  if (levels.empty()) return;
  base.overrides.push_back({"slo.percentiles", fmt::format("[{}]", fmt::join(levels, ", ")),
                            ValueSource::command_line, "--slo", OverrideForm::guess});
}

}  // namespace headroom
