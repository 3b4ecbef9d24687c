#include "models/architecture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::array<const char*, kDataTypes> kTypeNames{
    "fp32",  "fp16",       "bf16",      "fp8",     "int8",      "int4",
    "mxfp4", "fp8_static", "fp8_block", "int8_wo", "mxfp4_fp8", "nvfp4"};

// Matrices of a feed-forward network: gate, up and down, or up and down.
std::int64_t ffn_matrices(const Architecture& model) { return model.gated_ffn ? 3 : 2; }

std::int64_t norm_vectors(const Architecture& model) {
  return model.norm == NormKind::layer ? 2 : 1;  // scale and bias, or scale
}

std::int64_t layer_attention_parameters(const Architecture& model) {
  if (model.is_latent()) {
    const std::int64_t plain = model.head_dim - model.rope_dim;
    return model.hidden * (model.q_latent + model.kv_latent + model.rope_dim) +
           model.q_latent * model.query_width() +
           model.kv_latent * model.heads * (plain + model.value_dim) +
           model.attention_width() * model.hidden;
  }
  return model.hidden * (model.query_width() + 2 * model.kv_width()) +
         model.query_width() * model.hidden;
}

std::int64_t layer_bias_parameters(const Architecture& model) {
  std::int64_t sum = 0;
  if (model.qkv_bias) sum += model.query_width() + 2 * model.kv_width();
  if (model.out_bias) sum += model.hidden;
  if (!model.ffn_bias) return sum;
  const std::int64_t first = model.gated_ffn ? 2 : 1;
  if (model.is_moe()) {
    return sum + model.experts * (first * model.expert_ffn_hidden + model.hidden + 1);
  }
  return sum + first * model.ffn_hidden + model.hidden;
}

std::int64_t layer_vector_parameters(const Architecture& model) {
  std::int64_t sum = 2 * norm_vectors(model) * model.hidden + layer_bias_parameters(model);
  if (model.qk_norm) sum += 2 * model.head_dim;
  if (model.qk_norm_wide) sum += model.query_width() + model.kv_width();
  if (model.is_latent()) sum += model.q_latent + model.kv_latent;  // norms of the latent vectors
  if (model.attention_sinks) sum += model.heads;
  return sum;
}

bool is_quantised(DataType type) {
  return type != DataType::fp32 && type != DataType::fp16 && type != DataType::bf16;
}

}  // namespace

const char* to_string(DataType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

DataType parse_data_type(std::string_view text, const std::string& where) {
  for (std::size_t i = 0; i < kTypeNames.size(); ++i) {
    if (text == kTypeNames[i]) return static_cast<DataType>(i);
  }
  std::string known;
  for (const char* name : kTypeNames) known += (known.empty() ? "" : ", ") + std::string(name);
  throw InputError(where, "expected one of " + known + ", got \"" +
                              std::string(text.substr(0, 40)) + "\"; choose one of them");
}

double bits_per_weight(DataType type) {
  switch (type) {
    case DataType::fp32:
      return 32;
    case DataType::fp16:
    case DataType::bf16:
      return 16;
    case DataType::fp8:
    case DataType::fp8_static:
    case DataType::fp8_block:
    case DataType::int8:
    case DataType::int8_wo:
      return 8;
    case DataType::int4:
      return 4 + 20.0 / 128;  // 16-bit scale and 4-bit zero point a group of 128
    case DataType::mxfp4:
    case DataType::mxfp4_fp8:
      return 4 + 8.0 / 32;  // 8-bit scale a block of 32
    case DataType::nvfp4:
      return 4 + 8.0 / 16;  // 8-bit scale a block of 16
  }
  return 0;
}

Bytes storage_bytes(DataType type, std::int64_t elements) {
  // Exact: the bits are multiples of 1/32 and elements stay below 2^53 / 32 for any model that
  // exists.
  return Bytes(static_cast<std::int64_t>(
      std::ceil(static_cast<double>(elements) * bits_per_weight(type) / 8)));
}

DataType compute_type(DataType weights, DataType activations) {
  if (weights == DataType::int4 || weights == DataType::int8_wo || weights == DataType::mxfp4) {
    return activations;
  }
  if (weights == DataType::mxfp4_fp8) return DataType::fp8_static;
  return weights;
}

ParameterCounts count_parameters(const Architecture& model) {
  ParameterCounts counts;
  counts.attention = model.layers * layer_attention_parameters(model);
  const std::int64_t mixed = model.moe_layers();
  counts.ffn = ffn_matrices(model) * model.hidden *
               ((model.layers - mixed) * model.ffn_hidden + mixed * model.shared_ffn_hidden);
  counts.experts =
      mixed * model.experts * ffn_matrices(model) * model.hidden * model.expert_ffn_hidden;
  counts.router = mixed * model.hidden * (model.experts + (model.shared_gate ? 1 : 0));
  counts.vectors = model.layers * layer_vector_parameters(model) +
                   norm_vectors(model) * model.hidden +
                   (model.router_bias ? mixed * model.experts : 0);
  counts.embedding = (model.vocab + model.learned_positions) * model.hidden;
  counts.lm_head = model.tied_embeddings ? 0 : model.vocab * model.hidden;
  return counts;
}

std::int64_t active_matmul_parameters(const Architecture& model) {
  const ParameterCounts counts = count_parameters(model);
  const std::int64_t chosen =
      model.is_moe() ? counts.experts / model.experts * model.experts_per_token : 0;
  return counts.attention + counts.ffn + counts.router + chosen;
}

Bytes kv_bytes_per_token(const Architecture& model, DataType kv_cache) {
  return storage_bytes(kv_cache, model.layers * model.kv_elements());
}

Flops attention_flops(const Architecture& model, Tokens context) {
  const std::int64_t seen =
      model.windowed_layers > 0 ? std::min(context.value(), model.sliding_window) : context.value();
  const std::int64_t key_layers =
      (model.layers - model.windowed_layers) * context.value() + model.windowed_layers * seen;
  return Flops(static_cast<double>(model.heads * model.operations_per_key()) *
               static_cast<double>(key_layers));
}

Flops lm_head_flops(const Architecture& model) {
  return Flops(2.0 * static_cast<double>(model.vocab) * static_cast<double>(model.hidden));
}

Bytes weight_bytes(const Architecture& model, const Precision& precision) {
  const ParameterCounts counts = count_parameters(model);
  return storage_bytes(precision.linear, counts.attention + counts.ffn) +
         storage_bytes(precision.experts, counts.experts) +
         storage_bytes(precision.activations,
                       counts.router + counts.vectors + counts.embedding + counts.lm_head);
}

Precision make_precision(const Architecture& model, std::string_view weights,
                         std::string_view kv_cache, const std::string& where) {
  Precision precision;
  if (weights == "native") {
    precision.linear = model.native;
    precision.experts = model.native_experts;
  } else {
    precision.linear = parse_data_type(weights, where + "/weights");
    precision.experts = precision.linear;
  }
  // A checkpoint with micro-scaled experts keeps everything else as it is.
  const bool micro =
      precision.experts == DataType::mxfp4 || precision.experts == DataType::mxfp4_fp8;
  if (micro && model.native_experts == DataType::mxfp4) precision.linear = model.native;
  precision.activations = precision.linear;
  if (is_quantised(precision.linear)) {
    precision.activations = is_quantised(model.native) ? DataType::bf16 : model.native;
  }
  precision.kv_cache = precision.activations;
  if (kv_cache == "auto") return precision;
  precision.kv_cache = parse_data_type(kv_cache, where + "/kv_cache");
  if (precision.kv_cache > DataType::int8) {
    throw InputError(where + "/kv_cache", "expected auto, fp32, fp16, bf16, fp8 or int8, got \"" +
                                              std::string(kv_cache) +
                                              "\"; other KV caches are not modelled");
  }
  return precision;
}

}  // namespace headroom
