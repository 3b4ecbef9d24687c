// GEMS: DEMS that watches the share in time of each type of task, and calls the cloud for queued
// tasks of a type that falls behind.
//
// Rule R8 of arXiv 2412.20860: tumbling windows of 20 s and a wanted share of 0.9; after each
// outcome, every queued task of a type below it that pays and fits in the cloud is called at once.
// `faithful` keeps quirk Q3: counters of a new window are cleared at the next outcome, which is
// then not counted. O(queue + types) an outcome.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

MigrationRules rules() {
  MigrationRules rules;
  rules.parks_new = true;  // victims are called at once
  rules.parks_victims_for_edge = true;
  rules.steals_before_head = true;
  return rules;
}

std::vector<ParameterSpec> parameters_of_gems() {
  std::vector<ParameterSpec> specs = edge_parameters();
  specs.push_back({"window",
                   ParameterSpec::Kind::duration,
                   0.001,
                   1e6,
                   "20 s",
                   {},
                   "over which shares in time are counted"});
  specs.push_back({"share",
                   ParameterSpec::Kind::number,
                   0,
                   1,
                   "0.9",
                   {},
                   "of tasks in time, below which a type's queued tasks are called"});
  return specs;
}

class Gems final : public MigratingPolicy {
 public:
  explicit Gems(const Parameters& parameters)
      : MigratingPolicy(parameters, rules()),
        window_(parameters.duration("window")),
        share_(parameters.number("share")),
        end_(Instant() + window_) {}

  void on_result(EdgePlan& plan, const EdgeResult& result) override {
    counts_.resize(plan.types().size());
    if (!faithful()) {
      if (plan.now() >= end_) {
        begin_window(end_ + window_ * ((plan.now() - end_) / window_));
        clear();
      }
      count(plan, result);
      return call_for_late_types(plan);
    }
    if (clear_asked_) {
      clear_asked_ = false;
      return clear();
    }
    count(plan, result);
    if (plan.now() < end_) return call_for_late_types(plan);
    begin_window(plan.now());
    clear_asked_ = true;
  }

 private:
  struct Count {
    std::uint32_t in_time = 0, all = 0;
  };

  void begin_window(Instant start) { end_ = start + window_; }
  void clear() { counts_.assign(counts_.size(), Count{}); }
  void count(const EdgePlan& plan, const EdgeResult& result) {
    const EdgeTaskType& type = plan.types()[result.task.type];
    Count& count = counts_[type.model_of.value_or(result.task.type)];
    ++count.all;
    if (in_time(result.outcome)) ++count.in_time;
  }
  [[nodiscard]] bool late(std::uint16_t type) const {
    const Count& count = counts_[type];
    return count.all > 0 &&
           static_cast<double>(count.in_time) / static_cast<double>(count.all) < share_;
  }

  void call_for_late_types(EdgePlan& plan) const {
    for (std::size_t i = 0; i < plan.queued();) {
      const EdgeTaskView task = plan.queued(i);
      if (late(task.type().model_of.value_or(task.type_index())) &&
          task.type().cloud_utility() > 0 && task.cloud_time() < task.slack(plan.now())) {
        plan.call_cloud(task, CloudRoute::gatekeeper);
      } else {
        ++i;
      }
    }
  }

  Duration window_;
  double share_;
  Instant end_;
  std::vector<Count> counts_;  ///< by type
  bool clear_asked_ = false;
};

const RegisterDispatchPolicy kRegistered{
    "gems", "DEMS; calls the cloud for types whose share in time falls behind",
    parameters_of_gems(),
    [](const Parameters& parameters) { return std::make_unique<Gems>(parameters); }};

}  // namespace
}  // namespace headroom
