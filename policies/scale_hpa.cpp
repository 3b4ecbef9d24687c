// Kubernetes' horizontal pod autoscaler on a metric of the serving replicas.
//
// wanted = ceil(serving * metric / target), the metric a mean over serving replicas; nothing
// changes while the ratio is within `tolerance` of 1, nor while replicas are still starting would a
// second look add more for the same load: those count as serving at no load, as pods that are not
// ready do. Downwards the largest wish of the last `stabilisation` counts (Kubernetes
// documentation, "Horizontal Pod Autoscaling": algorithm details; defaults tolerance 0.1, 300 s).
// KEDA and llm-d scale by the same rule. O(wishes in the window) a question.
#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

#include "sim/registry.h"
#include "sim/scaling_policy.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"metric",
     ParameterSpec::Kind::choice,
     0,
     0,
     "outstanding",
     {"outstanding", "waiting", "busy"},
     "requests a replica, those of them in no batch, or the share of its time with a batch"},
    {"target", ParameterSpec::Kind::number, 1e-3, 1e9, "16", {}, "of the metric, a replica"},
    {"tolerance", ParameterSpec::Kind::number, 0, 1, "0.1", {}, "of metric over target around 1"},
    {"stabilisation",
     ParameterSpec::Kind::duration,
     0,
     1e6,
     "300 s",
     {},
     "the largest wish of this time counts on the way down"},
};

class Hpa final : public ScalingPolicy {
 public:
  explicit Hpa(const Parameters& parameters)
      : metric_(parameters.choice("metric")),
        target_(parameters.number("target")),
        tolerance_(parameters.number("tolerance")),
        stabilisation_(parameters.duration("stabilisation")) {}

  std::int64_t wanted(const ScalingView& view) override {
    const std::int64_t now = view.serving + view.starting;
    const std::int64_t wish = std::clamp(wish_of(view, now), view.least, view.most);
    wishes_.push_back({view.now, wish});
    while (wishes_.front().when + stabilisation_ < view.now) wishes_.pop_front();
    if (wish >= now) return wish;
    std::int64_t largest = wish;
    for (const Wish& earlier : wishes_) largest = std::max(largest, earlier.replicas);
    return std::min(largest, now);
  }

 private:
  struct Wish {
    Instant when;
    std::int64_t replicas;
  };

  [[nodiscard]] std::int64_t wish_of(const ScalingView& view, std::int64_t now) const {
    if (now == 0) return view.least;
    double load = static_cast<double>(view.outstanding);
    if (metric_ == "waiting") load = static_cast<double>(view.waiting);
    if (metric_ == "busy") load = view.busy * static_cast<double>(view.serving);
    const double ratio = load / static_cast<double>(now) / target_;
    if (std::fabs(ratio - 1) <= tolerance_) return now;
    // Rounding of the product must not ask for one more.
    return static_cast<std::int64_t>(std::ceil(std::min(load / target_, 1e9) - 1e-9));
  }

  std::string metric_;
  double target_, tolerance_;
  Duration stabilisation_;
  std::deque<Wish> wishes_;
};

const RegisterScalingPolicy kRegistered{
    "hpa", "Kubernetes' rule on requests a replica, waiting ones, or busy time", kParameters,
    [](const Parameters& p) { return std::make_unique<Hpa>(p); }};

}  // namespace
}  // namespace headroom
