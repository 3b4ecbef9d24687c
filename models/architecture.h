// The architecture of a decoder-only transformer as numbers, and what follows by arithmetic alone.
//
// Law: parameter counts are exact, tensor by tensor; two readings of one model (bundled table,
// config.json) that agree in their fields agree in every derived figure.
// Cost: plain values; every derived figure is O(1).
// Not here: how a model is split over GPUs (models/operators.h), whether it fits (models/memory.h),
// how fast it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/units.h"

namespace headroom {

/// Number formats of weights, activations and KV cache. As weights: fp8 multiplies with activations
/// scaled at run time, fp8_static with scales known before, fp8_block in blocks of 128 x 128 with
/// activations scaled in groups of 128; int8 multiplies as such (W8A8), int8_wo, int4 and mxfp4 are
/// weight-only, mxfp4_fp8 multiplies with fp8 activations (W4A8), nvfp4 with nvfp4 ones (W4A4).
enum class DataType : std::uint8_t {
  fp32,
  fp16,
  bf16,
  fp8,
  int8,
  int4,
  mxfp4,
  fp8_static,
  fp8_block,
  int8_wo,
  mxfp4_fp8,
  nvfp4
};
constexpr int kDataTypes = 12;

[[nodiscard]] const char* to_string(DataType type);
/// "fp16", "bf16", ...; throws InputError{where} naming the known ones.
[[nodiscard]] DataType parse_data_type(std::string_view text, const std::string& where);

/// Bits one weight takes in memory, scales included: 4.15625 for int4 (AWQ and GPTQ as published:
/// groups of 128 with a 16-bit scale and a 4-bit zero point), 4.25 for mxfp4 (OCP Microscaling 1.0:
/// blocks of 32 with an 8-bit scale), 4.5 for nvfp4 (blocks of 16 with an 8-bit scale). fp8 and
/// int8 scales are per tensor, channel or block of 128 x 128, below 0.1 %, and left out.
[[nodiscard]] double bits_per_weight(DataType type);
/// Bytes of `elements` stored numbers, scales included, rounded up. Requires 0 <= elements <= 2^53.
[[nodiscard]] Bytes storage_bytes(DataType type, std::int64_t elements);

/// Which format each part of a deployed model is held in.
/// Quantised checkpoints keep embeddings, LM head, router and norms in the activation format (vLLM,
/// TensorRT-LLM).
struct Precision {
  DataType linear = DataType::bf16;       ///< attention and dense FFN matrices
  DataType experts = DataType::bf16;      ///< expert matrices
  DataType activations = DataType::bf16;  ///< also embeddings, LM head, router, norms, biases
  DataType kv_cache = DataType::bf16;
};

/// The format in which a GEMM with such weights multiplies: weight-only formats (int4, int8_wo,
/// mxfp4) are expanded to the activation format, all others multiply as such.
[[nodiscard]] DataType compute_type(DataType weights, DataType activations);

enum class NormKind : std::uint8_t { rms, layer };  ///< layer norms carry a bias, RMS norms do not

/// Sizes of one model. Counts of things are plain integers; zero means absent.
struct Architecture {
  std::string name;    ///< "llama-3.1-8b", or the path of the config.json it was read from
  std::string family;  ///< "llama", "opt", "qwen2", "qwen3", "mistral", "mixtral", ...
  std::int64_t layers = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn_hidden = 0;  ///< of the dense FFN; 0 in a mixture without dense layers
  bool gated_ffn = true;        ///< gate, up and down matrices instead of up and down
  std::int64_t vocab = 0;
  bool tied_embeddings = false;        ///< LM head is the embedding matrix
  std::int64_t learned_positions = 0;  ///< rows of a learned position table; 0: rotary
  NormKind norm = NormKind::rms;
  bool qkv_bias = false;
  bool out_bias = false;
  bool ffn_bias = false;         ///< biases in FFN, experts and router
  bool qk_norm = false;          ///< RMS norm over each query and key head
  bool qk_norm_wide = false;     ///< the same over all heads of a token at once (MiniMax)
  bool attention_sinks = false;  ///< one learned logit a head

  // Multi-head latent attention (DeepSeek-V2 report, 2024): keys and values of a token are one
  // latent vector of kv_latent numbers and one rotary key of rope_dim, shared by all heads.
  // head_dim is then a query's width, rotary part included.
  std::int64_t q_latent = 0;   ///< width of the queries' latent vector
  std::int64_t kv_latent = 0;  ///< 0: keys and values are stored head by head
  std::int64_t rope_dim = 0;   ///< of head_dim, the rotary part
  std::int64_t value_dim = 0;  ///< of one head's value

  std::int64_t experts = 0;       ///< routed experts a layer; 0: dense model
  std::int64_t dense_layers = 0;  ///< of a mixture: first layers with a dense FFN of ffn_hidden
  bool router_bias = false;       ///< one learned bias an expert that steers its load
  std::int64_t experts_per_token = 0;
  std::int64_t expert_ffn_hidden = 0;
  std::int64_t shared_ffn_hidden = 0;  ///< width of the always-on experts together
  bool shared_gate = false;            ///< a learned scalar gate on the shared experts

  std::int64_t sliding_window = 0;   ///< tokens a windowed layer attends to; 0: none
  std::int64_t windowed_layers = 0;  ///< layers that use the window
  std::int64_t max_positions = 0;
  DataType native = DataType::bf16;  ///< format of the published checkpoint
  DataType native_experts = DataType::bf16;

  [[nodiscard]] bool is_moe() const { return experts > 0; }
  [[nodiscard]] bool is_latent() const { return kv_latent > 0; }
  [[nodiscard]] std::int64_t moe_layers() const { return is_moe() ? layers - dense_layers : 0; }
  [[nodiscard]] std::int64_t query_width() const { return heads * head_dim; }
  [[nodiscard]] std::int64_t kv_width() const { return kv_heads * head_dim; }
  /// What all heads put out, before the output matrix.
  [[nodiscard]] std::int64_t attention_width() const {
    return heads * (is_latent() ? value_dim : head_dim);
  }
  /// Numbers the KV cache keeps of one token in one layer, all GPUs together, no replication.
  [[nodiscard]] std::int64_t kv_elements() const {
    return is_latent() ? kv_latent + rope_dim : 2 * kv_width();
  }
  /// Operations of one head and one key in the plain form: score and weighted sum.
  [[nodiscard]] std::int64_t operations_per_key() const {
    return 2 * (head_dim + (is_latent() ? value_dim : head_dim));
  }
};

/// Parameters by the part of the model that holds them; the whole model, unsharded.
struct ParameterCounts {
  std::int64_t attention = 0;  ///< Q, K, V and output matrices of all layers
  std::int64_t ffn = 0;        ///< dense FFN and shared experts of all layers
  std::int64_t experts = 0;    ///< routed experts of all layers, matrices
  std::int64_t router = 0;
  std::int64_t vectors = 0;    ///< norms, biases, sinks
  std::int64_t embedding = 0;  ///< token and position tables
  std::int64_t lm_head = 0;    ///< 0 when tied
  [[nodiscard]] std::int64_t total() const {
    return attention + ffn + experts + router + vectors + embedding + lm_head;
  }
};

[[nodiscard]] ParameterCounts count_parameters(const Architecture& model);
/// Weights one token is multiplied with in all layers: everything in layers except vectors, of the
/// experts only the chosen ones. Embedding and LM head are not among them.
[[nodiscard]] std::int64_t active_matmul_parameters(const Architecture& model);

/// 2 x layers x KV heads x head dimension x bytes (latent attention: layers x (latent + rotary) x
/// bytes): KV cache of one token, all GPUs together, no replication.
[[nodiscard]] Bytes kv_bytes_per_token(const Architecture& model, DataType kv_cache);
/// Scores and weighted sum of one query token over `context` keys in all layers: 4 x heads x head
/// dimension a key and layer, windowed layers clipped. Latent attention: in its plain form, as in
/// prefill.
[[nodiscard]] Flops attention_flops(const Architecture& model, Tokens context);
/// LM head work of one sampled token.
[[nodiscard]] Flops lm_head_flops(const Architecture& model);

/// Weights of the whole model in memory, unsharded.
[[nodiscard]] Bytes weight_bytes(const Architecture& model, const Precision& precision);

/// Precision from a scenario's words. `weights`: a DataType, or "native"; `kv_cache`: a DataType or
/// "auto" (as activations). Activations follow the model (bf16 for quantised weights, else the
/// weights' own format). Throws InputError{where}.
[[nodiscard]] Precision make_precision(const Architecture& model, std::string_view weights,
                                       std::string_view kv_cache, const std::string& where);

/// The bundled models, sorted by name (models/bundled_models.cpp).
[[nodiscard]] const std::vector<Architecture>& bundled_models();
/// A bundled name (case, '_' and '/' forms such as "meta-llama/Llama-3.1-8B" are accepted), or the
/// path of a Hugging Face config.json or of the folder holding one. Throws InputError{where},
/// naming the nearest bundled name.
[[nodiscard]] Architecture find_model(const std::string& name_or_path, const std::string& where);

/// Reads a Hugging Face config.json. Throws InputError with file and JSON pointer
/// (models/config_json.cpp).
[[nodiscard]] Architecture read_config_json(const std::string& path);
/// The same from text; `file` names it in errors.
[[nodiscard]] Architecture parse_config_json(std::string_view text, const std::string& file);

}  // namespace headroom
