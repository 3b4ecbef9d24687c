#include "models/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;

// Context, CUDA libraries and graphs: 551 MiB, NCCL buffers 342 MiB at tp 2 and 392 MiB above, as
// aiconfigurator's system tables record them for A100 to B200 (release of 2026; it adds a further
// safety margin on top, which the utilisation covers here).
constexpr std::int64_t kContextMiB = 551;
constexpr std::int64_t kNcclPairMiB = 342;
constexpr std::int64_t kNcclMiB = 392;

std::int64_t share(std::int64_t count, std::int64_t tensor) {
  return (count + tensor - 1) / tensor;
}

/// Parameters on one GPU by the format that holds them.
struct Held {
  std::int64_t linear = 0;
  std::int64_t experts = 0;
  std::int64_t plain = 0;
};

// The matrix that makes the latent vectors is whole on every GPU.
std::int64_t attention_parameters(const ShardedModel& sharded) {
  const Architecture& model = sharded.model;
  const std::int64_t heads = sharded.heads_per_gpu();
  if (!model.is_latent()) {
    return model.hidden * 2 * (heads + sharded.kv_heads_per_gpu()) * model.head_dim;
  }
  const std::int64_t both = model.head_dim - model.rope_dim + model.value_dim;
  return model.hidden * (model.q_latent + model.kv_latent + model.rope_dim) +
         heads * (model.q_latent * model.head_dim + model.kv_latent * both +
                  model.value_dim * model.hidden);
}

Held layer_parameters(const ShardedModel& sharded, LayerKind kind) {
  const Architecture& model = sharded.model;
  const std::int64_t tensor = sharded.parallel.tensor;
  const std::int64_t q = sharded.heads_per_gpu() * model.head_dim;
  const std::int64_t kv = sharded.kv_heads_per_gpu() * model.head_dim;
  const std::int64_t matrices = model.gated_ffn ? 3 : 2;
  const std::int64_t first = model.gated_ffn ? 2 : 1;
  const std::int64_t norms = model.norm == NormKind::layer ? 4 : 2;
  const bool mixed = kind == LayerKind::experts;
  const std::int64_t dense = (mixed ? model.shared_ffn_hidden : model.ffn_hidden) / tensor;
  Held held;
  held.linear = attention_parameters(sharded) + matrices * model.hidden * dense;
  held.plain = norms * model.hidden + (model.qk_norm ? 2 * model.head_dim : 0) +
               (model.qk_norm_wide ? q + kv : 0) + model.q_latent + model.kv_latent +
               (model.attention_sinks ? sharded.heads_per_gpu() : 0);
  if (model.qkv_bias) held.plain += q + 2 * kv;
  if (model.out_bias) held.plain += model.hidden;
  if (!mixed) {
    if (model.ffn_bias) held.plain += first * dense + model.hidden;
    return held;
  }
  const std::int64_t experts = model.experts / sharded.parallel.expert;
  const std::int64_t width = sharded.expert_width_per_gpu();
  held.experts = experts * matrices * model.hidden * width;
  held.plain += model.hidden * (model.experts + (model.shared_gate ? 1 : 0));
  if (model.router_bias) held.plain += model.experts;
  if (model.ffn_bias) held.plain += experts * (first * width + model.hidden + 1);
  return held;
}

// Beside the layers, in the stage that holds most of it.
std::int64_t outer_parameters(const ShardedModel& sharded) {
  const Architecture& model = sharded.model;
  const std::int64_t table = share(model.vocab, sharded.parallel.tensor) * model.hidden;
  const std::int64_t positions = model.learned_positions * model.hidden;
  const std::int64_t final_norm = (model.norm == NormKind::layer ? 2 : 1) * model.hidden;
  if (sharded.parallel.pipeline > 1) return table + std::max(positions, final_norm);
  return table * (model.tied_embeddings ? 1 : 2) + positions + final_norm;
}

// Elements of intermediate results per token inside a layer, beside the residual stream.
std::int64_t widest_per_token(const ShardedModel& sharded) {
  const Architecture& model = sharded.model;
  const std::int64_t tensor = sharded.parallel.tensor;
  const std::int64_t q = sharded.heads_per_gpu() * model.head_dim;
  const std::int64_t kv = sharded.kv_heads_per_gpu() * model.head_dim;
  const std::int64_t matrices = model.gated_ffn ? 3 : 2;  // inputs of the product, and the product
  const std::int64_t attention = 2 * q + 2 * kv;
  const std::int64_t dense =
      matrices * std::max(model.ffn_hidden, model.shared_ffn_hidden) / tensor;
  const std::int64_t experts =
      model.is_moe()
          ? model.experts_per_token * (matrices * sharded.expert_width_per_gpu() + model.hidden)
          : 0;
  return std::max({attention, dense, experts});
}

std::string gib(Bytes bytes) {
  std::string text = fmt::format("{:.1f}", bytes.as_double() / static_cast<double>(1024 * kMiB));
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string describe(const MemoryFit& fit, const Parallelism& parallel) {
  const std::string pipeline =
      parallel.pipeline > 1 ? fmt::format(", pp {}", parallel.pipeline) : "";
  std::string text = fmt::format("needs {} GiB a GPU at tp {}{}, has {}", gib(fit.demand.total()),
                                 parallel.tensor, pipeline, gib(fit.has));
  if (fit.fits) return text + fmt::format("; {} KV blocks", fit.kv_blocks.value());
  if (fit.smallest_tp) return text + fmt::format("; smallest that fits: tp {}", *fit.smallest_tp);
  return text + fmt::format("; no tp up to {} fits", kMostTensor);
}

Bytes share_of(Bytes bytes, double share) {
  return Bytes(static_cast<std::int64_t>(bytes.as_double() * share));
}

/// What weights, activations, reserve and KV may take together.
Bytes memory_for(const MemoryDemand& demand, const Device& device, const MemoryOptions& options) {
  const Bytes all = device.usable_memory;
  switch (options.share) {
    case MemoryShare::free:
      return demand.fixed() > all
                 ? all
                 : demand.fixed() + share_of(all - demand.fixed(), options.utilisation);
    case MemoryShare::static_pool: {
      // The share is taken of what the driver's context leaves.
      const Bytes pool = share_of(all - demand.reserved, options.utilisation);
      return std::min(all, pool + demand.reserved + demand.activations);
    }
    case MemoryShare::total:
      break;
  }
  return share_of(all, options.utilisation);
}

}  // namespace

Bytes weight_bytes_per_gpu(const ShardedModel& sharded) {
  const Held dense = layer_parameters(sharded, LayerKind::dense);
  const std::int64_t layers = sharded.layers_per_stage();
  // Layers with experts are the larger ones: some stage has nothing else.
  const std::int64_t first = sharded.parallel.pipeline == 1 ? sharded.model.dense_layers : 0;
  const std::int64_t mixed = sharded.model.is_moe() ? layers - first : 0;
  const Held experts = mixed > 0 ? layer_parameters(sharded, LayerKind::experts) : Held{};
  const std::int64_t plain = layers - mixed;
  return storage_bytes(sharded.precision.linear, plain * dense.linear + mixed * experts.linear) +
         storage_bytes(sharded.precision.experts, mixed * experts.experts) +
         storage_bytes(sharded.precision.activations,
                       plain * dense.plain + mixed * experts.plain + outer_parameters(sharded));
}

Bytes activation_peak(const ShardedModel& sharded, Tokens batched_tokens,
                      std::int64_t sampled_rows) {
  const std::int64_t tokens = sharded.local(batched_tokens.value());
  const std::int64_t hidden = sharded.model.hidden;
  const Bytes layer = storage_bytes(sharded.precision.activations,
                                    tokens * (2 * hidden + widest_per_token(sharded)));
  // Logits are gathered, then converted to fp32 for sampling.
  const std::int64_t logits = sampled_rows * sharded.model.vocab;
  const Bytes head = storage_bytes(sharded.precision.activations, tokens * hidden + logits) +
                     storage_bytes(DataType::fp32, logits);
  return std::max(layer, head);
}

Bytes reserved_bytes(std::int64_t tensor_parallel) {
  std::int64_t mib = kContextMiB;
  if (tensor_parallel == 2) mib += kNcclPairMiB;
  if (tensor_parallel > 2) mib += kNcclMiB;
  return Bytes(mib * kMiB);
}

Bytes kv_block_bytes(const ShardedModel& sharded, Tokens block_tokens) {
  // Latent vectors belong to no head: every GPU of a tensor-parallel group holds them all.
  const std::int64_t width = sharded.model.is_latent()
                                 ? sharded.model.kv_elements()
                                 : 2 * sharded.kv_heads_per_gpu() * sharded.model.head_dim;
  return storage_bytes(sharded.precision.kv_cache,
                       block_tokens.value() * sharded.layers_per_stage() * width);
}

MemoryDemand memory_demand(const ShardedModel& sharded, const MemoryOptions& options) {
  MemoryDemand demand;
  demand.weights = weight_bytes_per_gpu(sharded);
  demand.activations = activation_peak(sharded, options.max_batched_tokens, options.max_sequences);
  demand.reserved = options.reserved.value_or(reserved_bytes(sharded.parallel.tensor));
  demand.block = kv_block_bytes(sharded, options.block_tokens);
  const Blocks least = std::max(Blocks(1), blocks_for(options.least_kv, options.block_tokens));
  demand.least_kv = demand.block * least.value();
  return demand;
}

MemoryFit fit_memory(const ShardedModel& sharded, const Device& device,
                     const MemoryOptions& options) {
  SIM_CHECK(options.utilisation > 0 && options.utilisation <= 1,
            "memory utilisation is a share of the device");
  SIM_CHECK(options.block_tokens > Tokens(0), "a KV block holds at least one token");
  MemoryFit fit;
  fit.demand = memory_demand(sharded, options);
  fit.has = memory_for(fit.demand, device, options);
  fit.fits = fit.demand.total() <= fit.has;
  if (fit.fits) {
    fit.smallest_tp = sharded.parallel.tensor;
    fit.kv_blocks =
        Blocks((fit.has - fit.demand.fixed()) / fit.demand.block * sharded.parallel.attention_data);
  }
  for (std::int64_t tensor = 1; tensor <= kMostTensor; ++tensor) {
    if (fit.fits && tensor >= sharded.parallel.tensor) break;
    ShardedModel other = sharded;
    other.parallel.tensor = tensor;
    if (!sharding_problem(other.model, other.parallel).empty()) continue;
    const MemoryDemand demand = memory_demand(other, options);
    if (demand.total() > memory_for(demand, device, options)) continue;
    fit.smallest_tp = tensor;
    break;
  }
  fit.text = describe(fit, sharded.parallel);
  return fit;
}

MemoryFit fit_pool(const ShardedModel& sharded, const Device& device, const AttentionPool& pool,
                   const MemoryOptions& options) {
  MemoryOptions no_kv = options;
  no_kv.least_kv = Tokens(0);
  MemoryFit fit = fit_memory(sharded, device, no_kv);
  if (!fit.fits) return fit;
  // One that holds requests whole has a pool of its own; together they are taken as one.
  const ShardedModel shard = pool_shard(sharded, pool);
  const std::int64_t holders = pool.partition == AttentionPartition::requests ? pool.devices : 1;
  MemoryDemand demand;
  demand.reserved = options.reserved.value_or(reserved_bytes(pool.devices));
  const Bytes has = memory_for(demand, pool.device, options);
  fit.demand.block = kv_block_bytes(shard, options.block_tokens);
  const Blocks least = std::max(Blocks(1), blocks_for(options.least_kv, options.block_tokens));
  fit.demand.least_kv = fit.demand.block * least.value();
  const Bytes room = std::max(Bytes(0), has - demand.reserved);
  fit.kv_blocks = Blocks(room / fit.demand.block * holders);
  fit.fits = fit.demand.least_kv <= room;
  const std::string have = fmt::format("{} attention devices {} have {} GiB for KV each",
                                       pool.devices, pool.device.name, gib(room));
  fit.text = fit.fits
                 ? have + fmt::format("; {} KV blocks", fit.kv_blocks.value())
                 : have + fmt::format(", need {}; add attention devices", gib(fit.demand.least_kv));
  return fit;
}

Tokens distserve_kv_tokens(const Architecture& model, const Parallelism& parallel, Bytes memory) {
  const double hidden = static_cast<double>(model.hidden);
  const std::int64_t stage_layers = model.layers / parallel.pipeline;
  const auto layers = static_cast<double>(stage_layers);
  const double tensor = static_cast<double>(parallel.tensor);
  const double parameters = static_cast<double>(model.vocab) * hidden + 2048 * hidden +
                            layers * (12 * hidden * hidden / tensor + 5 * hidden);
  const double block_bytes = 16 * 2 * 2 * hidden * layers / tensor;
  const double free = 0.95 * memory.as_double() - 0.01 * memory.as_double() - 2 * parameters;
  if (free < 0) return Tokens(0);
  return Tokens(16 * static_cast<std::int64_t>(std::floor(free / block_bytes)));
}

}  // namespace headroom
