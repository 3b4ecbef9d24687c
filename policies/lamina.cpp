// Lamina: attention runs on devices of its own, and batches take turns on the two kinds of devices.
//
// Chen et al., "Efficient Heterogeneous Large Language Model Decoding with Model-Attention
// Disaggregation" (arXiv 2405.01814v2, first published as "attention offloading"). Model devices
// hold the weights, attention devices all KV. n batches are in flight over n - 1 replicas of the
// model: while one batch is attended to, the others compute. A replica serves whichever batch is
// next, so batches migrate from slice to slice. Within a slice queries are projected and sent
// first; attention over old tokens starts when they arrive, that over new tokens when keys and
// values have followed, and the two parts are merged by their denominators.
//
// Default: as many batches up to n as take the least time; few requests are not split, for each
// batch reads all weights. "faithful": always n. Without attention devices operators run in order.
// Not here: what the devices hold (models/attention_pool.h), who is in the batches (any batch
// policy).
#include <algorithm>
#include <array>

#include "sim/execution_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"batches",
     ParameterSpec::Kind::integer,
     0,
     kMostQueues,
     "0",
     {},
     "batches in flight; 0: one more than the replicas of the model"},
    {"qkv_overlap",
     ParameterSpec::Kind::flag,
     0,
     0,
     "true",
     {},
     "attention over old tokens starts when queries arrive, before keys and values"},
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "all batches in flight, also where fewer are faster"},
};

class Lamina final : public ExecutionPolicy {
 public:
  explicit Lamina(const Parameters& parameters)
      : batches_(parameters.integer("batches")),
        overlap_(parameters.flag("qkv_overlap")),
        faithful_(parameters.flag("faithful")) {}

  [[nodiscard]] std::string refusal(const InstanceSplit& split) const override {
    if (split.attention_devices == 0) return "attention has no devices of its own";
    return split.only_prompts ? "prompts need compute, which attention devices lack" : "";
  }

  [[nodiscard]] LayerPlan plan(const LayerView& layer) const override {
    if (layer.devices() == 1) return sequential_plan(layer);
    const std::int64_t asked =
        batches_ > 0 ? batches_
                     : std::min<std::int64_t>(layer.copies(kModelDevice) + 1, kMostQueues);
    const std::int64_t most = std::min(asked, layer.tokens());
    if (faithful_) return staggered(layer, most);
    LayerPlan best = staggered(layer, 1);
    double least = total(layer, best);
    for (std::int64_t batches = 2; batches <= most; ++batches) {
      LayerPlan plan = staggered(layer, batches);
      const double taken = total(layer, plan);
      if (taken >= least) continue;
      least = taken;
      best = std::move(plan);
    }
    return best;
  }

 private:
  static double total(const LayerView& layer, const LayerPlan& plan) {
    return time_plan(layer, plan, "lamina").of(layer.layers());
  }

  [[nodiscard]] LayerPlan staggered(const LayerView& layer, std::int64_t batches) const {
    const auto operators = layer.operators();
    std::array<std::uint32_t, kOperatorRoles> bits{};
    for (std::size_t op = 0; op < operators.size(); ++op)
      bits[static_cast<std::size_t>(operators[op].role)] = std::uint32_t{1} << op;
    LayerPlan plan;
    for (std::int64_t batch = 0; batch < batches; ++batch) {
      for (std::size_t op = 0; op < operators.size(); ++op) {
        NanoOperator one;
        one.operators = std::uint32_t{1} << op;
        one.first = layer.tokens() * batch / batches;
        one.past = layer.tokens() * (batch + 1) / batches;
        one.device = operators[op].device;
        // A batch holds one replica at a time, and its operators there run in order.
        if (one.device == kModelDevice) {
          one.share = 1 / static_cast<double>(layer.copies(kModelDevice));
          one.queue = static_cast<std::uint8_t>(batch + 1);
        }
        if (!overlap_) hold_back(operators[op].role, bits, one);
        plan.nano.push_back(one);
      }
    }
    return plan;
  }

  /// Without overlap nothing is sent before all three projections, nor read before all is there.
  static void hold_back(OperatorRole role, const std::array<std::uint32_t, kOperatorRoles>& bits,
                        NanoOperator& one) {
    const auto bit_of = [&](OperatorRole of) { return bits[static_cast<std::size_t>(of)]; };
    if (role == OperatorRole::send_query) one.after_before = bit_of(OperatorRole::new_kv);
    if (role == OperatorRole::decode_attention) one.after = bit_of(OperatorRole::send_kv);
  }

  std::int64_t batches_;
  bool overlap_;
  bool faithful_;
};

const RegisterExecutionPolicy kRegistered{
    "lamina",
    "Lamina: batches take turns on the model's devices and on attention devices of another kind",
    kParameters, [](const Parameters& p) { return std::make_unique<Lamina>(p); }};

}  // namespace
}  // namespace headroom
