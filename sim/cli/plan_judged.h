// What one simulation of a plan's candidate said.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reports/plan_report.h"

namespace headroom {

struct Judged {
  std::string impossible{};  ///< does not fit or no scenario: why
  bool holds = false;
  bool cut = false;                      ///< ended early: too many had missed
  std::uint64_t requests = 0;            ///< that left the simulation
  std::uint64_t met = 0;                 ///< of them held every limit that is for them
  std::string missed{};                  ///< the limit that too many missed
  std::optional<PlanFigures> figures{};  ///< of runs to the end
  std::int64_t bound_gpus = 0;           ///< of a perfect system, of runs to the end
  /// The same on average, where replicas come and go; else 0.
  double bound_paid_gpus = 0;
  std::string bound_reason{}, cost_model{}, scenario_digest{}, cost_digest{};
};

}  // namespace headroom
