// What `headroom plan` answers: every figure and sentence of it, computed once.
//
// Console, JSON and HTML print this one structure, so that no table exists in one output only.
// Law: `ranked` is in order of the objective, best first; a row with `figures` was simulated to the
// end. Absent optionals are figures that do not exist, never zeros.
// Cost: plain values.
// Not here: the search (sim/cli/plan_search.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headroom {

/// Replicas of one kind in a deployment.
struct PlanPool {
  std::string role;    ///< joint, prefill or decode
  std::string device;  ///< of the catalogue
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  std::int64_t expert = 1;    ///< GPUs over which whole experts are split
  std::int64_t replicas = 0;  ///< where nothing holds: of the run told of in `why_not`
  [[nodiscard]] std::int64_t gpus() const { return replicas * tensor * pipeline; }
};

/// Of one simulation of the whole load; times in ms.
struct PlanFigures {
  double ttft_p50 = 0, ttft_p99 = 0, tpot_p50 = 0, tpot_p99 = 0, end_to_end_p99 = 0;
  double attainment = 0;   ///< share of requests that hold all joint limits; 1 where there are none
  double worst_slack = 0;  ///< least (share held - share asked for) over all limits
  std::string binds{};     ///< the limit with that slack
  double requests_per_s = 0, output_tokens_per_s = 0;
  double usd_per_million_output = 0;
  /// Where replicas come and go: paid over the run, on average.
  std::optional<double> paid_gpus{}, usd_per_hour{};
  double watts = 0;  ///< mean power of all GPUs
  std::uint64_t requests = 0;
};

/// A family of deployments, in as many replicas as the load needs.
struct PlanRow {
  std::string name;  ///< "h100-sxm tp 4", "h100-sxm tp 2 > h200-sxm tp 4", with its settings
  std::vector<PlanPool> pools;  ///< one joint, or prefill and decode
  std::vector<std::pair<std::string, std::string>> settings{};  ///< swept key, value
  bool holds = false;
  std::string why_not{};             ///< one sentence, where it does not hold or was not tried
  bool on_front = false;             ///< none is as cheap, as fast and as strong, and better in one
  std::int64_t gpus = 0, nodes = 0;  ///< at most, where replicas come and go
  double usd_per_hour = 0;           ///< as paid, where they do
  double tdp_watts = 0;              ///< of its GPUs
  double objective = 0;              ///< what was minimised
  std::optional<double> max_load{};  ///< it holds up to so many times the load; at most kMostLoad
  std::optional<PlanFigures> figures{};
  std::string scenario_digest{}, cost_digest{};
};

/// The same load on the winner's family under another condition.
struct PlanOutlook {
  std::string what;                   ///< "load x 2"
  double load = 1;                    ///< arrivals come so many times faster
  double slower = 1;                  ///< everything takes so many times longer than predicted
  bool winner_holds = false;          ///< the plan as it stands
  std::optional<PlanRow> cheapest{};  ///< then; none within the limits
};

/// A deployment with one replica less of one pool.
struct PlanLess {
  std::string what;       ///< that is taken away: "a decode replica"
  std::int64_t gpus = 0;  ///< saved
  double usd_saved = 0;   ///< an hour
  bool holds = false;
  std::optional<PlanFigures> figures{};
};

/// How far a price must move until another deployment costs the same.
struct PlanPriceTurn {
  std::string device;
  double change = 0;  ///< -0.12: twelve percent cheaper
  std::string name;   ///< the deployment that then costs the same
};

/// One line of a difference between two deployments.
struct PlanChange {
  char sign = '~';   ///< '~' other value, '+' more money, '-' less money, ' ' consequence
  std::string what;  ///< "decode replicas"
  std::string before, after;
};

/// What changes for a deployment that runs already (`headroom plan --from-now`).
struct PlanFromNow {
  std::string event;              ///< "load x 2"
  PlanRow now;                    ///< under the load of today
  PlanRow unchanged;              ///< the same deployment after the event
  std::optional<PlanRow> then{};  ///< the cheapest that holds after the event
  std::vector<PlanChange> changes{};
};

struct PlanLimits {
  std::int64_t gpus = 64;
  std::optional<std::int64_t> nodes{};
  std::optional<double> usd_per_hour{}, watts{};
};

struct PlanReport {
  std::string scenario, model, load;  ///< sentences
  std::vector<std::string> service_levels;
  std::string objective = "usd-per-hour";  ///< usd-per-hour, usd-per-token, gpus or energy
  PlanLimits limits;
  std::vector<PlanRow> ranked;  ///< that hold, best first
  std::vector<PlanRow> lost;    ///< that do not, or cannot win, in the order of the space
  std::vector<PlanLess> less{};
  double headroom = 0;  ///< the winner holds up to this many times the load; at most kMostLoad
  std::string binds{};  ///< what it misses first beyond that
  std::vector<PlanOutlook> outlooks{};
  std::vector<PlanPriceTurn> price_turns{};
  std::string error_source{};   ///< what the band of costs in `outlooks` rests on
  std::int64_t bound_gpus = 0;  ///< of a perfect system on the winner's device
  double bound_usd_per_hour = 0;
  std::string bound_reason{};
  std::string infeasible{};          ///< why nothing can hold, where that is known
  std::optional<PlanRow> nearest{};  ///< what comes closest, where nothing holds
  std::string cost_model{};
  std::vector<std::string> notes{};
  std::uint64_t simulated_requests = 0, runs = 0, cached_runs = 0;
  std::uint64_t families = 0, bounded = 0;  ///< of them ruled out without a simulation
  std::optional<PlanFromNow> from_now{};
  [[nodiscard]] bool feasible() const { return !ranked.empty(); }
};
constexpr double kMostLoad = 4;  ///< headroom is looked for up to this many times the load

constexpr int kPlanSchemaVersion = 3;
/// Sentences first, then the ranked table, then why the others lost; at most 80 columns.
[[nodiscard]] std::string plan_console(const PlanReport& report);
[[nodiscard]] std::string plan_json(const PlanReport& report);

}  // namespace headroom
