// DEMS-A: DEMS that believes the cloud times it has seen lately.
//
// Rule R9 of arXiv 2412.20860: a ring of the last ten calls of a type; once full, its mean replaces
// the expected time of tasks that arrive later, where the two differ by more than 10 ms. A type
// that the cloud cannot serve in time cools for 10 s, then one task probes it with the expected
// time of the table. Pays when the cloud slows down; on a good cloud a mean is less safe than the
// high percentile it replaces. O(queue + parked) a decision.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

constexpr std::size_t kRing = 10;           // calls remembered a type (released code)
constexpr Duration kTolerance{10'000'000};  // of a belief (released code)
constexpr Duration kCooling{10'000'000'000};

class DemsAdaptive final : public MigratingPolicy {
 public:
  explicit DemsAdaptive(const Parameters& parameters) : MigratingPolicy(parameters, dems_rules()) {}

  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    beliefs_.resize(plan.types().size());
    const Belief& belief = beliefs_[task.type_index()];
    if (belief.known) plan.believe_cloud_time(task, belief.time);
    MigratingPolicy::on_arrival(plan, task);
  }

  void on_result(EdgePlan& plan, const EdgeResult& result) override {
    const bool called =
        result.task.place == EdgePlace::gone &&
        (result.outcome == EdgeOutcome::cloud || result.outcome == EdgeOutcome::rescheduled_cloud ||
         result.outcome == EdgeOutcome::missed_cloud);
    if (!called) return;
    Belief& belief = beliefs_[result.task.type];
    // The released scheduler counts whole milliseconds.
    const Duration seen =
        faithful() ? kMillisecond * (result.actual / kMillisecond) : result.actual;
    if (in_time(result.outcome)) {
      if (belief.cooling) {
        belief.cooling = false;
      } else if (result.task.probe) {
        belief.seen.assign(kRing, seen);
      }
    }
    if (belief.seen.size() == kRing) belief.seen.erase(belief.seen.begin());
    belief.seen.push_back(seen);
    learn(belief, plan.types()[result.task.type].cloud_time);
  }

 private:
  struct Belief {
    std::vector<Duration> seen;  ///< oldest first
    bool known = false;          ///< else the table's time holds
    Duration time{0};
    bool cooling = false;
    Instant since;
  };

  void learn(Belief& belief, Duration table) const {
    if (belief.seen.size() < kRing) return;
    Duration sum{0};
    for (const Duration seen : belief.seen) sum += seen;
    Duration mean = sum / static_cast<std::int64_t>(kRing);
    if (faithful()) mean = kMillisecond * (mean / kMillisecond);
    const Duration held = belief.known ? belief.time : table;
    if (mean - held > kTolerance || held - mean > kTolerance) {
      belief.time = mean;
      belief.known = true;
    }
  }

  void cloud_too_late(EdgePlan& plan, EdgeTaskView task) override {
    Belief& belief = beliefs_[task.type_index()];
    if (!belief.cooling) {
      belief.cooling = true;
      belief.since = plan.now();
      return plan.drop(task, DropReason::time);
    }
    if (plan.now() - belief.since <= kCooling) return plan.drop(task, DropReason::time);
    belief.cooling = false;
    plan.believe_cloud_time(task, task.type().cloud_time);
    if (plan.now() + task.cloud_time() > task.deadline()) {
      return plan.drop(task, DropReason::time);
    }
    plan.mark_probe(task);
    plan.park(task, cloud_trigger(task), cloud_trigger(task));
  }

  std::vector<Belief> beliefs_;  ///< by type
};

const RegisterDispatchPolicy kRegistered{
    "dems-a", "DEMS; believes the cloud times of its last ten calls", edge_parameters(),
    [](const Parameters& parameters) { return std::make_unique<DemsAdaptive>(parameters); }};

}  // namespace
}  // namespace headroom
