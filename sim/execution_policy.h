// The decision point of execution: how the operators of one iteration run on the resources of its
// devices.
//
// A policy sees one layer of an iteration (its operators, and what each takes for a part of the
// batch) and answers with a plan: nano-operators, each of which computes one operator, or several
// fused into one kernel, for a range of the batch's tokens on a share of a device. Dependencies
// follow by themselves: a nano-operator waits for another if their operators depend and their
// ranges meet; the next layer's first operators wait for this layer's last ones. Layers follow each
// other without a pause.
//
// Law: every operator computes every token exactly once; no nano-operator is faster than its work
// alone on the whole device, and no more than a device is given out, so a layer takes at least its
// longest chain and each resource's work. The core checks every plan and stops on an illegal one,
// naming the policy.
// Law: same view, same plan. A policy keeps no state that changes an answer.
// Cost: asked once per batch shape of a grid (models/executed_cost.h) while costs are compiled,
// never in the simulation loop; a few thousand calls, so a call should stay below a millisecond.
// Not here: what operators cost (models/), who is in the batch (sim/policy.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/operator_graph.h"

namespace headroom {

/// What an operator of a layer does, coarsely enough to be scheduled.
enum class OperatorRole : std::uint8_t {
  input_norm,         ///< before attention, with the residual add
  qkv,                ///< projections, rotation, write of keys and values into the cache
  decode_attention,   ///< over the context of all decodes
  prefill_attention,  ///< of all chunks
  out,                ///< projection after attention
  attention_reduce,   ///< all-reduce of its result; absent on one GPU
  ffn_norm,
  gate_up,     ///< with the activation
  down,        ///< absent where experts are
  experts,     ///< router and all experts in place of gate_up and down
  ffn_reduce,  ///< all-reduce of the layer's result; absent on one GPU
  added,       ///< not of the model: work that a plan adds, such as a copy or a send
  // Where attention has devices of its own. The first two stand in place of `qkv`, at the end of
  // the layer before: those of the first layer stand for those that the last one has not.
  query,          ///< its projection, with the rotation
  new_kv,         ///< projection of keys and values
  send_query,     ///< to the attention devices
  send_kv,        ///< to the attention devices
  new_attention,  ///< decodes: over the keys and values just sent; `decode_attention` has the rest
  send_result,    ///< back to the model's devices
};
constexpr std::size_t kOperatorRoles = 18;
[[nodiscard]] const char* to_string(OperatorRole role);

/// What an operator mainly occupies; nano-operators of one resource of a device do not overlap.
enum class Resource : std::uint8_t { compute, memory, elementwise, network, host_link };
constexpr std::size_t kResources = 5;
[[nodiscard]] const char* to_string(Resource resource);

/// Kinds of devices of an instance. One that has attention devices has all four: messages to and
/// from them take place on devices of their own.
constexpr std::uint8_t kModelDevice = 0;
constexpr std::uint8_t kAttentionDevice = 1;
constexpr std::uint8_t kToAttention = 2;
constexpr std::uint8_t kFromAttention = 3;

struct LayerOperator {
  OperatorRole role = OperatorRole::qkv;
  Resource resource = Resource::compute;
  std::uint32_t after = 0;   ///< operators it waits for, bit i for operator i; 0: the layer before
  std::int64_t columns = 0;  ///< of its widest product on one GPU; 0: none
  std::uint8_t device = kModelDevice;  ///< where its weights or its keys are: it runs nowhere else
  /// Operators of the layer before that it waits for where `after` is 0; 0: the last ones of it.
  std::uint32_t after_before = 0;
};

/// One layer of an iteration, as a policy sees it. Requests and chunks are dealt out so that any
/// part of the tokens has the same part of the attention.
class LayerView {
 public:
  virtual ~LayerView() = default;
  /// At most 32, in an order of execution.
  [[nodiscard]] virtual std::span<const LayerOperator> operators() const = 0;
  /// Tokens of the batch, at least 1.
  [[nodiscard]] virtual std::int64_t tokens() const = 0;
  /// Seconds that operator `op` takes alone on `device` for `tokens` of the batch's tokens. 0 for
  /// an operator this batch has no work for.
  [[nodiscard]] virtual double seconds(std::size_t op, std::int64_t tokens,
                                       std::uint8_t device) const = 0;
  [[nodiscard]] double seconds(std::size_t op) const {
    return seconds(op, tokens(), operators()[op].device);
  }
  /// Kinds of devices in the instance: 1, or 4 with attention devices.
  [[nodiscard]] virtual std::uint8_t devices() const { return 1; }
  /// Equal groups that make up a device, each of which takes what `seconds` says: replicas of the
  /// model in an instance. A nano-operator holds a share of at least one.
  [[nodiscard]] virtual std::int64_t copies(std::uint8_t /*device*/) const { return 1; }
  [[nodiscard]] virtual std::int64_t layers() const = 0;
  /// GPUs that share each layer.
  [[nodiscard]] virtual std::int64_t tensor_parallel() const = 0;
  /// Streaming multiprocessors of one GPU of device 0; 0: not known.
  [[nodiscard]] virtual std::int64_t multiprocessors() const = 0;
  /// Bytes of keys and values that one layer adds for a token on one GPU, and the speed of that
  /// GPU's link to its host in bytes a second.
  [[nodiscard]] virtual double kv_bytes_per_token() const = 0;
  [[nodiscard]] virtual double host_bytes_per_second() const = 0;
};

/// One nano-operator of a plan.
struct NanoOperator {
  std::uint32_t operators = 0;  ///< bit i for operator i; several: one fused kernel that takes as
                                ///< long as the longest of them; 0: `added` work
  std::int64_t first = 0;       ///< range of the batch's tokens, end excluded
  std::int64_t past = 0;
  double share = 1;        ///< of its device, in (0, 1]; not used when elastic
  double slow_down = 1;    ///< on that share, at least 1; not used when elastic
  bool elastic = false;    ///< compute only: runs at the speed of what others leave
  std::int64_t phase = 0;  ///< where the plan has phases
  std::uint8_t device = 0;
  double added = 0;                         ///< seconds, where `operators` is 0
  Resource resource = Resource::host_link;  ///< of added work
  std::uint32_t after = 0;                  ///< operators it also waits for in its range
  std::uint32_t after_before = 0;           ///< the same, of the layer before
  std::uint32_t before = 0;                 ///< added work: operators that wait for it in its range
  /// 1 to kMostQueues: it runs in order with all others of this queue, whatever their resource,
  /// instead of with those of its resource. 0: none.
  std::uint8_t queue = 0;
};
constexpr std::uint8_t kMostQueues = OperatorGraph::kLanes - OperatorGraph::kDevices * kResources;

/// How one layer runs. The nano-operators of one resource of a device, or of one queue, run in the
/// order listed.
struct LayerPlan {
  std::vector<NanoOperator> nano{};
  /// Barriers: above 0, a nano-operator of phase p waits for all of lower phases, phase `phases`
  /// being phase 0 of the next layer. 0: none.
  std::int64_t phases = 0;
};

/// What a plan comes to.
struct LayerTiming {
  double first = 0;     ///< seconds of the first layer alone
  double period = 0;    ///< seconds a layer in a long row of layers
  double bound = 0;     ///< of the period: the fullest resource's work
  double critical = 0;  ///< of `first`: the longest chain
  /// Seconds of `layers` layers in a row.
  [[nodiscard]] double of(std::int64_t layers) const {
    return layers < 1 ? 0 : first + period * static_cast<double>(layers - 1);
  }
};

/// The instance that is to run under a policy.
struct InstanceSplit {
  std::int64_t tensor_parallel = 1;
  std::int64_t attention_devices = 0;  ///< 0: attention runs on the model's devices
  bool only_prompts = false;           ///< it never decodes
};

/// Decides how a layer's operators run.
class ExecutionPolicy {
 public:
  virtual ~ExecutionPolicy() = default;
  [[nodiscard]] virtual LayerPlan plan(const LayerView& layer) const = 0;
  /// Why this policy makes no sense for a split; empty where it does. "" or "one GPU has nothing
  /// to overlap; ...".
  [[nodiscard]] virtual std::string refusal(const InstanceSplit& /*split*/) const { return {}; }
};

/// The plan in which operators run one after the other, each on the whole device.
[[nodiscard]] LayerPlan sequential_plan(const LayerView& layer);
/// Its time for one layer: the sum of all operators.
[[nodiscard]] double sequential_seconds(const LayerView& layer);
/// The graph of a plan, checked. Stops the run, naming `policy`, on an illegal plan.
[[nodiscard]] OperatorGraph graph_of(const LayerView& layer, const LayerPlan& plan,
                                     std::string_view policy);
[[nodiscard]] LayerTiming time_plan(const LayerView& layer, const LayerPlan& plan,
                                    std::string_view policy);
/// `LayerTiming::period` alone, of a plan that the caller knows to be legal: for searches.
[[nodiscard]] double period_of(const LayerView& layer, const LayerPlan& plan);

}  // namespace headroom
