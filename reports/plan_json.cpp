// A plan's answer as one JSON document.
#include <nlohmann/json.hpp>

#include "reports/json_number.h"
#include "reports/plan_report.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json figures_json(const std::optional<PlanFigures>& figures) {
  if (!figures) return {};
  return {{"ttft_p50_ms", number(figures->ttft_p50)},
          {"ttft_p99_ms", number(figures->ttft_p99)},
          {"tpot_p50_ms", number(figures->tpot_p50)},
          {"tpot_p99_ms", number(figures->tpot_p99)},
          {"end_to_end_p99_ms", number(figures->end_to_end_p99)},
          {"attainment", number(figures->attainment)},
          {"worst_slack", number(figures->worst_slack)},
          {"tightest_limit", text_or_null(figures->binds)},
          {"requests_per_s", number(figures->requests_per_s)},
          {"output_tokens_per_s", number(figures->output_tokens_per_s)},
          {"usd_per_million_output", number(figures->usd_per_million_output)},
          {"watts", number(figures->watts)},
          {"requests", figures->requests}};
}

Json row_json(const PlanRow& row) {
  Json pools = Json::array();
  for (const PlanPool& pool : row.pools) {
    pools.push_back({{"role", pool.role},
                     {"device", pool.device},
                     {"tensor_parallel", pool.tensor},
                     {"pipeline_parallel", pool.pipeline},
                     {"expert_parallel", pool.expert},
                     {"replicas", pool.replicas}});
  }
  Json settings = Json::object();
  for (const auto& [path, value] : row.settings) settings[path] = value;
  return {{"name", row.name},
          {"pools", pools},
          {"settings", settings},
          {"holds", row.holds},
          {"why_not", text_or_null(row.why_not)},
          {"gpus", row.gpus},
          {"nodes", row.nodes},
          {"usd_per_hour", number(row.usd_per_hour)},
          {"tdp_watts", number(row.tdp_watts)},
          {"objective", row.figures ? number(row.objective) : Json()},
          {"max_load", number(row.max_load)},
          {"on_front", row.on_front},
          {"figures", figures_json(row.figures)},
          {"scenario_digest", text_or_null(row.scenario_digest)},
          {"cost_digest", text_or_null(row.cost_digest)}};
}

template <class Rows>
Json rows_json(const Rows& rows) {
  Json json = Json::array();
  for (const PlanRow& row : rows) json.push_back(row_json(row));
  return json;
}

Json row_or_null(const std::optional<PlanRow>& row) { return row ? row_json(*row) : Json(); }

Json around_json(const PlanReport& report) {
  Json less = Json::array();
  for (const PlanLess& one : report.less) {
    less.push_back({{"what", one.what},
                    {"gpus", one.gpus},
                    {"usd_per_hour_saved", number(one.usd_saved)},
                    {"holds", one.holds},
                    {"figures", figures_json(one.figures)}});
  }
  Json outlooks = Json::array();
  for (const PlanOutlook& one : report.outlooks) {
    outlooks.push_back({{"what", one.what},
                        {"load", number(one.load)},
                        {"slower", number(one.slower)},
                        {"winner_holds", one.winner_holds},
                        {"best", row_or_null(one.cheapest)}});
  }
  Json turns = Json::array();
  for (const PlanPriceTurn& one : report.price_turns) {
    turns.push_back(
        {{"device", one.device}, {"price_change", number(one.change)}, {"best", one.name}});
  }
  return {{"load_factor", number(report.headroom)},
          {"binds", text_or_null(report.binds)},
          {"less", less},
          {"what_if", outlooks},
          {"price_turns", turns},
          {"cost_error", text_or_null(report.error_source)}};
}

Json from_now_json(const PlanFromNow& now) {
  Json changes = Json::array();
  for (const PlanChange& change : now.changes) {
    changes.push_back({{"sign", std::string(1, change.sign)},
                       {"what", change.what},
                       {"before", text_or_null(change.before)},
                       {"after", text_or_null(change.after)}});
  }
  return {{"event", now.event},
          {"now", row_json(now.now)},
          {"unchanged", row_json(now.unchanged)},
          {"then", row_or_null(now.then)},
          {"changes", changes}};
}

}  // namespace

std::string plan_json(const PlanReport& report) {
  Json root{{"schema_version", kPlanSchemaVersion},
            {"scenario", report.scenario},
            {"model", report.model},
            {"load", report.load},
            {"service_levels", report.service_levels},
            {"objective", report.objective},
            {"limits",
             {{"gpus", report.limits.gpus},
              {"nodes", number(report.limits.nodes)},
              {"usd_per_hour", number(report.limits.usd_per_hour)},
              {"watts", number(report.limits.watts)}}},
            {"feasible", report.from_now ? report.from_now->then.has_value() : report.feasible()}};
  if (report.from_now) {
    root["from_now"] = from_now_json(*report.from_now);
  } else {
    root["ranked"] = rows_json(report.ranked);
    root["lost"] = rows_json(report.lost);
    root["headroom"] = report.feasible() ? around_json(report) : Json();
    root["perfect_system"] = {{"gpus", report.bound_gpus},
                              {"usd_per_hour", number(report.bound_usd_per_hour)},
                              {"reason", text_or_null(report.bound_reason)}};
    root["infeasible"] = text_or_null(report.infeasible);
    root["nearest"] = row_or_null(report.nearest);
    root["cost_model"] = text_or_null(report.cost_model);
  }
  root["notes"] = report.notes;
  root["families"] = report.families;
  root["families_by_bounds"] = report.bounded;
  root["simulations"] = report.runs;
  root["cached_answers"] = report.cached_runs;
  root["simulated_requests"] = report.simulated_requests;
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
