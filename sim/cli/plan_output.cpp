#include "sim/cli/plan_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "reports/number_text.h"
#include "reports/text_layout.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPlanSchemaVersion = 1;
constexpr std::size_t kMostRows = 20;

double ms_of(const Summary& summary, LatencyMetric metric) { return summary.of(metric).p99; }

/// No other that holds is as cheap and as fast in every respect, and better in one.
bool on_front(const PlanAnswer& answer, const FamilyAnswer& one) {
  const auto figures = [](const FamilyAnswer& a) {
    return std::array<double, 3>{a.usd_per_hour(), ms_of(*a.at.summary, LatencyMetric::ttft),
                                 ms_of(*a.at.summary, LatencyMetric::tpot)};
  };
  const auto mine = figures(one);
  return std::none_of(answer.ranked.begin(), answer.ranked.end(), [&](const FamilyAnswer& other) {
    const auto theirs = figures(other);
    bool no_worse = true, better = false;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      no_worse = no_worse && theirs[i] <= mine[i];
      better = better || theirs[i] < mine[i];
    }
    return no_worse && better;
  });
}

/// How far its price must fall until it costs no more than the winner.
double price_cut(const FamilyAnswer& winner, const FamilyAnswer& other) {
  return 1 - winner.usd_per_hour() / other.usd_per_hour();
}

std::string indented(const std::string& label, const std::string& text) {
  std::string out;
  bool first = true;
  for (const std::string& line : wrapped(text, 60)) {
    out += fmt::format("  {:<16}  {}\n", first ? label : "", line);
    first = false;
  }
  return out;
}

std::string latency_text(const Summary& summary) {
  return fmt::format("TTFT p99 {} ms, TPOT p99 {} ms",
                     significant(ms_of(summary, LatencyMetric::ttft)),
                     significant(ms_of(summary, LatencyMetric::tpot)));
}

std::string headroom_text(const PlanAnswer& answer) {
  if (answer.headroom >= 4) return "load may grow fourfold and more";
  return fmt::format("load may grow by {:.0f} %; beyond that {} is missed first",
                     (answer.headroom - 1) * 100, answer.binds);
}

std::string less_text(const FamilyAnswer& winner, const PlanAnswer& answer) {
  if (!answer.one_less || !answer.one_less->summary) return "it has only one";
  const Summary& less = *answer.one_less->summary;
  return fmt::format("{} hold all limits: {}; {}", percent(less.slo.joint),
                     less.slo.verdict == SloVerdict::met ? "still met" : "missed",
                     latency_text(less)) +
         fmt::format(" (saves {} USD/h)", significant(winner.family.replica_price().value()));
}

std::string outlook_text(const PlanOutlook& outlook, const FamilyAnswer& winner) {
  if (outlook.replicas == 0)
    return outlook.text + ": no number of replicas within the limits holds";
  const double usd = winner.family.replica_price().value() *
                     static_cast<double>(outlook.replicas - winner.replicas);
  if (outlook.replicas == winner.replicas) return outlook.text + ": the same";
  return fmt::format("{}: {} replicas, {}{} USD/h", outlook.text, outlook.replicas,
                     usd > 0 ? "+" : "-", significant(std::abs(usd)));
}

std::string ranked_table(const PlanAnswer& answer) {
  std::string text =
      fmt::format("\n{:<32}{:>9}{:>6}{:>9}{:>10}{:>9}\n{:<32}{:>9}{:>6}{:>9}{:>10}{:>9}\n",
                  "Holds, cheapest first", "replicas", "GPUs", "USD/h", "TTFT p99", "TPOT p99",
                  "(* none beats it in all three)", "", "", "", "ms", "ms");
  for (std::size_t i = 0; i < std::min(kMostRows, answer.ranked.size()); ++i) {
    const FamilyAnswer& one = answer.ranked[i];
    text += fmt::format("{}{:>9}{:>6}{:>9}{:>10}{:>9}\n",
                        left_cell((on_front(answer, one) ? "* " : "  ") + one.family.name(), 32),
                        one.replicas, one.gpus(), significant(one.usd_per_hour()),
                        significant(ms_of(*one.at.summary, LatencyMetric::ttft)),
                        significant(ms_of(*one.at.summary, LatencyMetric::tpot)));
  }
  if (answer.ranked.size() > kMostRows) {
    text += fmt::format("  and {} more: --json has them\n", answer.ranked.size() - kMostRows);
  }
  return text;
}

std::string lost_list(const PlanAnswer& answer) {
  if (answer.lost.empty()) return {};
  std::string text = "\nHolds not, within the limits\n";
  for (const FamilyAnswer& one : answer.lost) {
    bool first = true;
    for (const std::string& line : wrapped(one.why_not, 46)) {
      text += left_cell(first ? "  " + one.family.name() : "", 32) + " " + line + "\n";
      first = false;
    }
  }
  return text;
}

/// Of those that hold not, the one whose last run went best.
const FamilyAnswer* nearest(const PlanAnswer& answer) {
  const FamilyAnswer* best = nullptr;
  const auto share = [](const FamilyAnswer& one) {
    return one.at.requests > 0
               ? static_cast<double>(one.at.met) / static_cast<double>(one.at.requests)
               : -1;
  };
  for (const FamilyAnswer& one : answer.lost) {
    if (one.at.impossible.empty() && (best == nullptr || share(one) > share(*best))) best = &one;
  }
  return best;
}

std::string limits_text(const PlanSpace& space) {
  std::string text = fmt::format("at most {} GPUs", space.most_gpus);
  if (space.most_usd) text += " and " + to_text(*space.most_usd);
  return text;
}

Json family_json(const FamilyAnswer& one) {
  Json settings = Json::object();
  for (const auto& [path, value] : one.family.settings) settings[path] = value;
  Json json{{"device", one.family.device.name},
            {"tensor_parallel", one.family.tensor},
            {"settings", settings},
            {"replicas", one.replicas > 0 ? Json(one.replicas) : Json()},
            {"gpus", one.replicas > 0 ? Json(one.gpus()) : Json()},
            {"usd_per_hour", one.replicas > 0 ? Json(nine_digits(one.usd_per_hour())) : Json()},
            {"why_not", one.why_not.empty() ? Json() : Json(one.why_not)}};
  if (one.at.summary) {
    json["ttft_p99_ms"] = nine_digits(ms_of(*one.at.summary, LatencyMetric::ttft));
    json["tpot_p99_ms"] = nine_digits(ms_of(*one.at.summary, LatencyMetric::tpot));
    json["attainment"] = nine_digits(one.at.summary->slo.joint);
    json["scenario_digest"] = one.at.summary->context.scenario_digest;
    json["cost_digest"] = one.at.summary->context.cost_digest;
  }
  return json;
}

}  // namespace

std::string plan_console(const PlanSpace& space, const PlanAnswer& answer) {
  if (answer.ranked.empty()) {
    std::string text =
        fmt::format("No deployment of {} holds the service levels.\n", limits_text(space));
    if (const FamilyAnswer* best = nearest(answer)) {
      text += fmt::format("Nearest: {} with {} replicas, {} of the first {} requests held.\n",
                          best->family.name(), best->most_tried, best->at.met, best->at.requests);
    }
    return text + lost_list(answer);
  }
  const FamilyAnswer& winner = answer.ranked.front();
  const Summary& summary = *winner.at.summary;
  std::string text =
      fmt::format("Plan: {} replicas of {}: {} GPUs, {} USD/h\n", winner.replicas,
                  winner.family.name(), winner.gpus(), significant(winner.usd_per_hour()));
  text += indented(
      "service level",
      fmt::format("{} of {} requests hold all limits (target {}); {}", percent(summary.slo.joint),
                  summary.arrived, percent(summary.context.slo.attainment), latency_text(summary)));
  text += indented("headroom", headroom_text(answer));
  text += indented("a replica less", less_text(winner, answer));
  text += indented("perfect system", fmt::format("needs {} of these GPUs at least, whatever its "
                                                 "policies; this plan uses {}",
                                                 answer.bound_gpus, winner.gpus()));
  for (const PlanOutlook& outlook : answer.outlooks) {
    text += indented(&outlook == &answer.outlooks.front() ? "what if" : "",
                     outlook_text(outlook, winner));
  }
  if (answer.ranked.size() > 1) {
    const FamilyAnswer& second = answer.ranked[1];
    const double cut = price_cut(winner, second) * 100;
    text +=
        indented("", cut > 0 ? fmt::format("{} costs as little once its price falls by {:.0f} %",
                                           second.family.name(), cut)
                             : second.family.name() + " costs the same");
  }
  text += indented("costs rest on", summary.context.cost_model);
  text += ranked_table(answer) + lost_list(answer);
  return text + fmt::format("\nplan: {} families, {} simulations, {} requests\n",
                            answer.ranked.size() + answer.lost.size(), answer.runs,
                            answer.simulated_requests);
}

std::string plan_json(const PlanSpace& space, const PlanAnswer& answer) {
  Json root;
  root["schema_version"] = kPlanSchemaVersion;
  root["scenario"] = space.base.file;
  root["limits"] = {{"gpus", space.most_gpus},
                    {"usd_per_hour", space.most_usd ? Json(space.most_usd->value()) : Json()}};
  root["feasible"] = !answer.ranked.empty();
  root["ranked"] = Json::array();
  for (const FamilyAnswer& one : answer.ranked) {
    Json row = family_json(one);
    row["on_front"] = on_front(answer, one);
    root["ranked"].push_back(std::move(row));
  }
  root["lost"] = Json::array();
  for (const FamilyAnswer& one : answer.lost) root["lost"].push_back(family_json(one));
  if (!answer.ranked.empty()) {
    root["headroom"] = {{"load_factor", nine_digits(answer.headroom)},
                        {"binds", answer.binds.empty() ? Json() : Json(answer.binds)}};
    root["perfect_system_gpus"] = answer.bound_gpus;
    root["what_if"] = Json::array();
    for (const PlanOutlook& outlook : answer.outlooks) {
      root["what_if"].push_back(
          {{"what", outlook.text},
           {"load", nine_digits(outlook.what_if.load)},
           {"slower", nine_digits(outlook.what_if.slower)},
           {"replicas", outlook.replicas > 0 ? Json(outlook.replicas) : Json()}});
    }
  }
  root["simulations"] = answer.runs;
  root["simulated_requests"] = answer.simulated_requests;
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace headroom
