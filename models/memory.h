// Whether a sharded model fits a device, and how many KV blocks are left.
//
// Law: weights + activations + reserve + KV blocks never exceed usable memory, nor the share of it
// that the engine's setting means (models/engine.h, `MemoryShare`).
// Law: a model that does not fit is an answer with the smallest tensor parallelism that does.
// Cost: O(1) a question (O(candidates) where it does not fit).
// Not here: KV blocks at run time (sim/kv_pool.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/architecture.h"
#include "models/attention_pool.h"
#include "models/device.h"
#include "models/engine.h"
#include "models/operators.h"
#include "sim/units.h"

namespace headroom {

struct MemoryOptions {
  /// Share of usable memory that weights, activations, reserve and KV together may take. 0.9 is
  /// vLLM's default gpu_memory_utilization.
  double utilisation = 0.9;
  MemoryShare share = MemoryShare::total;
  Tokens block_tokens{16};           ///< vLLM's default block
  Tokens max_batched_tokens{8'192};  ///< most tokens of one iteration: sizes activations
  std::int64_t max_sequences = 256;  ///< most sampled rows of one iteration: sizes logits
  Tokens least_kv{0};                ///< KV that must fit; 0: one block
  /// Kept free on each GPU, as an engine description says; empty: `reserved_bytes`.
  std::optional<Bytes> reserved{};
};

/// The demand of the fullest GPU.
struct MemoryDemand {
  Bytes weights{0};
  Bytes activations{0};
  Bytes reserved{0};  ///< driver context, libraries, communication buffers
  Bytes block{0};     ///< one KV block
  Bytes least_kv{0};  ///< KV that must fit
  [[nodiscard]] Bytes fixed() const { return weights + activations + reserved; }
  [[nodiscard]] Bytes total() const { return fixed() + least_kv; }
};

struct MemoryFit {
  bool fits = false;
  MemoryDemand demand;
  Bytes has{0};         ///< usable memory that all this may take
  Blocks kv_blocks{0};  ///< of all attention groups together; 0 where it does not fit
  std::optional<std::int64_t> smallest_tp{};  ///< at the same pp; empty: none up to kMostTensor
  /// "needs 131.9 GiB a GPU at tp 1, has 71.2; smallest that fits: tp 4".
  std::string text;
};

/// The largest tensor parallelism tried for `smallest_tp`: one NVLink domain of today.
constexpr std::int64_t kMostTensor = 72;

/// Weights of the fullest GPU: its share of every matrix; KV heads replicated where tp exceeds
/// them; norms, router and learned positions whole. The first stage holds the token table, the last
/// the LM head (both hold a tied table when pp > 1).
[[nodiscard]] Bytes weight_bytes_per_gpu(const ShardedModel& sharded);

/// Peak of intermediate results of one iteration on one GPU: residual stream and normed copy, plus
/// the widest of (Q, K, V and attention output; gate, up and their product; for experts the same
/// per token-expert pair and the experts' outputs); or, if larger, logits in activation format and
/// fp32 beside the residual stream. Buffers of layers are reused, as in vLLM's profile run.
[[nodiscard]] Bytes activation_peak(const ShardedModel& sharded, Tokens batched_tokens,
                                    std::int64_t sampled_rows);

/// Driver context and libraries, plus NCCL buffers when tp > 1.
[[nodiscard]] Bytes reserved_bytes(std::int64_t tensor_parallel);

/// KV of one block on one GPU: its layers and its KV heads (latent attention: all of it). All
/// layers hold all tokens, windowed ones too (vLLM without hybrid allocation).
[[nodiscard]] Bytes kv_block_bytes(const ShardedModel& sharded, Tokens block_tokens);

[[nodiscard]] MemoryDemand memory_demand(const ShardedModel& sharded, const MemoryOptions& options);
/// Requires 0 < utilisation <= 1 and positive block tokens.
[[nodiscard]] MemoryFit fit_memory(const ShardedModel& sharded, const Device& device,
                                   const MemoryOptions& options);

/// The same where KV is on a pool's devices: the model's devices hold the weights and no KV, the
/// pool's the KV blocks, all together, and nothing else. `demand` is of one model device, but for
/// `block` and `least_kv`, which are of one attention device.
[[nodiscard]] MemoryFit fit_pool(const ShardedModel& sharded, const Device& device,
                                 const AttentionPool& pool, const MemoryOptions& options);

/// KV tokens of a DistServe engine (Zhong et al., OSDI 2024; released code): 0.95 of memory less
/// 0.01 reserve less weights at 2 bytes counted as V h + 2048 h + (L/pp)(12 h^2/tp + 5 h), in
/// blocks of 16. For OPT models; `memory` is what CUDA offers (84,990,600,000 B on A100 80 GB).
[[nodiscard]] Tokens distserve_kv_tokens(const Architecture& model, const Parallelism& parallel,
                                         Bytes memory);

}  // namespace headroom
