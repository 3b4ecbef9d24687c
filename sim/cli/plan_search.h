// The cheapest deployment that holds the service levels: each family's least replicas by simulation
// of the whole workload, then how far the winner's answer carries.
//
// Law: a deployment counts as holding only where the workload was simulated on it to the end and
// enough requests held all limits; one that misses may be told early, once too many have missed.
// Law: within a family more replicas cost more and are taken to serve no worse: the search bisects
// between one that misses and one that holds, and both neighbours were simulated.
// Law: all candidates see the same requests (common random numbers), so that they differ in nothing
// but the deployment. The answer does not depend on the number of threads.
// Cost: about 2 log2(replicas) runs a family, those that miss cut short.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reports/summary.h"
#include "sim/cli/cost_cache.h"
#include "sim/cli/plan_space.h"

namespace headroom {

/// What stands around a candidate: load and costs other than predicted.
struct PlanWhatIf {
  double load = 1;    ///< arrivals come so many times faster
  double slower = 1;  ///< everything takes so many times longer than costs say
};

enum class JudgeDepth : std::uint8_t { until_missed, whole };

struct Judged {
  std::string impossible{};  ///< does not fit or no scenario: why
  bool holds = false;
  bool cut = false;            ///< ended early: too many had missed
  std::uint64_t requests = 0;  ///< that left the simulation
  std::uint64_t met = 0;
  std::optional<Summary> summary{};  ///< of whole runs
};

/// Simulates deployments of a space. Safe for several threads.
class PlanJudge {
 public:
  /// Throws InputError where the load cannot be read.
  PlanJudge(const PlanSpace& space, const std::atomic<bool>* stop);
  [[nodiscard]] Judged judge(const PlanFamily& family, std::int64_t replicas, PlanWhatIf what_if,
                             JudgeDepth depth);
  [[nodiscard]] std::uint64_t simulated_requests() const { return simulated_.load(); }
  [[nodiscard]] std::uint64_t runs() const { return runs_.load(); }
  [[nodiscard]] bool stopped() const { return stop_ != nullptr && stop_->load(); }

 private:
  const PlanSpace& space_;
  const std::atomic<bool>* stop_;
  CostCache costs_;
  std::atomic<std::uint64_t> simulated_{0}, runs_{0};
  std::uint64_t arrivals_;
};

struct FamilyAnswer {
  PlanFamily family;
  std::int64_t replicas = 0;  ///< least that hold; 0: none within the limits
  Judged at;                  ///< there; where none hold, at the most that was allowed
  std::int64_t most_tried = 0;
  std::string why_not{};  ///< one line, where none hold
  [[nodiscard]] std::int64_t gpus() const { return replicas * family.tensor; }
  [[nodiscard]] double usd_per_hour() const {
    return family.replica_price().value() * static_cast<double>(replicas);
  }
};

/// The least replicas of one family that hold, within the space's limits.
[[nodiscard]] FamilyAnswer least_replicas(PlanJudge& judge, const PlanSpace& space,
                                          const PlanFamily& family, PlanWhatIf what_if = {});

struct PlanOutlook {
  PlanWhatIf what_if;
  std::string text;           ///< "load x 2"
  std::int64_t replicas = 0;  ///< of the winner's family; 0: none within the limits
};

struct PlanAnswer {
  std::vector<FamilyAnswer> ranked;  ///< that hold, cheapest first
  std::vector<FamilyAnswer> lost;    ///< that do not, in the order of the space
  std::optional<Judged> one_less{};  ///< the winner with a replica less; none where it has one
  double headroom = 0;               ///< the winner holds up to this many times the load
  std::string binds{};               ///< what it misses first beyond that
  std::vector<PlanOutlook> outlooks{};
  std::int64_t bound_gpus = 0;  ///< of a perfect system on the winner's device
  std::uint64_t simulated_requests = 0, runs = 0;
};

struct PlanSearchOptions {
  int jobs = 1;
  const std::atomic<bool>* stop = nullptr;
};
/// Empty answers where `stop` ended it.
[[nodiscard]] PlanAnswer search_plan(const PlanSpace& space, const PlanSearchOptions& options);

}  // namespace headroom
