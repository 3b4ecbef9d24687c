// One iteration of a sharded model as a list of operators: shapes, work and bytes on ONE GPU.
//
// Law: summed over the tp GPUs, GEMM work equals 2 x tokens x matmul parameters; replicated KV
// heads (tp beyond their number) and the router, which every GPU repeats, come on top.
// Law: summed over pipeline stages, every layer appears once.
// Cost: O(operators of a layer + prefill chunks) a list; for compiling tables, not for the
// simulation loop.
// Not here: time. Cost models turn an operator into seconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "sim/cost_model.h"
#include "sim/units.h"

namespace headroom {

enum class OperatorKind : std::uint8_t {
  embedding,  ///< gather of token rows (and learned positions)
  norm,       ///< norm with residual add, final norm, Q/K norms
  qkv_gemm,
  rope,
  kv_append,  ///< write of new keys and values into the cache
  prefill_attention,
  decode_attention,
  out_gemm,
  gate_up_gemm,  ///< up only where the FFN is not gated; dense FFN and shared experts
  activation,    ///< elementwise of the FFN
  down_gemm,
  router,
  moe_gate_up_gemm,  ///< grouped GEMM over the chosen experts
  moe_down_gemm,
  moe_permute,  ///< tokens to experts and back, weighted sum
  all_reduce,
  all_gather,  ///< of logits
  p2p,         ///< activations to the next pipeline stage
  lm_head,
  sampling,
};
constexpr int kOperatorKinds = 20;
[[nodiscard]] const char* to_string(OperatorKind kind);
[[nodiscard]] OperatorClass class_of(OperatorKind kind);

/// How a model is spread.
struct Parallelism {
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  [[nodiscard]] std::int64_t gpus() const { return tensor * pipeline; }
};

/// One kernel on one GPU. Byte counts assume each operand crosses the memory bus once.
struct Operator {
  OperatorKind kind = OperatorKind::embedding;
  std::int64_t m =
      0;  ///< GEMM rows: tokens; grouped GEMM: token-expert pairs; attention: query tokens
  std::int64_t n = 0;  ///< GEMM output columns on this GPU
  std::int64_t k = 0;  ///< GEMM inner dimension on this GPU
  double groups = 1;   ///< grouped GEMM: experts touched (expected under uniform routing)
  std::int64_t context =
      0;  ///< attention: keys attended to, summed over requests (decode) or of the chunk's end
  std::int64_t heads = 0;             ///< attention: query heads on this GPU
  std::int64_t kv_heads = 0;          ///< attention: KV heads on this GPU
  DataType compute = DataType::bf16;  ///< format the multiplication runs in
  DataType stored = DataType::bf16;   ///< format of the weights or KV read
  Flops flops{0};
  Bytes weight_bytes{0};      ///< weights or KV read (independent of m for dense GEMMs)
  Bytes activation_bytes{0};  ///< activations read and written
  Bytes message{0};           ///< collectives and p2p: buffer length on one GPU
  Bytes wire_bytes{0};        ///< collectives and p2p: bytes one GPU sends, ring algorithm
  std::int64_t repeat = 1;    ///< times it runs in the list's stage

  [[nodiscard]] Bytes bytes() const { return weight_bytes + activation_bytes; }
};

/// A model with its precision and split. Construct through `shard_model`, which checks the rules.
struct ShardedModel {
  Architecture model;
  Precision precision;
  Parallelism parallel;

  [[nodiscard]] std::int64_t layers_per_stage() const { return model.layers / parallel.pipeline; }
  [[nodiscard]] std::int64_t heads_per_gpu() const { return model.heads / parallel.tensor; }
  /// At least one: KV heads are replicated when there are fewer than GPUs.
  [[nodiscard]] std::int64_t kv_heads_per_gpu() const {
    return model.kv_heads >= parallel.tensor ? model.kv_heads / parallel.tensor : 1;
  }
  [[nodiscard]] std::int64_t vocab_per_gpu() const {
    return (model.vocab + parallel.tensor - 1) / parallel.tensor;
  }
};

/// Empty when the split is legal, else why not ("40 heads are not divisible by tp 3"). Rules: tp
/// divides heads, FFN and expert widths; tp divides KV heads or is a multiple of them; pp divides
/// layers.
[[nodiscard]] std::string sharding_problem(const Architecture& model, const Parallelism& parallel);
/// Throws InputError{where} when the split is illegal.
[[nodiscard]] ShardedModel shard_model(Architecture model, const Precision& precision,
                                       const Parallelism& parallel, const std::string& where);

/// Whether a layer attends to everything or to a window.
enum class AttentionSpan : std::uint8_t { full, windowed };

/// Expected number of distinct experts that `tokens` tokens choose, uniform routing: E (1 - (1 -
/// k/E)^tokens).
[[nodiscard]] double expected_experts_touched(const Architecture& model, std::int64_t tokens);

/// All operators of one layer that depend on the number of tokens only (no attention), in order of
/// execution, each with repeat 1.
[[nodiscard]] std::vector<Operator> layer_token_operators(const ShardedModel& sharded,
                                                          std::int64_t tokens);
/// Attention of `decodes` requests whose contexts, the new token included, sum to `context`.
/// Windowed: keys are min(context, decodes x window), exact where all contexts are on one side of
/// the window, else an upper bound.
[[nodiscard]] Operator decode_attention(const ShardedModel& sharded, AttentionSpan span,
                                        std::int64_t decodes, std::int64_t context);
/// Causal attention of one chunk: `tokens` queries over `cached` earlier keys and their own past.
[[nodiscard]] Operator prefill_attention(const ShardedModel& sharded, AttentionSpan span,
                                         const PrefillChunk& chunk);
/// Before the first layer: embedding, and its all-reduce when the table is split.
[[nodiscard]] std::vector<Operator> head_operators(const ShardedModel& sharded,
                                                   std::int64_t tokens);
/// After the last layer, for `samples` rows that yield a token: final norm, LM head, logits gather,
/// sampling.
[[nodiscard]] std::vector<Operator> tail_operators(const ShardedModel& sharded,
                                                   std::int64_t samples);
/// Activations of `tokens` tokens to the next stage; each of the tp GPUs sends its own 1/tp share.
[[nodiscard]] Operator stage_handoff(const ShardedModel& sharded, std::int64_t tokens);

/// Every operator one GPU of pipeline stage `stage` (from 0) runs in an iteration, repeats
/// included; the hand-off to the next stage is not among them. Requires 0 <= stage < pp.
[[nodiscard]] std::vector<Operator> list_stage(const ShardedModel& sharded, const BatchShape& shape,
                                               std::int64_t stage);

}  // namespace headroom
