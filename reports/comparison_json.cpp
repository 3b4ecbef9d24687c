// Comparisons as JSON and as SARIF, histories as JSON.
#include <nlohmann/json.hpp>

#include "reports/comparison_text.h"
#include "reports/history.h"
#include "reports/json_number.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json metric_json(const MetricChange& change) {
  const bool missing = change.word == ChangeWord::missing;
  const bool interval = change.difference.count > 1;
  return {{"name", change.name},
          {"unit", change.unit},
          {"better", to_string(change.better)},
          {"verdict", to_string(change.word)},
          {"gate", change.gate.empty() ? Json() : Json(change.gate)},
          {"seeds", change.difference.count},
          {"base", number(change.base)},
          {"candidate", missing ? Json() : number(change.candidate)},
          {"change", missing ? Json() : number(change.difference.mean)},
          {"half_width", interval ? number(change.difference.half_width) : Json()},
          {"change_share", missing ? Json() : number(change.share)},
          {"chance", interval ? number(change.difference.chance) : Json()}};
}

Json set_json(const SetComparison& set) {
  Json inputs = Json::array();
  for (const InputChange& change : set.inputs) {
    inputs.push_back({{"key", change.key}, {"base", change.base}, {"candidate", change.candidate}});
  }
  Json flips = Json::array();
  for (const StatusFlip& flip : set.flips) {
    flips.push_back({{"base", flip.base}, {"candidate", flip.candidate}, {"worse", flip.worse}});
  }
  Json windows = Json::array();
  for (const DecisionWindow& window : set.windows) {
    windows.push_back({{"seed", window.seed},
                       {"equal_to_ns", window.after_ns},
                       {"differ_at_ns", window.before_ns > 0 ? Json(window.before_ns) : Json()}});
  }
  Json metrics = Json::array();
  for (const MetricChange& change : set.metrics) metrics.push_back(metric_json(change));
  Json parts = Json::array();
  for (const MetricChange& part : set.parts) {
    parts.push_back({{"part", part.name.substr(5)}, {"change_ms", number(part.difference.mean)}});
  }
  return {{"name", set.name},
          {"base_version", set.base_version},
          {"candidate_version", set.candidate_version},
          {"scenario", to_string(set.scenario)},
          {"costs", to_string(set.costs)},
          {"decisions", to_string(set.decisions)},
          {"requests", to_string(set.requests)},
          {"identical", set.identical()},
          {"code_drift", set.code_drift()},
          {"seeds", set.seeds},
          {"inputs", inputs},
          {"obstacles", set.obstacles},
          {"flips", flips},
          {"decision_windows", windows},
          {"latency_parts", parts},
          {"metrics", metrics}};
}

Json comparison_object(const Comparison& comparison) {
  Json sets = Json::array();
  for (const SetComparison& set : comparison.sets) sets.push_back(set_json(set));
  return {{"base", comparison.base},
          {"candidate", comparison.candidate},
          {"verdict", verdict_of(comparison)},
          {"gates", comparison.gates},
          {"usual_gates", comparison.usual_gates},
          {"forced", comparison.forced},
          {"only_base", comparison.only_base},
          {"only_candidate", comparison.only_candidate},
          {"scenarios", sets}};
}

/// RFC 3986: bytes that are not unreserved become %XX, slashes stay.
std::string uri_of(const std::string& path) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  std::string uri;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
    if (plain) {
      uri += c;
    } else {
      uri += '%';
      uri += kDigits[byte >> 4];
      uri += kDigits[byte & 15];
    }
  }
  return uri.empty() ? "-" : uri;
}

struct Rule {
  const char* id;
  const char* text;
};
constexpr Rule kRules[] = {
    {"worse", "A figure fails its gate."},
    {"lost", "A service level is missed that was met, or a scenario no longer runs."},
    {"missing", "A figure or a scenario that a gate asks for is missing."},
    {"not-comparable", "Base and candidate answer different questions."},
};

Json result(const Comparison& comparison, const char* rule, const std::string& text) {
  const std::string file = comparison.candidate.substr(0, comparison.candidate.find('#'));
  const Json location = {
      {"physicalLocation",
       {{"artifactLocation", {{"uri", uri_of(file)}}}, {"region", {{"startLine", 1}}}}}};
  return {{"ruleId", rule},
          {"level", "error"},
          {"message", {{"text", text}}},
          {"locations", Json::array({location})}};
}

void add_results(Json& results, const Comparison& comparison) {
  for (const std::string& name : comparison.only_base) {
    results.push_back(result(comparison, "missing", name + " is missing from the candidate"));
  }
  for (const SetComparison& set : comparison.sets) {
    for (const std::string& obstacle : set.obstacles) {
      results.push_back(result(comparison, "not-comparable", set.name + ": " + obstacle));
    }
    for (const StatusFlip& flip : set.flips) {
      if (!flip.worse) continue;
      results.push_back(
          result(comparison, "lost", set.name + ": " + flip.base + " -> " + flip.candidate));
    }
    for (const MetricChange& change : set.metrics) {
      const bool missing = change.word == ChangeWord::missing && !change.gate.empty();
      if (change.word != ChangeWord::worse && !missing) continue;
      results.push_back(result(comparison, missing ? "missing" : "worse",
                               set.name + ": " + failure_sentence(change)));
    }
  }
}

}  // namespace

std::string comparison_json(const std::vector<Comparison>& comparisons) {
  Json list = Json::array();
  for (const Comparison& comparison : comparisons) list.push_back(comparison_object(comparison));
  return dumped({{"schema", "headroom.compare"},
                 {"schema_version", kComparisonSchemaVersion},
                 {"comparisons", list}});
}

std::string history_json(const std::vector<History>& all) {
  Json list = Json::array();
  for (const History& history : all) {
    Json points = Json::array();
    for (const HistoryPoint& point : history.points) {
      points.push_back({{"label", point.label},
                        {"version", point.version},
                        {"first_run", point.first_run},
                        {"runs", point.runs},
                        {"value", number(point.value)}});
    }
    Json steps = Json::array();
    for (const HistoryStep& step : history.steps) {
      const char* way = step.way == HistoryStep::Way::worse    ? "worse"
                        : step.way == HistoryStep::Way::better ? "better"
                                                               : "other";
      steps.push_back({{"point", step.point},
                       {"before", number(step.before)},
                       {"after", number(step.after)},
                       {"way", way}});
    }
    list.push_back({{"scenario", history.scenario},
                    {"metric", history.metric},
                    {"unit", history.unit},
                    {"better", to_string(history.better)},
                    {"points", points},
                    {"changes", steps}});
  }
  return dumped({{"schema", "headroom.history"}, {"schema_version", 1}, {"histories", list}});
}

std::string comparison_sarif(const std::vector<Comparison>& comparisons) {
  Json rules = Json::array();
  for (const Rule& rule : kRules) {
    rules.push_back({{"id", rule.id}, {"shortDescription", {{"text", rule.text}}}});
  }
  Json results = Json::array();
  for (const Comparison& comparison : comparisons) add_results(results, comparison);
  const Json run = {{"tool", {{"driver", {{"name", "headroom"}, {"rules", rules}}}}},
                    {"results", results}};
  return dumped({{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                 {"version", "2.1.0"},
                 {"runs", Json::array({run})}});
}

}  // namespace headroom
