// What a run of edge sites says: every figure once, in `EdgeSummary`; the writers print that.
//
// Definitions: completion is the share of generated tasks with a result in time; task utility is
// benefits of those less the prices of all runs and calls; window utility is the sum of bonuses of
// windows whose share in time was at least the wanted one (by time of arrival, a site and type
// each). Energy is the accelerators' only.
// Laws: same metrics and context, same bytes; no console line is wider than 80 columns.
// Not here: comparisons of policies (reports/edge_comparison.h).
#pragma once

#include <string>
#include <vector>

#include "reports/quantiles.h"
#include "sim/edge_metrics.h"
#include "sim/edge_task.h"
#include "sim/units.h"

namespace headroom {

/// What the caller knows of a run.
struct EdgeReportContext {
  std::string scenario, policy, workload, device, cloud;
  std::uint64_t seed = 1;
  std::string tool_version, scenario_digest;
  std::vector<EdgeTaskType> types;
  Watts busy_power{0}, idle_power{0};
  Bytes memory{0};  ///< of a function
  Usd call_price{0}, gigabyte_second_price{0};
  UsdPerHour serving_price{0};  ///< of the serving system that answers the calls; 0: there is none
  std::vector<std::string> notes{};
};

struct EdgeTypeRow {
  std::string name;
  std::uint64_t generated = 0;
  double completion = 0;
  double utility = 0;
  std::array<std::uint64_t, kEdgeOutcomes> outcomes{};
  std::uint64_t windows = 0, windows_kept = 0;
  std::uint64_t in_time = 0;
  double mean_loss = 0;          ///< of answers in time
  std::uint64_t best_model = 0;  ///< answers by the model of least loss
};

struct EdgeSummary {
  EdgeReportContext context;
  std::uint64_t sites = 0;
  std::uint64_t generated = 0, in_time = 0;
  double completion = 0;
  double worst_site = 0;  ///< least completion of a site
  double task_utility = 0, window_utility = 0;
  double best_utility = 0;  ///< had every task ended in time at the edge
  std::uint64_t windows = 0, windows_kept = 0;
  std::array<std::uint64_t, kEdgeOutcomes> outcomes{};
  std::array<std::uint64_t, kMissCauses> causes{};
  std::vector<EdgeTypeRow> types;
  bool has_losses = false;  ///< answers have a quality
  double mean_loss = 0;     ///< of answers in time
  double best_model = 0;    ///< share of answers by one of several models that the best one gave
  std::uint64_t edge_runs = 0, copies_run = 0;
  double edge_busy = 0;  ///< mean share of time that an accelerator worked
  double energy_busy_j = 0, energy_idle_j = 0;
  double energy_drones_j = 0;  ///< heads and uploads of split tasks
  std::uint64_t calls = 0, cold_starts = 0, most_calls_at_once = 0, most_parked = 0;
  double billed_s = 0;
  double cost_usd = 0;
  Bytes uploaded{0};
  DurationSummary response, cloud_time;
  double end_s = 0;
  std::string decision_digest;
};

[[nodiscard]] EdgeSummary summarise_edges(const EdgeMetrics& metrics,
                                          const EdgeReportContext& context);

/// Plain text, at most 80 columns.
[[nodiscard]] std::string edge_console_report(const EdgeSummary& summary);

/// One JSON document with `schema_version` and every table.
[[nodiscard]] std::string edge_json_report(const EdgeSummary& summary);

}  // namespace headroom
