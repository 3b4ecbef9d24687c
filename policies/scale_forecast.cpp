// Scales to the rate of arrivals expected once a replica that starts now would serve.
//
// Holt's linear trend (Holt, 1957; Hyndman and Athanasopoulos, "Forecasting: principles and
// practice", 3rd edition, section 8.2): level and trend of the arrival rate, smoothed a question at
// a time, looked ahead by start-up and one interval; wanted = ceil(forecast / rate a replica
// serves). Never below what the rate of now needs. O(1) a question.
#include <algorithm>
#include <cmath>
#include <memory>

#include "sim/registry.h"
#include "sim/scaling_policy.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"rate", ParameterSpec::Kind::number, 1e-6, 1e9, "4", {}, "requests a second a replica serves"},
    {"level", ParameterSpec::Kind::number, 0.01, 1, "0.5", {}, "weight of the newest rate"},
    {"trend", ParameterSpec::Kind::number, 0, 1, "0.2", {}, "weight of the newest change of level"},
};

class Forecast final : public ScalingPolicy {
 public:
  explicit Forecast(const Parameters& parameters)
      : rate_(parameters.number("rate")),
        level_weight_(parameters.number("level")),
        trend_weight_(parameters.number("trend")) {}

  std::int64_t wanted(const ScalingView& view) override {
    if (!started_) {
      started_ = true;
      level_ = view.arrivals;
    } else {
      const double before = level_;
      level_ = level_weight_ * view.arrivals + (1 - level_weight_) * (level_ + trend_);
      trend_ = trend_weight_ * (level_ - before) + (1 - trend_weight_) * trend_;
    }
    const double ahead = 1 + view.start_up.as_double() / view.interval.as_double();
    const double expected = std::max(level_, level_ + trend_ * ahead);
    return static_cast<std::int64_t>(std::ceil(std::clamp(expected / rate_, 0.0, 1e9) - 1e-9));
  }

 private:
  double rate_, level_weight_, trend_weight_;
  bool started_ = false;
  double level_ = 0, trend_ = 0;  ///< requests a second; of that an interval
};

const RegisterScalingPolicy kRegistered{
    "forecast", "Holt's trend of the arrival rate, a start-up ahead", kParameters,
    [](const Parameters& p) { return std::make_unique<Forecast>(p); }};

}  // namespace
}  // namespace headroom
