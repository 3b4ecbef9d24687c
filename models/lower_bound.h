// The GPUs and money a perfect system would need for a load: no policy, however good, gets below.
//
// The argument. Any system that serves the load with this model, precision and device and produces
// each token of a request by its own pass (no speculation), within `span`, must
//   1. multiply every prompt token that no earlier request shares, and every output token but the
//      last of each request, with the active matrices of all layers; multiply every output token
//      with the LM head; and score each query with each key that it attends to. N devices do at
//      most N x dense peak x span of this work.
//   2. read, for every output token after a request's first, the keys and values that only this
//      request has: no batch shares them. And read the active weights once for every output
//      position of the longest request, since its passes follow one another. N devices move at most
//      N x memory bandwidth x span bytes (on-chip caches are taken to be small against weights and
//      caches in use).
//   3. hold one copy of the weights.
// Compute and memory traffic may overlap perfectly, prefixes are reused perfectly, batches are as
// large as liked, communication, host and element-wise work is free; so N is at least the largest
// of the three, not their sum.
//
// Law: never above the devices that a run of the same load used, for the span of that run.
// Cost: O(1) a request, O(1) the bound.
// Not here: bounds on latency, on parallelism a single request needs, or on a system that changes
// the model.
#pragma once

#include <cstdint>

#include "models/architecture.h"
#include "models/device.h"
#include "sim/units.h"

namespace headroom {

/// The unavoidable work of a load, summed request by request.
class LoadWork {
 public:
  LoadWork(const Architecture& model, const Precision& precision);
  /// A request that completed: `prompt` and `output` tokens, of the prompt the first `shared` have
  /// the same content as an earlier request's. Requires 0 <= shared <= prompt, output >= 1.
  void add(Tokens prompt, Tokens output, Tokens shared = Tokens(0));

  [[nodiscard]] std::int64_t requests() const { return requests_; }
  /// Dense work that runs at each format's own peak.
  [[nodiscard]] Flops linear_flops() const { return linear_; }
  [[nodiscard]] Flops expert_flops() const { return expert_; }
  /// Attention, router and LM head.
  [[nodiscard]] Flops activation_flops() const { return activation_; }
  [[nodiscard]] double kv_read_bytes() const { return kv_bytes_; }
  [[nodiscard]] double weight_read_bytes() const;

 private:
  Architecture model_;
  Precision precision_;
  Flops linear_per_token_, expert_per_token_, router_per_token_;
  double pass_bytes_ = 0;  ///< active weights of all layers and the LM head
  std::int64_t requests_ = 0;
  Tokens longest_output_{0};
  Flops linear_{0}, expert_{0}, activation_{0};
  double kv_bytes_ = 0;
};

enum class BindingResource : std::uint8_t { compute, bandwidth, capacity };
[[nodiscard]] const char* to_string(BindingResource resource);

struct LowerBound {
  std::int64_t gpus = 0;    ///< whole devices; 0 for an empty load
  double compute_gpus = 0;  ///< what each resource alone demands
  double bandwidth_gpus = 0;
  double capacity_gpus = 0;
  BindingResource binding = BindingResource::compute;
  Usd fleet{0};    ///< `gpus` rented for the whole span
  Usd elastic{0};  ///< device-seconds of work alone, devices free while idle
};

/// The bound for a load served within `span` (> 0) at `price` a device and hour. For a finished
/// run, the span from the first arrival to the last completion.
[[nodiscard]] LowerBound lower_bound(const LoadWork& work, const Architecture& model,
                                     const Precision& precision, const Device& device,
                                     Duration span, UsdPerHour price);

}  // namespace headroom
