// Judges a deployment by simulating the workload on it.
//
// Law: a deployment counts as holding only where the load it was asked for was simulated on it to
// the end and every limit held; one that misses may be told early, once too many have missed.
// Law: all deployments see the same requests (common random numbers), so that they differ in
// nothing but themselves. Safe for several threads; answers do not depend on their number.
// Cost: one simulation a question that the cache does not know.
// Not here: which deployments are asked for (sim/cli/plan_search.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "sim/cli/cost_cache.h"
#include "sim/cli/plan_judged.h"
#include "sim/cli/plan_load.h"
#include "sim/cli/plan_results.h"
#include "sim/cli/plan_space.h"

namespace headroom {

/// What stands around a deployment: load and costs other than predicted.
struct PlanWhatIf {
  double load = 1;     ///< arrivals come so many times faster
  double slower = 1;   ///< everything takes so many times longer than costs say
  double prompts = 1;  ///< prompts are so many times longer
};

enum class JudgeDepth : std::uint8_t { until_missed, whole };
/// All of a deployment, or one pool of two: prompts whose answers are one token long and leave at
/// once, or answers to prompts that 64 replicas compute.
enum class JudgedPart : std::uint8_t { whole, prefill, decode };

struct PlanQuestion {
  PlanWhatIf what_if{};
  JudgeDepth depth = JudgeDepth::until_missed;
  JudgedPart part = JudgedPart::whole;
  std::uint64_t first = 0;  ///< only so many requests; 0: all
};

class PlanJudge {
 public:
  /// `results` and `stop` may be null. Throws InputError where the load cannot be read.
  PlanJudge(const PlanSpace& space, PlanResults* results, const std::atomic<bool>* stop);
  [[nodiscard]] Judged judge(const PlanFamily& family, const PlanCounts& counts,
                             const PlanQuestion& question = {});
  [[nodiscard]] const PlanLoad& load() const { return load_; }
  [[nodiscard]] const Scenario& scenario() const { return scenario_; }
  [[nodiscard]] CostCache& costs() { return costs_; }
  [[nodiscard]] std::uint64_t simulated_requests() const { return simulated_.load(); }
  [[nodiscard]] std::uint64_t runs() const { return runs_.load(); }
  [[nodiscard]] std::uint64_t cached_runs() const { return cached_.load(); }
  [[nodiscard]] const std::atomic<bool>* stop() const { return stop_; }
  [[nodiscard]] bool stopped() const { return stop_ != nullptr && stop_->load(); }

 private:
  [[nodiscard]] Judged simulate_it(const PlanFamily& family, const Scenario& scenario,
                                   const PlanQuestion& question);

  const PlanSpace& space_;
  Scenario scenario_;  ///< the base
  PlanResults* results_;
  const std::atomic<bool>* stop_;
  CostCache costs_;
  PlanLoad load_;
  std::atomic<std::uint64_t> simulated_{0}, runs_{0}, cached_{0};
};

}  // namespace headroom
