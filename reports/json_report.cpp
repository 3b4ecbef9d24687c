#include "reports/json_report.h"

#include <nlohmann/json.hpp>
#include <span>

#include "reports/json_number.h"
#include "reports/metric_list.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json limit_ms(const std::optional<Duration>& limit) {
  return limit ? number(milliseconds(*limit)) : Json();
}

Json system_json(const ReportContext& c) {
  return Json{{"model", c.model},
              {"device", c.device},
              {"gpus", c.gpus},
              {"replicas", c.replicas},
              {"kv_blocks_per_replica", c.kv_blocks_per_replica.value()},
              {"kv_block_tokens", c.kv_block_tokens.value()},
              {"cost_model", c.cost_model}};
}

Json digests_json(const Summary& s) {
  return Json{{"scenario", text_or_null(s.context.scenario_digest)},
              {"costs", text_or_null(s.context.cost_digest)},
              {"decisions", s.decision_digest},
              {"requests", text_or_null(s.workload_digest)}};
}

Json metrics_json(const Summary& s) {
  Json table = Json::array();
  for (const NamedMetric& metric : metric_list(s)) {
    table.push_back(Json{{"name", metric.name},
                         {"unit", metric.unit},
                         {"better", to_string(metric.better)},
                         {"value", number(metric.value)}});
  }
  return table;
}

/// What a comparison needs beside the figures.
void add_question(Json& document, const Summary& s) {
  const ReportContext& c = s.context;
  Json inputs = Json::object();
  for (const RecordedInput& input : c.inputs) inputs[input.pointer] = input.value;
  document["inputs"] = std::move(inputs);
  const Json asked = Json::parse(c.document, nullptr, false);
  document["document"] = asked.is_discarded() ? Json() : asked;
  document["gates"] = c.gates;
  document["checkpoints"] =
      Json{{"spacing_ns", s.checkpoints.spacing_ns}, {"decisions", s.checkpoints.digests}};
}

Json requests_json(const Summary& s) {
  Json rejected = Json::object();
  for (int r = 0; r < kRejectReasons; ++r) {
    if (static_cast<RejectReason>(r) == RejectReason::replica_lost && !s.dynamics) continue;
    rejected[to_string(static_cast<RejectReason>(r))] = s.rejected[static_cast<std::size_t>(r)];
  }
  return Json{{"arrived", s.arrived},           {"finished", s.finished},
              {"rejected", s.total_rejected()}, {"rejected_by_reason", std::move(rejected)},
              {"unfinished", s.unfinished},     {"truncated_outputs", s.truncated},
              {"input_tokens", s.input_tokens}, {"output_tokens", s.output_tokens}};
}

Json latency_json(const Summary& s) {
  Json table = Json::object();
  for (int m = 0; m < kLatencyMetrics; ++m) {
    const auto metric = static_cast<LatencyMetric>(m);
    const DurationSummary& d = s.of(metric);
    const auto value = [&](double ms) { return d.count > 0 ? number(ms) : Json(); };
    table[key_of(metric)] =
        Json{{"count", d.count},    {"mean", value(d.mean)}, {"p50", value(d.p50)},
             {"p90", value(d.p90)}, {"p95", value(d.p95)},   {"p99", value(d.p99)},
             {"max", value(d.max)}};
  }
  return table;
}

Json percentiles_json(const Summary& s) {
  Json rows = Json::array();
  for (const PercentileResult& one : s.slo.percentiles) {
    rows.push_back({{"limit", limit_text(one.limit)},
                    {"requests", one.requests},
                    {"share", nine_digits(one.share)},
                    {"held", one.held}});
  }
  return rows;
}

Json slo_json(const Summary& s) {
  const SloLimits& limits = s.context.slo;
  const auto share = [&](bool set, double value) { return set ? number(value) : Json(); };
  Json json{
      {"verdict", to_string(s.slo.verdict)},
      {"target", limits.joint() ? number(limits.attainment) : Json()},
      {"limits_ms", Json{{"ttft", limit_ms(limits.ttft)},
                         {"tpot", limit_ms(limits.tpot)},
                         {"end_to_end", limit_ms(limits.end_to_end)}}},
      {"requests_met", s.slo.requests_met},
      {"attainment", Json{{"joint", share(limits.joint(), s.slo.joint)},
                          {"ttft", share(limits.ttft.has_value(), s.slo.ttft)},
                          {"tpot", share(limits.tpot.has_value(), s.slo.tpot)},
                          {"end_to_end", share(limits.end_to_end.has_value(), s.slo.end_to_end)}}}};
  if (!s.slo.percentiles.empty()) json["percentiles"] = percentiles_json(s);
  return json;
}

Json rate_json(const Rate& rate) {
  return Json{{"per_second", number(rate.per_second)},
              {"per_gpu_second", number(rate.per_gpu_second)}};
}

Json throughput_json(const Summary& s) {
  return Json{{"span_s", number(s.span_s)},
              {"span_definition", kSpanDefinition},
              {"requests", rate_json(s.throughput.requests)},
              {"goodput", rate_json(s.throughput.good_requests)},
              {"input_tokens", rate_json(s.throughput.input_tokens)},
              {"output_tokens", rate_json(s.throughput.output_tokens)}};
}

Json parts_json(const Summary& s) {
  Json table = Json::array();
  for (const PartShare& part : s.parts) {
    table.push_back(
        Json{{"part", part.key}, {"mean_ms", number(part.mean_ms)}, {"share", number(part.share)}});
  }
  return table;
}

Json engine_json(const EngineUse& e) {
  Json table{{"busy_share", number(e.busy_share)},
             {"least_busy_share", number(e.least_busy)},
             {"most_busy_share", number(e.most_busy)},
             {"mean_batch", number(e.mean_batch)},
             {"iterations", e.iterations},
             {"prefill_iterations", e.prefill_iterations},
             {"prefill_tokens_computed", e.prefill_tokens},
             {"decode_tokens_computed", e.decode_tokens},
             {"preemptions_recompute", e.preemptions_recompute},
             {"preemptions_swap", e.preemptions_swap},
             {"swapped_bytes", e.swapped.value()},
             {"kv_mean_share", number(e.kv_mean)},
             {"kv_peak_share", number(e.kv_peak)},
             {"kv_tight_share", number(e.kv_tight)}};
  if (e.prefixes) {
    table["prefix_cache"] = Json{{"asked_tokens", e.prefixes->asked_tokens},
                                 {"saved_prefill_tokens", e.prefixes->saved_tokens},
                                 {"hit_share", number(e.prefixes->hit_share)},
                                 {"evicted_blocks", e.prefixes->evicted_blocks},
                                 {"host_blocks", e.prefixes->loaded.host.value()},
                                 {"disk_blocks", e.prefixes->loaded.disk.value()}};
  }
  return table;
}

Json replicas_json(const Summary& s) {
  Json table = Json::array();
  for (const ReplicaUse& use : s.replicas) {
    table.push_back(Json{{"busy_share", number(use.busy_share)},
                         {"mean_batch", number(use.mean_batch)},
                         {"iterations", use.iterations},
                         {"finished", use.finished},
                         {"preemptions", use.preemptions},
                         {"peak_kv_blocks", use.peak_blocks},
                         {"kv_blocks", use.total_blocks}});
  }
  return table;
}

Json duration_json(const DurationSummary& d) {
  return Json{{"mean", number(d.mean)}, {"p50", number(d.p50)}, {"p90", number(d.p90)},
              {"p95", number(d.p95)},   {"p99", number(d.p99)}, {"max", number(d.max)}};
}

Json pools_json(const Summary& s) {
  Json table = Json::array();
  for (const PoolUse& one : s.pools) {
    Json row = engine_json(one.use);
    row.erase("kv_mean_share");
    row["name"] = one.pool.name;
    row["role"] = one.pool.role;
    row["replicas"] = one.pool.replicas;
    row["gpus"] = one.pool.gpus;
    row["handed_over"] = one.handed_over;
    row["finished"] = one.finished;
    table.push_back(std::move(row));
  }
  return table;
}

Json transfers_json(const TransferUse& t) {
  return Json{{"moves", t.moves},
              {"bytes", t.bytes.value()},
              {"waited_ms", duration_json(t.waited)},
              {"moved_ms", duration_json(t.moved)}};
}

Json cost_json(const Summary& s) {
  const ReportContext& c = s.context;
  return Json{{"gpu_hours", number(s.cost.gpu_hours)},
              {"usd", number(s.cost.usd)},
              {"usd_per_hour", number(s.cost.usd_per_hour)},
              {"usd_per_million_output_tokens", number(s.cost.usd_per_million_output)},
              {"usd_per_gpu_hour", c.gpu_hour_price ? number(c.gpu_hour_price->value()) : Json()},
              {"price_source", text_or_null(c.price_source)},
              {"energy_kwh", number(s.cost.energy_kwh)},
              {"joules_per_output_token", number(s.cost.joules_per_output_token)},
              {"power_source", text_or_null(c.power_source)}};
}

Json facility_json(const Summary& s) {
  const FacilityUse& use = *s.cost.facility;
  return Json{{"pue", number(s.context.facility->pue)},
              {"kwh", number(use.kwh)},
              {"electricity_usd", number(use.usd)},
              {"carbon_kg", number(use.carbon_kg)},
              {"source", s.context.facility->source}};
}

Json dynamics_json(const Summary& s) {
  const DynamicsTotals& t = s.dynamics->totals;
  Json table{{"rules", s.context.dynamics},
             {"mean_paid_gpus", number(s.dynamics->mean_paid)},
             {"most_replicas_up", t.most_up},
             {"starts", t.starts},
             {"drains", t.drains},
             {"failures", t.failures},
             {"reclaims", t.reclaims},
             {"restarts", t.restarts},
             {"requests_lost", t.lost}};
  if (!s.pools.empty()) table["moves_called_off"] = s.dynamics->moves_called_off;
  return table;
}

Json lower_bound_json(const Summary& s) {
  if (!s.lower_bound) return {};
  return Json{{"gpus", s.lower_bound->gpus},
              {"gpus_used", s.context.gpus},
              {"ratio", number(s.lower_bound->gpu_ratio)},
              {"usd", number(s.lower_bound->usd)},
              {"reason", s.context.lower_bound->reason}};
}

Json time_json(const TimeShares& time) {
  if (!time.any) return {};
  Json operators = Json::array();
  for (int o = 0; o < kOperatorClasses; ++o) {
    const auto index = static_cast<std::size_t>(o);
    Json row{{"operator", to_string(static_cast<OperatorClass>(o))},
             {"share", number(time.by_operator[index])}};
    for (int e = 0; e < kEvidences; ++e) {
      row[to_string(static_cast<Evidence>(e))] =
          number(time.cells[index][static_cast<std::size_t>(e)]);
    }
    operators.push_back(std::move(row));
  }
  Json evidence = Json::object();
  for (int e = 0; e < kEvidences; ++e) {
    evidence[to_string(static_cast<Evidence>(e))] =
        number(time.by_evidence[static_cast<std::size_t>(e)]);
  }
  return Json{{"by_operator", std::move(operators)}, {"by_evidence", std::move(evidence)}};
}

Json confidence_json(const Summary& s) {
  Json rows = Json::array();
  for (const ConfidenceRow& row : s.confidence) {
    const MeanInterval& i = row.interval;
    const bool present = i.quality != IntervalQuality::too_few;
    const auto ms = [&](double ns) { return present ? number(ns / 1e6) : Json(); };
    rows.push_back(Json{{"metric", key_of(row.metric)},
                        {"quality", to_string(i.quality)},
                        {"mean_ms", ms(i.mean)},
                        {"half_width_ms", ms(i.half_width)},
                        {"low_ms", ms(i.mean - i.half_width)},
                        {"high_ms", ms(i.mean + i.half_width)},
                        {"batches", i.batches},
                        {"requests_used", i.used},
                        {"warm_up_cut", i.cut}});
  }
  return Json{{"level", 0.95}, {"scope", kIntervalScope}, {"means", std::move(rows)}};
}

Json saturation_json(const Summary& summary) {
  const Saturation& s = summary.saturation;
  const bool known = s.hint != SaturationHint::unknown;
  return Json{{"hint", to_string(s.hint)},
              {"mean_queue_first_third", known ? number(s.first_third) : Json()},
              {"mean_queue_last_third", known ? number(s.last_third) : Json()},
              {"queue_growth_per_second", known ? number(s.growth_per_s) : Json()},
              {"peak_queue", summary.series.empty() ? Json() : number(summary.peak_waiting)}};
}

Json series_json(const Summary& s) {
  Json table = Json::array();
  for (const SeriesPoint& point : s.series) {
    table.push_back(Json{{"time_s", number(point.time_s)},
                         {"waiting", number(point.waiting)},
                         {"running", number(point.running)},
                         {"swapped", number(point.swapped)},
                         {"busy_replicas", number(point.busy_replicas)},
                         {"kv_share", number(point.kv_share)}});
    if (s.dynamics) table.back()["up_replicas"] = number(point.up_replicas);
  }
  return table;
}

Json numbers(std::span<const double> values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(number(value));
  return list;
}

Json load_json(const std::vector<LoadGroup>& groups) {
  Json table = Json::array();
  for (const LoadGroup& group : groups) {
    const auto known = [&](double value) { return group.finished > 0 ? number(value) : Json(); };
    table.push_back(Json{{"arrived", group.arrived},
                         {"finished", group.finished},
                         {"met", group.met},
                         {"from_s", known(group.from_s)},
                         {"arrivals_per_s", number(group.arrivals_per_s)},
                         {"ttft_p50_ms", known(group.ttft_p50)},
                         {"ttft_p99_ms", known(group.ttft_p99)},
                         {"queue_ms", known(group.queue_ms)},
                         {"prompt_ms", known(group.prompt_ms)},
                         {"decode_ms", known(group.decode_ms)},
                         {"stalled_ms", known(group.stalled_ms)}});
  }
  return table;
}

Json classes_json(const std::vector<ClassRow>& classes) {
  Json table = Json::array();
  for (const ClassRow& row : classes) {
    table.push_back(Json{{"name", row.name},
                         {"finished", row.finished},
                         {"met", row.met},
                         {"input_tokens", row.input_tokens},
                         {"output_tokens", row.output_tokens},
                         {"ttft_ms", duration_json(row.ttft)},
                         {"tpot_ms", duration_json(row.tpot)},
                         {"end_to_end_ms", duration_json(row.end_to_end)}});
  }
  return table;
}

Json detail_json(const Summary& s, const RunDetail& d) {
  Json curves{{"shares", numbers(curve_shares())}};
  for (const LatencyCurve& curve : d.curves) {
    curves[std::string(key_of(curve.metric)) + "_ms"] = numbers(curve.ms);
  }
  Json margins = Json::array();
  for (const LimitMargin& margin : d.margins) {
    margins.push_back(Json{{"limit", key_of(margin.metric)},
                           {"limit_ms", number(margin.limit_ms)},
                           {"at_target_ms", number(margin.at_target_ms)},
                           {"left", number(margin.left())}});
  }
  Json cost = Json::array();
  for (const CostPart& part : d.cost) {
    cost.push_back(
        Json{{"what", part.what}, {"share", number(part.share)}, {"usd", number(part.usd)}});
  }
  Json validation;
  if (const auto& error = s.context.validation) {
    validation = Json{{"ttft", number(error->ttft)},
                      {"tpot", number(error->tpot)},
                      {"points", error->points},
                      {"scope", error->scope}};
  }
  return Json{{"latency_curves", std::move(curves)}, {"load_groups", load_json(d.load)},
              {"classes", classes_json(d.classes)},  {"limit_margins", std::move(margins)},
              {"cost_breakdown", std::move(cost)},   {"validation_error", std::move(validation)}};
}

}  // namespace

std::string json_report(const Summary& summary, const RunDetail* detail) {
  const Summary& s = summary;
  Json document;
  document["schema"] = "headroom.run";
  document["schema_version"] = kReportSchemaVersion;
  document["tool_version"] = s.context.tool_version;
  document["scenario"] = s.context.scenario;
  document["seed"] = s.context.seed;
  document["digests"] = digests_json(s);
  document["system"] = system_json(s.context);
  document["slo"] = slo_json(s);
  document["requests"] = requests_json(s);
  document["latency_ms"] = latency_json(s);
  document["confidence"] = confidence_json(s);
  document["latency_parts"] = parts_json(s);
  document["throughput"] = throughput_json(s);
  document["engine"] = engine_json(s.engine);
  document["replicas"] = replicas_json(s);
  if (!s.pools.empty()) {
    document["pools"] = pools_json(s);
    document["transfers"] = transfers_json(s.transfers);
  }
  document["saturation"] = saturation_json(s);
  if (s.dynamics) document["dynamics"] = dynamics_json(s);
  document["cost"] = cost_json(s);
  if (s.cost.usd && !s.context.currency.empty()) {
    document["cost"]["local"] = Json{{"currency", s.context.currency},
                                     {"per_usd", number(s.context.per_usd)},
                                     {"amount", number(*s.cost.usd * s.context.per_usd)}};
  }
  if (s.cost.facility) document["cost"]["facility"] = facility_json(s);
  document["lower_bound"] = lower_bound_json(s);
  document["simulated_time"] = time_json(s.time);
  document["series"] = series_json(s);
  if (detail != nullptr) document["detail"] = detail_json(s, *detail);
  document["warnings"] = s.warnings;
  document["notes"] = s.notes;
  document["advice"] = s.advice;
  document["metrics"] = metrics_json(s);
  add_question(document, s);
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
