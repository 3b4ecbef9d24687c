// What a measurement needs from a device: kernels made ready for a shape, launches timed, results
// checked, caches emptied, clocks read.
//
// Law: `check` runs the very kernel that `time` times. Cost: one virtual call a sample.
// Not here: which shapes, how often, when it is enough (profiles/measure.h); a device itself
// (profiles/measure_cpu.h, profiles/cuda_device.cu).
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "profiles/check.h"
#include "profiles/store.h"

namespace headroom {

/// Nanoseconds of one launch, the mean over a sample's launches.
struct LaunchTime {
  double device_ns = 0;  ///< CPU: processor time of the thread; GPU: between events
  double wall_ns = 0;    ///< 0: the device knows no other time
};

/// Why a kernel could not be run after all (no memory, a failed launch) on a device that goes on.
class KernelRefusal : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One kernel with its operands, filled with random numbers that are not zero. What it does
/// may throw KernelRefusal.
class ReadyKernel {
 public:
  ReadyKernel() = default;
  ReadyKernel(const ReadyKernel&) = delete;
  ReadyKernel& operator=(const ReadyKernel&) = delete;
  virtual ~ReadyKernel() = default;
  /// Poisons the output, launches once and compares with an fp64 reference. Empty: right.
  [[nodiscard]] virtual std::string check() = 0;
  /// Empties the caches of the operands; not timed.
  virtual void evict() = 0;
  /// Launches so often, back to back.
  [[nodiscard]] virtual LaunchTime time(std::int64_t launches) = 0;
  /// What a reader of its time has to know beside the shape; mostly nothing.
  [[nodiscard]] virtual std::string about() const { return {}; }
};

/// A kernel, or why the device has none for the shape.
struct Preparation {
  std::unique_ptr<ReadyKernel> kernel{};
  std::string refusal{};  ///< one line; empty when there is a kernel
};

class MeasuredDevice {
 public:
  MeasuredDevice() = default;
  MeasuredDevice(const MeasuredDevice&) = delete;
  MeasuredDevice& operator=(const MeasuredDevice&) = delete;
  virtual ~MeasuredDevice() = default;
  /// Device, driver, library, clocks and what else is known before the first kernel; not the plan.
  [[nodiscard]] virtual ProfileRun identity() const = 0;
  /// Which of a machine's devices of this kind it is; empty: there is one.
  [[nodiscard]] virtual std::string unit() const { return {}; }
  /// What no kernel can exceed; unknown limits are 0.
  [[nodiscard]] virtual DevicePeaks peaks() const = 0;
  [[nodiscard]] virtual Preparation prepare(const KernelShape& shape, std::uint64_t seed) = 0;
  /// How fast the device ran during the launches timed since the last question, or runs just now:
  /// MHz where `identity` knows clocks, else in any unit; 0: unknown.
  [[nodiscard]] virtual double clock() = 0;
  /// Wall time since some instant.
  [[nodiscard]] virtual double now_ns() = 0;
  virtual void sleep_ns(double ns) = 0;
};

}  // namespace headroom
