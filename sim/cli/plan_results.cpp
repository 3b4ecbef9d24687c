#include "sim/cli/plan_results.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sim/cli/commands.h"
#include "sim/cli/text_digest.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

/// Fingerprint of a file's bytes; nothing where it is none.
std::string file_digest(const std::string& path) {
  std::error_code none;
  if (path.empty() || !std::filesystem::is_regular_file(path, none)) return {};
  return text_digest(file_bytes(path));
}

Json figures_json(const PlanFigures& f) {
  return {f.ttft_p50,
          f.ttft_p99,
          f.tpot_p50,
          f.tpot_p99,
          f.end_to_end_p99,
          f.attainment,
          f.worst_slack,
          f.requests_per_s,
          f.output_tokens_per_s,
          f.usd_per_million_output,
          f.watts,
          f.requests,
          f.binds,
          f.paid_gpus ? Json(*f.paid_gpus) : Json(),
          f.usd_per_hour ? Json(*f.usd_per_hour) : Json()};
}

PlanFigures figures_of(const Json& j) {
  PlanFigures f;
  std::size_t i = 0;
  for (double* value : {&f.ttft_p50, &f.ttft_p99, &f.tpot_p50, &f.tpot_p99, &f.end_to_end_p99,
                        &f.attainment, &f.worst_slack, &f.requests_per_s, &f.output_tokens_per_s,
                        &f.usd_per_million_output, &f.watts}) {
    *value = j.at(i++).get<double>();
  }
  f.requests = j.at(i++).get<std::uint64_t>();
  f.binds = j.at(i++).get<std::string>();
  for (std::optional<double>* value : {&f.paid_gpus, &f.usd_per_hour}) {
    if (!j.at(i).is_null()) *value = j.at(i).get<double>();
    ++i;
  }
  return f;
}

std::string text_of(const Judged& judged) {
  Json json{{"impossible", judged.impossible},
            {"holds", judged.holds},
            {"cut", judged.cut},
            {"requests", judged.requests},
            {"met", judged.met},
            {"missed", judged.missed},
            {"bound_gpus", judged.bound_gpus},
            {"bound_paid_gpus", judged.bound_paid_gpus},
            {"bound_reason", judged.bound_reason},
            {"cost_model", judged.cost_model},
            {"scenario_digest", judged.scenario_digest},
            {"cost_digest", judged.cost_digest}};
  if (judged.figures) json["figures"] = figures_json(*judged.figures);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Judged judged_of(const std::string& text) {
  const Json json = Json::parse(text);
  Judged judged;
  judged.impossible = json.at("impossible");
  judged.holds = json.at("holds");
  judged.cut = json.at("cut");
  judged.requests = json.at("requests");
  judged.met = json.at("met");
  judged.missed = json.at("missed");
  judged.bound_gpus = json.at("bound_gpus");
  judged.bound_paid_gpus = json.at("bound_paid_gpus");
  judged.bound_reason = json.at("bound_reason");
  judged.cost_model = json.at("cost_model");
  judged.scenario_digest = json.at("scenario_digest");
  judged.cost_digest = json.at("cost_digest");
  if (json.contains("figures")) judged.figures = figures_of(json.at("figures"));
  return judged;
}

}  // namespace

PlanResults::PlanResults(const std::string& path)
    : store_(path), program_(file_digest("/proc/self/exe")) {}

const std::string& PlanResults::contents(const std::string& path) {
  const auto [it, fresh] = contents_.try_emplace(path);
  if (fresh) it->second = file_digest(path);
  return it->second;
}

std::string PlanResults::key_of(const Scenario& scenario, const std::string& question) {
  std::string words =
      fmt::format("{}|{}|{}|{}|{}|{}", kVersion, program_, scenario.digest, question,
                  contents(scenario.workload.trace), contents(scenario.model.name));
  if (scenario.dynamics) words += "|" + contents(scenario.dynamics->outage_trace);
  for (const NodeSpec& node : scenario.nodes) words += "|" + contents(node.device);
  for (const ReplicaGroupSpec& group : scenario.deployment) {
    words += "|" + contents(group.engine);
    const std::size_t colon = group.cost.find(':');
    if (colon != std::string::npos) words += "|" + contents(group.cost.substr(colon + 1));
  }
  return text_digest(words);
}

std::optional<Judged> PlanResults::find(const Scenario& scenario, const std::string& question) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::optional<std::string> text = store_.find(key_of(scenario, question));
  if (!text) return {};
  try {
    return judged_of(*text);
  } catch (const nlohmann::json::exception&) {
    return {};  // of an older layout: simulated again
  }
}

void PlanResults::keep(const Scenario& scenario, const std::string& question,
                       const Judged& judged) {
  const std::lock_guard<std::mutex> lock(mutex_);
  store_.keep(key_of(scenario, question), scenario.digest, question, text_of(judged));
}

std::unique_ptr<PlanResults> open_results(const Invocation& call) {
  const auto path = call.value("cache");
  return path ? std::make_unique<PlanResults>(*path) : nullptr;
}

}  // namespace headroom
