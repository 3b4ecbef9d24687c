#include "sim/edge_metrics.h"

namespace headroom {

const char* to_string(EdgeOutcome outcome) {
  switch (outcome) {
    case EdgeOutcome::edge:
      return "edge";
    case EdgeOutcome::stolen:
      return "stolen";
    case EdgeOutcome::cloud:
      return "cloud";
    case EdgeOutcome::rescheduled_cloud:
      return "rescheduled_cloud";
    case EdgeOutcome::gatekeeper_cloud:
      return "gatekeeper_cloud";
    case EdgeOutcome::missed_edge:
      return "missed_edge";
    case EdgeOutcome::missed_cloud:
      return "missed_cloud";
    case EdgeOutcome::drop_time:
      return "drop_time";
    case EdgeOutcome::drop_cost:
      return "drop_cost";
    case EdgeOutcome::rescheduled_drop_time:
      return "rescheduled_drop_time";
    case EdgeOutcome::rescheduled_drop_cost:
      return "rescheduled_drop_cost";
    case EdgeOutcome::expired_edge:
      return "expired_edge";
    case EdgeOutcome::expired_cloud:
      return "expired_cloud";
  }
  return "unknown";
}

const char* to_string(MissCause cause) {
  switch (cause) {
    case MissCause::none:
      return "none";
    case MissCause::no_place_in_time:
      return "no_place_in_time";
    case MissCause::not_worth_cloud:
      return "not_worth_cloud";
    case MissCause::edge_wait:
      return "edge_wait";
    case MissCause::edge_slow:
      return "edge_slow";
    case MissCause::cloud_wait:
      return "cloud_wait";
    case MissCause::cloud_slow:
      return "cloud_slow";
    case MissCause::cloud_cold:
      return "cloud_cold";
    case MissCause::cloud_network:
      return "cloud_network";
    case MissCause::cloud_timeout:
      return "cloud_timeout";
  }
  return "unknown";
}

double utility_of(const EdgeTaskType& type, EdgeOutcome outcome) {
  switch (outcome) {
    case EdgeOutcome::edge:
    case EdgeOutcome::stolen:
      return type.edge_utility();
    case EdgeOutcome::cloud:
    case EdgeOutcome::rescheduled_cloud:
    case EdgeOutcome::gatekeeper_cloud:
      return type.cloud_utility();
    case EdgeOutcome::missed_edge:
      return -type.edge_price;
    case EdgeOutcome::missed_cloud:
      return -type.cloud_price;
    default:
      return 0;
  }
}

std::uint64_t EdgeMetrics::generated() const {
  std::uint64_t sum = 0;
  for (const EdgeTypeTotals& type : types) sum += type.generated;
  return sum;
}

std::uint64_t EdgeMetrics::in_time() const {
  std::uint64_t sum = 0;
  for (const EdgeTypeTotals& type : types) sum += type.in_time();
  return sum;
}

double EdgeMetrics::task_utility(const std::vector<EdgeTaskType>& kinds) const {
  double sum = 0;
  for (std::size_t t = 0; t < types.size(); ++t) {
    for (int o = 0; o < kEdgeOutcomes; ++o) {
      sum += static_cast<double>(types[t].outcomes[static_cast<std::size_t>(o)]) *
             utility_of(kinds[t], static_cast<EdgeOutcome>(o));
    }
  }
  return sum;
}

double EdgeMetrics::window_utility(const std::vector<EdgeTaskType>& kinds) const {
  double sum = 0;
  for (std::size_t t = 0; t < types.size(); ++t) {
    sum += static_cast<double>(types[t].windows_kept) * kinds[t].window_bonus;
  }
  return sum;
}

}  // namespace headroom
