#include "models/kernel_layers.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// LLMServingSim's names of vLLM's layers.
struct LayerName {
  std::string_view name;
  OperatorKind kind;
};
constexpr LayerName kLayers[] = {
    {"embedding", OperatorKind::embedding}, {"layernorm", OperatorKind::norm},
    {"qkv_proj", OperatorKind::qkv_gemm},   {"rotary_emb", OperatorKind::rope},
    {"o_proj", OperatorKind::out_gemm},     {"gate_up_proj", OperatorKind::gate_up_gemm},
    {"act_fn", OperatorKind::activation},   {"down_proj", OperatorKind::down_gemm},
    {"lm_head", OperatorKind::lm_head},     {"sampler", OperatorKind::sampling},
};

std::optional<Operator> operator_of_layer(const ShardedModel& sharded, std::string_view layer,
                                          std::int64_t m) {
  const auto* known = std::find_if(std::begin(kLayers), std::end(kLayers),
                                   [&](const LayerName& one) { return one.name == layer; });
  if (known == std::end(kLayers)) return std::nullopt;
  for (const auto& list :
       {layer_token_operators(sharded, m), head_operators(sharded, m), tail_operators(sharded, m)})
    for (const Operator& op : list)
      if (op.kind == known->kind) return op;
  return std::nullopt;
}

/// One measured mixture: times by experts touched, at one number of tokens.
using Touched = std::map<double, double>;

double at_experts(const Touched& times, double experts) {
  const auto high = times.lower_bound(experts);
  if (high == times.begin()) return high->second;
  const auto low = std::prev(high);
  if (high == times.end()) return low->second;
  const double share = (experts - low->first) / (high->first - low->first);
  return low->second + share * (high->second - low->second);
}

/// Shards a model once for each degree.
class Shards {
 public:
  /// Null where the model is not bundled or cannot be split so.
  const ShardedModel* find(const std::string& name, std::int64_t tensor) {
    const auto [at, fresh] = known_.try_emplace({name, tensor});
    if (!fresh) return at->second ? &*at->second : nullptr;
    const Architecture* model = model_of_name(name);
    Parallelism parallel;
    parallel.tensor = tensor;
    if (model == nullptr || !sharding_problem(*model, parallel).empty()) return nullptr;
    at->second = shard_model(*model, make_precision(*model, "bf16", "bf16", name), parallel, name);
    return &*at->second;
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, std::optional<ShardedModel>> known_;
};

}  // namespace

const Architecture* model_of_name(const std::string& name) {
  const std::string last = lower_case(name.substr(name.rfind('/') + 1));
  const Architecture* best = nullptr;
  for (const Architecture& model : bundled_models()) {
    // What follows a name tells a training, "-instruct", or a date, not another size.
    const bool fits = last.starts_with(model.name) &&
                      (last.size() == model.name.size() || last[model.name.size()] == '-');
    if (fits && (best == nullptr || best->name.size() < model.name.size())) best = &model;
  }
  return best;
}

void each_layer(const ProfileStore& store, const std::string& device,
                const std::function<bool(const ProfileRun&)>& wanted,
                const std::function<void(const Operator&, double)>& visit) {
  Shards shards;
  std::map<std::tuple<const ShardedModel*, std::int64_t>, Touched> mixtures;
  for (const KernelRow& row : store.kernels(device, "layer", wanted)) {
    const std::string& variant = row.shape.variant;
    const std::size_t cut = variant.rfind('/');
    if (cut == std::string::npos || variant.find('#') != std::string::npos) continue;
    const ShardedModel* sharded =
        shards.find(variant.substr(0, cut), std::max<std::int64_t>(row.shape.ranks, 1));
    if (sharded == nullptr || row.shape.m < 1) continue;
    const std::string layer = variant.substr(cut + 1);
    if (layer == "moe" && sharded->model.is_moe()) {
      const auto experts = static_cast<double>(row.shape.experts);
      mixtures[{sharded, row.shape.m}][experts] = row.times.median_ns;
    } else if (const auto op = operator_of_layer(*sharded, layer, row.shape.m)) {
      visit(*op, row.times.median_ns);
    }
  }
  for (const auto& [key, times] : mixtures) {
    const auto& [sharded, tokens] = key;
    const double experts = expected_experts_touched(sharded->model, tokens);
    visit(fused_experts(*sharded, tokens), at_experts(times, experts));
  }
}

}  // namespace headroom
