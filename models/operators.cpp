#include "models/operators.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/check.h"

namespace headroom {
namespace {

struct KindFacts {
  const char* name;
  OperatorClass operator_class;
};

constexpr std::array<KindFacts, kOperatorKinds> kKinds{{
    {"embedding", OperatorClass::elementwise},
    {"norm", OperatorClass::elementwise},
    {"qkv_gemm", OperatorClass::gemm},
    {"rope", OperatorClass::elementwise},
    {"kv_append", OperatorClass::elementwise},
    {"prefill_attention", OperatorClass::prefill_attention},
    {"decode_attention", OperatorClass::decode_attention},
    {"out_gemm", OperatorClass::gemm},
    {"gate_up_gemm", OperatorClass::gemm},
    {"activation", OperatorClass::elementwise},
    {"down_gemm", OperatorClass::gemm},
    {"router", OperatorClass::gemm},
    {"latent_gemm", OperatorClass::gemm},
    {"moe_experts", OperatorClass::moe},
    {"all_reduce", OperatorClass::collective},
    {"all_gather", OperatorClass::collective},
    {"reduce_scatter", OperatorClass::collective},
    {"p2p", OperatorClass::collective},
    {"lm_head", OperatorClass::gemm},
    {"sampling", OperatorClass::elementwise},
}};

double real(std::int64_t value) { return static_cast<double>(value); }

Bytes rounded(double bytes) { return Bytes(static_cast<std::int64_t>(std::ceil(bytes))); }

/// Bytes of `elements` activations.
Bytes activation_bytes(const ShardedModel& sharded, std::int64_t elements) {
  return storage_bytes(sharded.precision.activations, elements);
}

Operator gemm(const ShardedModel& sharded, OperatorKind kind, DataType weights, std::int64_t m,
              std::int64_t n, std::int64_t k) {
  Operator op;
  op.kind = kind;
  op.m = m;
  op.n = n;
  op.k = k;
  op.stored = weights;
  op.compute = compute_type(weights, sharded.precision.activations);
  op.flops = Flops(2.0 * real(m) * real(n) * real(k));
  op.weight_bytes = storage_bytes(weights, n * k);
  op.activation_bytes = activation_bytes(sharded, m * (n + k));
  return op;
}

/// A memory-bound kernel: `reads` and `writes` elements of activations, `work` operations an
/// element written.
Operator elementwise(const ShardedModel& sharded, OperatorKind kind, std::int64_t rows,
                     std::int64_t reads, std::int64_t writes, double work) {
  Operator op;
  op.kind = kind;
  op.m = rows;
  op.n = writes;
  op.compute = op.stored = sharded.precision.activations;
  op.flops = Flops(work * real(rows) * real(writes));
  op.activation_bytes = activation_bytes(sharded, rows * (reads + writes));
  return op;
}

// Ring: every GPU sends 2 (N-1)/N of its buffer and adds (N-1)/N of it (Thakur et al. 2005).
Operator all_reduce(const ShardedModel& sharded, std::int64_t tokens, std::int64_t width) {
  const double gpus = real(sharded.parallel.tensor);
  const std::int64_t elements = tokens * width;
  Operator op;
  op.kind = OperatorKind::all_reduce;
  op.ranks = sharded.parallel.tensor;
  op.m = tokens;
  op.n = width;
  op.compute = op.stored = sharded.precision.activations;
  op.message = activation_bytes(sharded, elements);
  op.wire_bytes = rounded(op.message.as_double() * 2 * (gpus - 1) / gpus);
  op.activation_bytes = op.wire_bytes;
  op.flops = Flops(real(elements) * (gpus - 1) / gpus);
  return op;
}

// All-gather of every group's tokens to all groups before the experts, or reduce-scatter of their
// sums after: the message is the whole batch, of which a GPU sends (N-1)/N.
Operator exchange(const ShardedModel& sharded, OperatorKind kind, std::int64_t tokens) {
  const double groups = real(sharded.parallel.attention_data);
  Operator op;
  op.kind = kind;
  op.ranks = sharded.parallel.attention_data;
  op.m = tokens;
  op.n = sharded.model.hidden;
  op.compute = op.stored = sharded.precision.activations;
  op.message = activation_bytes(sharded, tokens * sharded.model.hidden);
  op.wire_bytes = op.activation_bytes = rounded(op.message.as_double() * (groups - 1) / groups);
  return op;
}

// Adds the residual and normalises: reads input and residual, writes residual and output.
Operator norm(const ShardedModel& sharded, std::int64_t tokens) {
  const std::int64_t hidden = sharded.model.hidden;
  Operator op = elementwise(sharded, OperatorKind::norm, tokens, 2 * hidden, 2 * hidden, 2);
  op.weight_bytes = activation_bytes(sharded, hidden);
  return op;
}

Operator kv_append(const ShardedModel& sharded, std::int64_t tokens, std::int64_t width) {
  Operator append = elementwise(sharded, OperatorKind::kv_append, tokens, width, 0, 0);
  append.n = width;
  append.stored = sharded.precision.kv_cache;
  append.activation_bytes += storage_bytes(sharded.precision.kv_cache, tokens * width);
  return append;
}

// One matrix makes both latent vectors and the rotary key, on every GPU alike; its products are
// normed and led to this GPU's heads. Decodes multiply by the same numbers head by head instead
// (absorbed form), at the same work.
void add_latent_block(const ShardedModel& sharded, std::int64_t tokens,
                      std::vector<Operator>& list) {
  const Architecture& model = sharded.model;
  const DataType weights = sharded.precision.linear;
  const std::int64_t q = sharded.heads_per_gpu() * model.head_dim;
  const std::int64_t latents = model.q_latent + model.kv_latent;
  const std::int64_t both = model.head_dim - model.rope_dim + model.value_dim;
  list.push_back(norm(sharded, tokens));
  list.push_back(gemm(sharded, OperatorKind::qkv_gemm, weights, tokens, latents + model.rope_dim,
                      model.hidden));
  list.push_back(elementwise(sharded, OperatorKind::norm, tokens, latents, latents, 4));
  list.push_back(gemm(sharded, OperatorKind::latent_gemm, weights, tokens, q, model.q_latent));
  list.push_back(gemm(sharded, OperatorKind::latent_gemm, weights, tokens,
                      sharded.heads_per_gpu() * both, model.kv_latent));
  const std::int64_t rotated = (sharded.heads_per_gpu() + 1) * model.rope_dim;
  list.push_back(elementwise(sharded, OperatorKind::rope, tokens, rotated, rotated, 3));
  list.push_back(kv_append(sharded, tokens, model.kv_elements()));
}

void add_attention_block(const ShardedModel& sharded, std::int64_t tokens,
                         std::vector<Operator>& list) {
  const Architecture& model = sharded.model;
  if (model.is_latent()) return add_latent_block(sharded, tokens, list);
  const std::int64_t q = sharded.heads_per_gpu() * model.head_dim;
  const std::int64_t kv = sharded.kv_heads_per_gpu() * model.head_dim;
  const DataType weights = sharded.precision.linear;
  list.push_back(norm(sharded, tokens));
  list.push_back(gemm(sharded, OperatorKind::qkv_gemm, weights, tokens, q + 2 * kv, model.hidden));
  if (model.qk_norm || model.qk_norm_wide) {
    list.push_back(elementwise(sharded, OperatorKind::norm, tokens, q + kv, q + kv, 4));
  }
  // A norm over all heads needs the squares of every GPU's: two fp32 sums a token.
  if (model.qk_norm_wide && sharded.parallel.tensor > 1)
    list.push_back(all_reduce(sharded, tokens, 4));
  if (model.learned_positions == 0) {
    // Each pair of elements is rotated: 4 multiplications and 2 additions.
    list.push_back(elementwise(sharded, OperatorKind::rope, tokens, q + kv, q + kv, 3));
  }
  list.push_back(kv_append(sharded, tokens, 2 * kv));
}

void add_dense_ffn(const ShardedModel& sharded, std::int64_t tokens, std::int64_t width,
                   std::vector<Operator>& list) {
  const Architecture& model = sharded.model;
  const std::int64_t inner = width / sharded.parallel.tensor;
  const std::int64_t columns = (model.gated_ffn ? 2 : 1) * inner;
  const DataType weights = sharded.precision.linear;
  list.push_back(gemm(sharded, OperatorKind::gate_up_gemm, weights, tokens, columns, model.hidden));
  list.push_back(elementwise(sharded, OperatorKind::activation, tokens, columns, inner, 4));
  list.push_back(gemm(sharded, OperatorKind::down_gemm, weights, tokens, model.hidden, inner));
}

void add_experts(const ShardedModel& sharded, std::int64_t tokens, std::vector<Operator>& list) {
  const Architecture& model = sharded.model;
  const std::int64_t local = sharded.local(tokens);
  // The router is replicated: all experts, and the gate of shared experts as one more column.
  list.push_back(gemm(sharded, OperatorKind::router, sharded.precision.activations, local,
                      model.experts + (model.shared_gate ? 1 : 0), model.hidden));
  const bool groups = sharded.parallel.attention_data > 1;
  if (groups) list.push_back(exchange(sharded, OperatorKind::all_gather, tokens));
  list.push_back(fused_experts(sharded, tokens));
  if (groups) list.push_back(exchange(sharded, OperatorKind::reduce_scatter, tokens));
  if (model.shared_ffn_hidden > 0) add_dense_ffn(sharded, local, model.shared_ffn_hidden, list);
}

Operator attention(const ShardedModel& sharded, OperatorKind kind, std::int64_t queries,
                   double scores, std::int64_t keys) {
  const Architecture& model = sharded.model;
  Operator op;
  op.kind = kind;
  op.m = queries;
  op.context = keys;
  op.heads = sharded.heads_per_gpu();
  op.kv_heads = sharded.kv_heads_per_gpu();
  op.k = op.value_dim = model.head_dim;
  std::int64_t stored = 2 * op.kv_heads * model.head_dim;
  if (model.is_latent()) {
    op.value_dim = model.value_dim;
    stored = op.kv_heads * (op.k + op.value_dim);
    if (kind == OperatorKind::decode_attention) {
      op.kv_heads = 1;
      op.k = stored = model.kv_latent + model.rope_dim;
      op.value_dim = model.kv_latent;
    }
  }
  op.stored = sharded.precision.kv_cache;
  op.compute = sharded.precision.activations;
  // Two products a score: query with key, weight with value.
  op.flops = Flops(2.0 * real(op.heads * (op.k + op.value_dim)) * scores);
  op.weight_bytes = storage_bytes(op.stored, keys * stored);
  op.activation_bytes = activation_bytes(sharded, queries * op.heads * (op.k + op.value_dim));
  return op;
}

std::int64_t windowed_layers_of_stage(const ShardedModel& sharded, std::int64_t stage) {
  // Windowed layers alternate with full ones, so stages share them evenly, rounding as the prefix
  // sums do.
  const std::int64_t windowed = sharded.model.windowed_layers;
  const std::int64_t stages = sharded.parallel.pipeline;
  return (stage + 1) * windowed / stages - stage * windowed / stages;
}

void add_repeated(std::vector<Operator> from, std::int64_t repeat, std::vector<Operator>& list) {
  if (repeat == 0) return;
  for (Operator& op : from) {
    op.repeat *= repeat;
    list.push_back(op);
  }
}

std::vector<Operator> layer_attention(const ShardedModel& sharded, AttentionSpan span,
                                      const BatchShape& shape) {
  std::vector<Operator> list;
  for (const PrefillChunk& chunk : shape.prefills) {
    list.push_back(prefill_attention(sharded, span, chunk));
  }
  // A padded row attends to one key, itself.
  const std::int64_t rows = shape.decodes + shape.padded_decodes;
  if (rows > 0) {
    list.push_back(
        decode_attention(sharded, span, rows, shape.decode_context + shape.padded_decodes));
  }
  return list;
}

std::int64_t dense_layers_of_stage(const ShardedModel& sharded, std::int64_t stage) {
  const std::int64_t layers = sharded.layers_per_stage();
  if (!sharded.model.is_moe()) return layers;
  return std::clamp<std::int64_t>(sharded.model.dense_layers - stage * layers, 0, layers);
}

std::string expert_problem(const Architecture& model, const Parallelism& parallel) {
  if (!model.is_moe()) {
    if (parallel.expert == 1 && parallel.attention_data == 1) return {};
    return "expert and attention data parallelism are for mixtures of experts";
  }
  const std::string ep = "ep " + std::to_string(parallel.expert);
  if (parallel.stage_gpus() % parallel.expert != 0) {
    return std::to_string(parallel.stage_gpus()) + " GPUs of a stage are not divisible by " + ep;
  }
  if (model.experts % parallel.expert != 0) {
    return std::to_string(model.experts) + " experts are not divisible by " + ep;
  }
  if (model.expert_ffn_hidden % parallel.moe_tensor() != 0) {
    return std::to_string(model.expert_ffn_hidden) + " expert columns are not divisible by " +
           std::to_string(parallel.moe_tensor()) + ", the GPUs that share an expert";
  }
  return {};
}

std::string split_text(const Parallelism& parallel) {
  std::string text;
  if (parallel.expert > 1) text += ", ep " + std::to_string(parallel.expert);
  if (parallel.attention_data > 1)
    text += ", attention dp " + std::to_string(parallel.attention_data);
  return text;
}

std::string not_divisible(std::int64_t count, const char* what, std::int64_t tensor) {
  return std::to_string(count) + " " + what + " are not divisible by tp " + std::to_string(tensor);
}

}  // namespace

const char* to_string(OperatorKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

OperatorClass class_of(OperatorKind kind) {
  return kKinds[static_cast<std::size_t>(kind)].operator_class;
}

std::string sharding_problem(const Architecture& model, const Parallelism& parallel) {
  const std::int64_t tensor = parallel.tensor;
  const std::int64_t pipeline = parallel.pipeline;
  if (tensor < 1 || pipeline < 1 || parallel.expert < 1 || parallel.attention_data < 1) {
    return "tp, pp, ep and attention data parallelism must be at least 1";
  }
  if (model.heads % tensor != 0) return not_divisible(model.heads, "heads", tensor);
  if (!model.is_latent() && model.kv_heads % tensor != 0 && tensor % model.kv_heads != 0) {
    return not_divisible(model.kv_heads, "KV heads", tensor) + ", nor tp by them";
  }
  for (const std::int64_t width : {model.ffn_hidden, model.shared_ffn_hidden}) {
    if (width % tensor != 0) return not_divisible(width, "FFN columns", tensor);
  }
  if (model.layers % pipeline != 0) {
    return std::to_string(model.layers) + " layers are not divisible by pp " +
           std::to_string(pipeline);
  }
  return expert_problem(model, parallel);
}

ShardedModel shard_model(Architecture model, const Precision& precision,
                         const Parallelism& parallel, const std::string& where) {
  const std::string problem = sharding_problem(model, parallel);
  if (!problem.empty()) {
    throw InputError(where, "expected a split that " + model.name + " allows, got tp " +
                                std::to_string(parallel.tensor) + ", pp " +
                                std::to_string(parallel.pipeline) + split_text(parallel) + ": " +
                                problem + "; change the split");
  }
  return {std::move(model), precision, parallel};
}

double expected_experts_touched(const Architecture& model, std::int64_t tokens) {
  if (!model.is_moe() || tokens <= 0) return 0;
  const double experts = real(model.experts);
  // (1 - k/E)^tokens by repeated squaring: only multiplications, so the bits do not depend on libm.
  double missed = 1;
  double factor = 1 - real(model.experts_per_token) / experts;
  for (std::int64_t power = tokens; power > 0; power /= 2) {
    if (power % 2 == 1) missed *= factor;
    factor *= factor;
  }
  return experts * (1 - missed);
}

std::vector<Operator> layer_token_operators(const ShardedModel& sharded, std::int64_t tokens,
                                            LayerKind kind) {
  const Architecture& model = sharded.model;
  const std::int64_t local = sharded.local(tokens);
  std::vector<Operator> list;
  add_attention_block(sharded, local, list);
  list.push_back(gemm(sharded, OperatorKind::out_gemm, sharded.precision.linear, local,
                      model.hidden, model.attention_width() / sharded.parallel.tensor));
  if (sharded.parallel.tensor > 1) list.push_back(all_reduce(sharded, local, model.hidden));
  list.push_back(norm(sharded, local));
  if (model.is_moe() && kind == LayerKind::experts) {
    add_experts(sharded, tokens, list);
  } else {
    add_dense_ffn(sharded, local, model.ffn_hidden, list);
  }
  if (sharded.parallel.tensor > 1) list.push_back(all_reduce(sharded, local, model.hidden));
  return list;
}

// All that happens to a token between router and residual, on the experts of one GPU. Experts are
// equally likely, so a GPU has its share of the token-expert pairs and of the experts touched.
Operator fused_experts(const ShardedModel& sharded, std::int64_t tokens) {
  const Architecture& model = sharded.model;
  const std::int64_t width = sharded.expert_width_per_gpu();
  const double matrices = model.gated_ffn ? 3 : 2;
  const double ranks = real(sharded.parallel.expert);
  const double pairs = real(tokens * model.experts_per_token) / ranks;
  Operator op;
  op.kind = OperatorKind::moe_experts;
  op.m = tokens;
  op.n = model.hidden;
  op.k = width;
  op.experts = model.experts;
  op.topk = model.experts_per_token;
  op.ranks = sharded.parallel.expert;
  op.stored = sharded.precision.experts;
  op.compute = compute_type(op.stored, sharded.precision.activations);
  op.groups = expected_experts_touched(model, tokens) / ranks;
  op.flops = Flops(2 * matrices * pairs * real(model.hidden) * real(width));
  op.weight_bytes =
      rounded(op.groups * matrices * real(model.hidden * width) * bits_per_weight(op.stored) / 8);
  // Inputs and outputs of both matrix products.
  op.activation_bytes = rounded(pairs * (matrices * real(width) + 2 * real(model.hidden)) *
                                bits_per_weight(sharded.precision.activations) / 8);
  return op;
}

double causal_scores(std::int64_t tokens, std::int64_t cached, std::int64_t window) {
  if (window == 0 || cached + tokens <= window) {
    // Query i (from 1) sees cached + i keys.
    return real(tokens) * real(cached) + real(tokens) * real(tokens + 1) / 2;
  }
  // The first max(0, window - cached) queries see less than the window, all others exactly it.
  const std::int64_t growing = std::max<std::int64_t>(0, window - cached);
  return real(growing) * real(cached) + real(growing) * real(growing + 1) / 2 +
         real(tokens - growing) * real(window);
}

Operator decode_attention(const ShardedModel& sharded, AttentionSpan span, std::int64_t decodes,
                          std::int64_t context) {
  const std::int64_t window = span == AttentionSpan::windowed ? sharded.model.sliding_window : 0;
  const std::int64_t rows = sharded.local(decodes);
  const std::int64_t all = sharded.local(context);
  const std::int64_t keys = window > 0 ? std::min(all, rows * window) : all;
  Operator op = attention(sharded, OperatorKind::decode_attention, rows, real(keys), keys);
  op.window = window;
  return op;
}

Operator prefill_attention(const ShardedModel& sharded, AttentionSpan span,
                           const PrefillChunk& chunk) {
  const std::int64_t tokens = chunk.tokens;
  const std::int64_t cached = chunk.cached;
  const std::int64_t window = span == AttentionSpan::windowed ? sharded.model.sliding_window : 0;
  const bool clipped = window > 0 && cached + tokens > window;
  const std::int64_t keys = tokens + (clipped ? std::min(cached, window - 1) : cached);
  Operator op = attention(sharded, OperatorKind::prefill_attention, tokens,
                          causal_scores(tokens, cached, window), keys);
  op.window = window;
  if (sharded.model.is_latent()) {
    const Architecture& model = sharded.model;
    const std::int64_t both = model.head_dim - model.rope_dim + model.value_dim;
    op.flops += Flops(2.0 * real(cached * model.kv_latent) * real(op.heads * both));
  }
  return op;
}

std::vector<Operator> head_operators(const ShardedModel& sharded, std::int64_t tokens) {
  const std::int64_t tables = sharded.model.learned_positions > 0 ? 2 : 1;
  const std::int64_t hidden = sharded.model.hidden;
  const std::int64_t local = sharded.local(tokens);
  std::vector<Operator> list{
      elementwise(sharded, OperatorKind::embedding, local, tables * hidden, hidden, 0)};
  if (sharded.parallel.tensor > 1) list.push_back(all_reduce(sharded, local, hidden));
  return list;
}

std::vector<Operator> tail_operators(const ShardedModel& sharded, std::int64_t batch_samples) {
  const Architecture& model = sharded.model;
  if (batch_samples == 0) return {};
  const std::int64_t samples = sharded.local(batch_samples);
  const std::int64_t columns = sharded.vocab_per_gpu();
  std::vector<Operator> list{norm(sharded, samples),
                             gemm(sharded, OperatorKind::lm_head, sharded.precision.activations,
                                  samples, columns, model.hidden)};
  if (sharded.parallel.tensor > 1) {
    Operator gather = elementwise(sharded, OperatorKind::all_gather, samples, columns, 0, 0);
    gather.n = columns;
    gather.ranks = sharded.parallel.tensor;
    gather.message = activation_bytes(sharded, samples * columns);
    gather.wire_bytes = gather.message * (sharded.parallel.tensor - 1);
    gather.activation_bytes = gather.message + gather.wire_bytes;
    list.push_back(gather);
  }
  // One pass over the logits for the highest or a sampled one.
  list.push_back(elementwise(sharded, OperatorKind::sampling, samples, model.vocab, 0, 0));
  list.back().n = model.vocab;
  return list;
}

Operator stage_handoff(const ShardedModel& sharded, std::int64_t tokens) {
  const std::int64_t elements =
      (sharded.local(tokens) * sharded.model.hidden + sharded.parallel.tensor - 1) /
      sharded.parallel.tensor;
  Operator op;
  op.kind = OperatorKind::p2p;
  op.ranks = 2;
  op.m = tokens;
  op.n = sharded.model.hidden;
  op.compute = op.stored = sharded.precision.activations;
  op.message = op.wire_bytes = op.activation_bytes = activation_bytes(sharded, elements);
  return op;
}

std::vector<Operator> list_stage(const ShardedModel& sharded, const BatchShape& shape,
                                 std::int64_t stage) {
  SIM_CHECK(stage >= 0 && stage < sharded.parallel.pipeline, "a stage is one of the pipeline's");
  const std::int64_t tokens = shape.all_tokens();
  std::vector<Operator> list;
  if (stage == 0) add_repeated(head_operators(sharded, tokens), 1, list);
  const std::int64_t layers = sharded.layers_per_stage();
  const std::int64_t dense = dense_layers_of_stage(sharded, stage);
  add_repeated(layer_token_operators(sharded, tokens, LayerKind::dense), dense, list);
  add_repeated(layer_token_operators(sharded, tokens), layers - dense, list);
  const std::int64_t windowed = windowed_layers_of_stage(sharded, stage);
  add_repeated(layer_attention(sharded, AttentionSpan::full, shape), layers - windowed, list);
  add_repeated(layer_attention(sharded, AttentionSpan::windowed, shape), windowed, list);
  if (stage == sharded.parallel.pipeline - 1) {
    add_repeated(tail_operators(sharded, shape.sampled_rows()), 1, list);
  }
  return list;
}

}  // namespace headroom
