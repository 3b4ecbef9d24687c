// A device of known costs for tests of the measurement: its clock is a number, its kernels take
// what their shape says, with noise of a known size.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <string>

#include "profiles/measure.h"

namespace headroom::measure_test {

/// What the fake device does with a shape.
struct FakeBehaviour {
  double noise = 0.0;  ///< relative standard deviation of a sample
  std::function<double(double now_ns)> speed = [](double) { return 1.0; };
  /// What the clock says; nothing: the speed.
  std::function<double()> clock{};
  std::function<std::string(const KernelShape&)> wrong = [](const KernelShape&) {
    return std::string();
  };
  std::function<std::string(const KernelShape&)> refused = [](const KernelShape&) {
    return std::string();
  };
  std::string about{};
  /// Before each sample; may throw.
  std::function<void(const KernelShape&)> launched = [](const KernelShape&) {};
};

/// True cost of a shape in nanoseconds: a microsecond and one for each row.
inline double fake_cost(const KernelShape& shape) {
  return 1000.0 * static_cast<double>(1 + shape.m) * (starts_cold(shape) ? 2 : 1);
}

class FakeDevice final : public MeasuredDevice {
 public:
  FakeDevice(FakeBehaviour behaviour, std::uint64_t seed)
      : behaviour_(std::move(behaviour)), random_(seed) {}

  [[nodiscard]] ProfileRun identity() const override {
    ProfileRun run;
    run.device = "fake";
    run.library = "none";
    run.tool = "test";
    run.source = "test";
    return run;
  }
  [[nodiscard]] DevicePeaks peaks() const override { return peaks_; }
  [[nodiscard]] Preparation prepare(const KernelShape& shape, std::uint64_t) override {
    ++prepared;
    if (const std::string why = behaviour_.refused(shape); !why.empty()) return {nullptr, why};
    return {std::make_unique<Kernel>(*this, shape), {}};
  }
  [[nodiscard]] double clock() override {
    return behaviour_.clock ? behaviour_.clock() : behaviour_.speed(now_);
  }
  [[nodiscard]] double now_ns() override { return now_; }
  void sleep_ns(double ns) override { now_ += ns; }

  DevicePeaks peaks_{};
  std::int64_t prepared = 0, evicted = 0;

 private:
  class Kernel final : public ReadyKernel {
   public:
    Kernel(FakeDevice& device, KernelShape shape) : device_(device), shape_(std::move(shape)) {}
    [[nodiscard]] std::string check() override { return device_.behaviour_.wrong(shape_); }
    void evict() override { ++device_.evicted; }
    [[nodiscard]] std::string about() const override { return device_.behaviour_.about; }
    [[nodiscard]] LaunchTime time(std::int64_t launches) override {
      device_.behaviour_.launched(shape_);
      // Sum of twelve uniforms less six: variance one.
      double normal = 0;
      for (int i = 0; i < 12; ++i)
        normal += 0.5 * static_cast<double>(device_.random_.signed_unit());
      const double ns = fake_cost(shape_) / device_.behaviour_.speed(device_.now_) *
                        (1 + device_.behaviour_.noise * normal);
      device_.now_ += ns * static_cast<double>(launches);
      return {ns, 0};
    }

   private:
    FakeDevice& device_;
    KernelShape shape_;
  };

  FakeBehaviour behaviour_;
  SplitMix random_;
  double now_ = 1;
};

/// `count` GEMMs, cold and hot, of 1, 2, ... rows.
inline MeasurePlan fake_plan(std::int64_t count) {
  MeasurePlan plan;
  plan.name = "fake";
  for (std::int64_t m = 1; m <= count; ++m)
    for (const char* state : {"cold", "hot"}) {
      KernelShape shape;
      shape.op = "gemm";
      shape.compute = shape.stored = "fp32";
      shape.m = m;
      shape.n = shape.k = 8;
      shape.variant = state;
      plan.points.push_back(shape);
    }
  plan.anchors = {0, plan.points.size() - 1};
  return plan;
}

inline MeasureMethod fake_method() {
  MeasureMethod method;
  method.warm_up_ns = 1e5;
  method.stop.least_ns = 1e5;
  method.stop.most_ns = 1e8;
  method.anchor_every = 5;
  return method;
}

}  // namespace headroom::measure_test
