// Which kernels a measurement times: lists of shapes by name, their hash, the order of one pass.
//
// Law: a plan is a function of its name and the model's sizes; its hash of its shapes alone; a
// pass's order of hash, seed and pass. Every shape is once in a plan, cold and hot apart.
// Cost: none to speak of.
// Not here: timing (profiles/measure.h), what a model is (models/).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/store.h"
#include "sim/mix.h"

namespace headroom {

/// Whose kernels are planned: they differ in the sizes that are worth a measurement.
enum class PlanFor : std::uint8_t { cpu, gpu };

/// A model's sizes, all heads of one GPU: already divided by the tensor degree.
struct PlanModel {
  std::string name{};
  std::int64_t hidden = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::int64_t ffn = 0;  ///< width of one FFN matrix on the GPU; 0: no layer has a dense FFN
  std::int64_t experts = 0, experts_per_token = 0;  ///< of a mixture's layer
  std::int64_t expert_ffn = 0, shared_ffn = 0;      ///< widths on the GPU of routed and always-on
  std::int64_t vocab = 0;
  std::int64_t tensor_ranks = 1;
  bool gated = true;
};

struct MeasurePlan {
  std::string name{};
  std::vector<KernelShape> points{};
  /// Indices of points measured again and again, to see the machine drift.
  std::vector<std::size_t> anchors{};
  /// FNV-1a of the shapes, 16 hex digits.
  [[nodiscard]] std::string hash() const;
};

/// Minutes of work: one small model's kernels and the elementary operations.
[[nodiscard]] MeasurePlan quick_plan(PlanFor device);
/// A model's GEMMs, experts, attention and element-wise kernels over batch sizes and contexts.
/// Throws InputError when a size is missing, and for a mixture on a CPU, which has no kernel of
/// experts.
[[nodiscard]] MeasurePlan model_plan(PlanFor device, const PlanModel& model);
/// A grid for models nobody named; hours.
[[nodiscard]] MeasurePlan full_plan(PlanFor device);

/// Indices of the plan's points in the order of a pass.
[[nodiscard]] std::vector<std::size_t> pass_order(const MeasurePlan& plan, std::uint64_t seed,
                                                  int pass);

/// A shape's operands start in memory, not in caches.
[[nodiscard]] bool starts_cold(const KernelShape& shape);
/// Kernel of an element-wise shape: "rms_norm" of variant "rms_norm cold".
[[nodiscard]] std::string elementwise_kernel(const KernelShape& shape);

/// splitmix64 (Steele, Lea and Flood, 2014; public domain): the measurement's only randomness.
class SplitMix {
 public:
  explicit SplitMix(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t next() {
    state_ += kMixStep;
    return finalised(state_);
  }
  /// Uniform on [-1, 1) without 0: zeros would run faster than data.
  [[nodiscard]] float signed_unit() {
    const auto bits = static_cast<float>(next() >> 41U);  // 23 bits
    return (bits + 0.5F) / 4194304.0F - 1.0F;             // 2^22
  }

 private:
  std::uint64_t state_;
};

}  // namespace headroom
