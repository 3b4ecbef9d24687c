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
  latent_gemm,  ///< latent attention: from the latent vectors to heads
  moe_experts,  ///< fused: tokens to the chosen experts, gate, up, activation, down, weighted sum
  all_reduce,
  all_gather,      ///< of logits; of tokens to all GPUs that share the experts
  reduce_scatter,  ///< of the experts' sums back to the tokens' GPUs
  p2p,             ///< activations to the next pipeline stage
  lm_head,
  sampling,
};
constexpr int kOperatorKinds = 20;
[[nodiscard]] const char* to_string(OperatorKind kind);
[[nodiscard]] OperatorClass class_of(OperatorKind kind);

/// How a model is spread. A stage has tensor x attention_data GPUs: attention and dense FFNs are
/// split over `tensor` of them, and each such group serves its own share of the requests. Experts
/// are split over all GPUs of the stage: whole experts over `expert` GPUs, each expert's columns
/// over the rest.
struct Parallelism {
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  std::int64_t expert = 1;
  std::int64_t attention_data = 1;
  [[nodiscard]] std::int64_t stage_gpus() const { return tensor * attention_data; }
  [[nodiscard]] std::int64_t gpus() const { return stage_gpus() * pipeline; }
  /// GPUs that share one expert's columns.
  [[nodiscard]] std::int64_t moe_tensor() const { return stage_gpus() / expert; }
};

/// One kernel on one GPU. Byte counts assume each operand crosses the memory bus once.
struct Operator {
  OperatorKind kind = OperatorKind::embedding;
  std::int64_t m = 0;  ///< GEMM rows: tokens; experts: tokens of all GPUs; attention: query tokens
  std::int64_t n = 0;  ///< GEMM output columns on this GPU; experts: hidden size
  std::int64_t k =
      0;              ///< GEMM inner dimension; experts: width of one; attention: of one query head
  double groups = 1;  ///< experts touched on this GPU (expected under uniform routing)
  std::int64_t experts = 0, topk = 0;  ///< experts: of the layer, all GPUs; chosen for a token
  std::int64_t context =
      0;  ///< attention: keys attended to, summed over requests (decode) or of the chunk's end
  std::int64_t heads = 0;             ///< attention: query heads on this GPU
  std::int64_t kv_heads = 0;          ///< attention: KV heads on this GPU
  std::int64_t value_dim = 0;         ///< attention: width of a value; k unless latent
  std::int64_t window = 0;            ///< attention: keys a query sees at most; 0: all
  std::int64_t ranks = 1;             ///< collectives: GPUs; experts: GPUs that split them whole
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
  /// Tokens (or requests) of a batch that the fullest attention group holds, shared out evenly.
  [[nodiscard]] std::int64_t local(std::int64_t tokens) const {
    return (tokens + parallel.attention_data - 1) / parallel.attention_data;
  }
  [[nodiscard]] std::int64_t expert_width_per_gpu() const {
    return model.expert_ffn_hidden / parallel.moe_tensor();
  }
  [[nodiscard]] std::int64_t vocab_per_gpu() const {
    return (model.vocab + parallel.tensor - 1) / parallel.tensor;
  }
};

/// Empty when the split is legal, else why not ("40 heads are not divisible by tp 3"). Rules: tp
/// divides heads and FFN widths; tp divides KV heads or is a multiple of them (not asked of latent
/// attention); pp divides layers; ep divides the stage's GPUs and the experts, and the GPUs left
/// divide an expert's width; attention data parallelism and ep are for mixtures only.
[[nodiscard]] std::string sharding_problem(const Architecture& model, const Parallelism& parallel);
/// Throws InputError{where} when the split is illegal.
[[nodiscard]] ShardedModel shard_model(Architecture model, const Precision& precision,
                                       const Parallelism& parallel, const std::string& where);

/// Whether a layer attends to everything or to a window.
enum class AttentionSpan : std::uint8_t { full, windowed };

/// Which feed-forward network a layer of a mixture has.
enum class LayerKind : std::uint8_t { dense, experts };

/// Keys scored in causal attention of `tokens` queries behind `cached` keys, in a window (0: none).
[[nodiscard]] double causal_scores(std::int64_t tokens, std::int64_t cached, std::int64_t window);

/// Expected number of distinct experts that `tokens` tokens choose, uniform routing: E (1 - (1 -
/// k/E)^tokens).
[[nodiscard]] double expected_experts_touched(const Architecture& model, std::int64_t tokens);

/// All operators of one layer that depend on the number of tokens only (no attention), in order of
/// execution, each with repeat 1. `tokens` of the whole batch: of several attention groups each
/// holds its share, the experts see all. The kind counts for mixtures only.
[[nodiscard]] std::vector<Operator> layer_token_operators(const ShardedModel& sharded,
                                                          std::int64_t tokens,
                                                          LayerKind kind = LayerKind::experts);
/// The fused experts of one layer on one GPU, for `tokens` tokens of all GPUs.
[[nodiscard]] Operator fused_experts(const ShardedModel& sharded, std::int64_t tokens);
/// Attention of `decodes` requests whose contexts, the new token included, sum to `context`.
/// Windowed: keys are min(context, decodes x window), exact where all contexts are on one side of
/// the window, else an upper bound. Latent attention works on the latent vectors (absorbed form).
/// Requests are shared out evenly over attention groups.
[[nodiscard]] Operator decode_attention(const ShardedModel& sharded, AttentionSpan span,
                                        std::int64_t decodes, std::int64_t context);
/// Causal attention of one chunk: `tokens` queries over `cached` earlier keys and their own past.
/// Latent attention in its plain form, expanding the cached latent vectors again.
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
