// Tryage: of the models that may answer a task, the one with the least predicted loss plus weighted
// penalties; then the edge where it fits, else the cloud.
//
// The routing objective of Tryage (Hari and Thomson, arXiv 2308.11601): argmin over models of
// predicted loss + sum of weight x penalty, here with the penalties price, time, size and one of
// the scenario's own. A weight of 0 takes the best answer; growing weights walk along the front of
// cost and quality. The paper routes text without deadlines (`faithful`); the default looks only at
// models that are expected to be in time somewhere, while there are any. O(models x queue) an
// arrival.
#include <memory>

#include "policies/edge_migration.h"
#include "sim/edge_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

std::vector<ParameterSpec> parameters_of_tryage() {
  std::vector<ParameterSpec> specs = edge_parameters();
  const auto weight = [&specs](const char* name, const char* meaning) {
    specs.push_back({name, ParameterSpec::Kind::number, 0, 1e9, "0", {}, meaning});
  };
  weight("price_weight", "loss that one point of price is worth");
  weight("time_weight", "loss that one second of expected time is worth");
  weight("size_weight", "loss that one GiB of weights is worth");
  weight("penalty_weight", "loss that one unit of the models' own penalty is worth");
  return specs;
}

class Tryage final : public MigratingPolicy {
 public:
  explicit Tryage(const Parameters& parameters)
      : MigratingPolicy(parameters, edge_cloud_rules()),
        price_(parameters.number("price_weight")),
        time_(parameters.number("time_weight")),
        size_(parameters.number("size_weight")),
        penalty_(parameters.number("penalty_weight")) {}

  void on_arrival(EdgePlan& plan, EdgeTaskView task) override {
    if (task.type().models > 0) plan.answer_with(task, choose(plan, task));
    MigratingPolicy::on_arrival(plan, plan.view(task.slot()));
  }

 private:
  /// Where a model would answer, and what that costs.
  struct Place {
    bool in_time = false;
    double price = 0;
    Duration time{0};
  };

  /// `before` is the expected wait at the edge.
  [[nodiscard]] Place place_of(const EdgeTaskType& model, Duration slack, Duration before) const {
    if (faithful() || slack > before + model.edge_time) {
      return {true, model.edge_price, model.edge_time};
    }
    return {model.cloud_utility() > 0 && model.cloud_time < slack, model.cloud_price,
            model.cloud_time};
  }

  [[nodiscard]] std::uint16_t choose(const EdgePlan& plan, EdgeTaskView task) const {
    const EdgeTaskType& type = task.type();
    const Duration slack = task.slack(plan.now());
    const Duration before = fit_at_edge(plan, task, key_of(task)).start;
    std::uint16_t best = type.first_model;
    double least = 0;
    bool found = false;
    bool in_time = false;
    for (int i = type.first_model; i < type.first_model + type.models; ++i) {
      const auto index = static_cast<std::uint16_t>(i);
      const EdgeTaskType& model = plan.types()[index];
      const Place place = place_of(model, slack, before);
      const double score = plan.predicted_loss(task, index) + price_ * place.price +
                           time_ * seconds(place.time) + size_ * (model.size.as_double() / 0x1p30) +
                           penalty_ * model.penalty;
      const bool better = !found || (place.in_time != in_time ? place.in_time : score < least);
      if (!better) continue;
      best = index;
      least = score;
      found = true;
      in_time = place.in_time;
    }
    return best;
  }

  double price_, time_, size_, penalty_;
};

const RegisterDispatchPolicy kRegistered{
    "tryage", "the model with the least predicted loss and weighted cost, at the edge or called",
    parameters_of_tryage(),
    [](const Parameters& parameters) { return std::make_unique<Tryage>(parameters); }};

}  // namespace
}  // namespace headroom
