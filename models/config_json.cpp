// Field names and defaults: the configuration classes of Hugging Face transformers 4.57
// (LlamaConfig, OPTConfig, ...).
#include "models/config_json.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "models/architecture.h"
#include "sim/check.h"
#include "sim/quantity_text.h"
#include "sim/scenario_json.h"

namespace headroom {
namespace {

// Bounds far above any published model that keep every product of sizes below 2^63.
constexpr std::int64_t kMostLayers = 1'000;
constexpr std::int64_t kMostHidden = 1 << 17;
constexpr std::int64_t kMostHeads = 4'096;
constexpr std::int64_t kMostHeadDim = 4'096;
constexpr std::int64_t kMostFfn = 1'000'000;
constexpr std::int64_t kMostVocab = 10'000'000;
constexpr std::int64_t kMostExperts = 2'048;
constexpr std::int64_t kMostPositions = 1'000'000'000;
constexpr std::int64_t kMostParameters = 100'000'000'000'000;

/// The members of one JSON object, read by name.
class Fields {
 public:
  /// `prefix`: pointer of the object, "" for the root.
  Fields(const JsonNode& node, std::string file, std::string prefix = {})
      : node_(node), file_(std::move(file)), prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string place(std::string_view key) const {
    return file_ + ": " + prefix_ + "/" + std::string(key);
  }
  [[noreturn]] void fail(std::string_view key, const std::string& message) const {
    throw InputError(place(key), message);
  }
  /// nullptr when absent or null.
  [[nodiscard]] const JsonNode* find(std::string_view key) const {
    const JsonNode* member = node_.find(key);
    return member == nullptr || member->kind == JsonNode::Kind::null ? nullptr : member;
  }
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t most) const {
    const JsonNode* member = find(key);
    if (member == nullptr) {
      fail(key, "expected an integer from 1 to " + std::to_string(most) +
                    ", got nothing; use the complete config.json of the model");
    }
    return value_of(key, *member, 1, most);
  }
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t most,
                                        std::int64_t fallback) const {
    const JsonNode* member = find(key);
    return member == nullptr ? fallback : value_of(key, *member, 1, most);
  }
  [[nodiscard]] bool flag_or(std::string_view key, bool fallback) const {
    const JsonNode* member = find(key);
    if (member == nullptr) return fallback;
    if (member->kind != JsonNode::Kind::boolean) {
      fail(key, "expected true or false, got " + found(*member));
    }
    return member->text == "true";
  }
  [[nodiscard]] std::string text_or(std::string_view key, const std::string& fallback) const {
    const JsonNode* member = find(key);
    if (member == nullptr) return fallback;
    if (member->kind != JsonNode::Kind::text) fail(key, "expected a text, got " + found(*member));
    return member->text;
  }
  /// The elements of a list; empty when absent.
  [[nodiscard]] const std::vector<JsonNode>& list(std::string_view key) const {
    static const std::vector<JsonNode> kEmpty;
    const JsonNode* member = find(key);
    if (member == nullptr) return kEmpty;
    if (member->kind != JsonNode::Kind::array) fail(key, "expected a list, got " + found(*member));
    return member->children;
  }

 private:
  [[nodiscard]] std::int64_t value_of(std::string_view key, const JsonNode& member,
                                      std::int64_t least, std::int64_t most) const {
    if (member.kind != JsonNode::Kind::number) {
      fail(key, "expected an integer from " + std::to_string(least) + " to " +
                    std::to_string(most) + ", got " + found(member));
    }
    return parse_integer(member.text, least, most, place(key));
  }

  const JsonNode& node_;
  std::string file_;
  std::string prefix_;
};

// Sizes that every family but OPT spells alike.
void read_common(const Fields& fields, Architecture& model) {
  model.layers = fields.integer("num_hidden_layers", kMostLayers);
  model.hidden = fields.integer("hidden_size", kMostHidden);
  model.heads = fields.integer("num_attention_heads", kMostHeads);
  model.vocab = fields.integer("vocab_size", kMostVocab);
  model.max_positions = fields.integer("max_position_embeddings", kMostPositions);
  model.tied_embeddings = fields.flag_or("tie_word_embeddings", false);
}

void read_kv_heads(const Fields& fields, Architecture& model, std::int64_t fallback) {
  model.kv_heads = fallback > 0 ? fields.integer_or("num_key_value_heads", kMostHeads, fallback)
                                : fields.integer("num_key_value_heads", kMostHeads);
}

void read_head_dim(const Fields& fields, Architecture& model) {
  if (fields.find("head_dim") != nullptr) {
    model.head_dim = fields.integer("head_dim", kMostHeadDim);
    return;
  }
  if (model.hidden % model.heads != 0) {
    fields.fail("num_attention_heads", "expected a divisor of hidden_size " +
                                           std::to_string(model.hidden) + ", got " +
                                           std::to_string(model.heads) + "; or give head_dim");
  }
  model.head_dim = model.hidden / model.heads;
}

// Mistral and Mixtral: null or absent means none, else every layer.
void read_window(const Fields& fields, Architecture& model) {
  model.sliding_window = fields.integer_or("sliding_window", kMostPositions, 0);
  model.windowed_layers = model.sliding_window > 0 ? model.layers : 0;
}

void read_llama(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, model.heads);
  read_head_dim(fields, model);
  model.ffn_hidden = fields.integer("intermediate_size", kMostFfn);
  model.qkv_bias = fields.flag_or("attention_bias", false);
  model.out_bias = model.qkv_bias;
  model.ffn_bias = fields.flag_or("mlp_bias", false);
}

void read_mistral(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  read_head_dim(fields, model);
  model.ffn_hidden = fields.integer("intermediate_size", kMostFfn);
  read_window(fields, model);
}

// Qwen2 and Qwen3: windowed are the layers from max_window_layers on, and only if the switch is on.
void read_qwen_window(const Fields& fields, Architecture& model) {
  if (!fields.flag_or("use_sliding_window", false)) return;
  model.sliding_window = fields.integer("sliding_window", kMostPositions);
  const std::int64_t full = fields.integer_or("max_window_layers", kMostLayers, model.layers);
  model.windowed_layers = full < model.layers ? model.layers - full : 0;
  if (model.windowed_layers == 0) model.sliding_window = 0;
}

void read_qwen2(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  read_head_dim(fields, model);
  model.ffn_hidden = fields.integer("intermediate_size", kMostFfn);
  model.qkv_bias = true;
  read_qwen_window(fields, model);
}

void read_qwen3(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  model.head_dim = fields.integer_or("head_dim", kMostHeadDim, 128);
  model.ffn_hidden = fields.integer("intermediate_size", kMostFfn);
  model.qkv_bias = fields.flag_or("attention_bias", false);
  model.out_bias = model.qkv_bias;
  model.qk_norm = true;
  read_qwen_window(fields, model);
}

void refuse_dense_layers(const Fields& fields) {
  if (fields.integer_or("decoder_sparse_step", kMostLayers, 1) != 1) {
    fields.fail("decoder_sparse_step",
                "expected 1, got another step; models that mix dense and expert layers are not "
                "supported");
  }
  if (!fields.list("mlp_only_layers").empty()) {
    fields.fail("mlp_only_layers",
                "expected an empty list, got some layers; models that mix dense and expert layers "
                "are not supported");
  }
}

void read_experts(const Fields& fields, Architecture& model, std::string_view count_key,
                  std::string_view width_key) {
  model.experts = fields.integer(count_key, kMostExperts);
  model.experts_per_token = fields.integer("num_experts_per_tok", kMostExperts);
  model.expert_ffn_hidden = fields.integer(width_key, kMostFfn);
  model.ffn_hidden = 0;
  if (model.experts_per_token > model.experts) {
    fields.fail("num_experts_per_tok", "expected at most " + std::string(count_key) + " = " +
                                           std::to_string(model.experts) + ", got " +
                                           std::to_string(model.experts_per_token) +
                                           "; a token chooses among them");
  }
}

void read_qwen2_moe(const Fields& fields, Architecture& model) {
  read_qwen2(fields, model);
  refuse_dense_layers(fields);
  read_experts(fields, model, "num_experts", "moe_intermediate_size");
  model.shared_ffn_hidden = fields.integer("shared_expert_intermediate_size", kMostFfn);
  model.shared_gate = true;
}

void read_qwen3_moe(const Fields& fields, Architecture& model) {
  read_qwen3(fields, model);
  refuse_dense_layers(fields);
  read_experts(fields, model, "num_experts", "moe_intermediate_size");
}

void read_mixtral(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  read_head_dim(fields, model);
  read_window(fields, model);
  read_experts(fields, model, "num_local_experts", "intermediate_size");
}

void read_gpt_oss(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  read_head_dim(fields, model);
  read_experts(fields, model, "num_local_experts", "intermediate_size");
  model.qkv_bias = fields.flag_or("attention_bias", true);
  model.out_bias = model.qkv_bias;
  model.ffn_bias = true;
  model.attention_sinks = true;
  const std::vector<JsonNode>& kinds = fields.list("layer_types");
  if (static_cast<std::int64_t>(kinds.size()) != model.layers) {
    fields.fail("layer_types", "expected one entry for each of the " +
                                   std::to_string(model.layers) + " layers, got " +
                                   std::to_string(kinds.size()));
  }
  for (const JsonNode& kind : kinds) {
    if (kind.text == "sliding_attention") {
      ++model.windowed_layers;
    } else if (kind.text != "full_attention") {
      fields.fail("layer_types",
                  "expected \"full_attention\" or \"sliding_attention\", got " + found(kind));
    }
  }
  if (model.windowed_layers > 0) {
    model.sliding_window = fields.integer("sliding_window", kMostPositions);
  }
}

// DeepSeek-V3 and Kimi-K2 (which keeps its architecture). The layer for multi-token prediction is
// not part of plain decoding and left out.
void read_deepseek_v3(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  model.kv_heads = model.heads;
  model.q_latent = fields.integer("q_lora_rank", kMostHidden);
  model.kv_latent = fields.integer("kv_lora_rank", kMostHidden);
  model.rope_dim = fields.integer("qk_rope_head_dim", kMostHeadDim);
  model.head_dim = fields.integer("qk_nope_head_dim", kMostHeadDim) + model.rope_dim;
  model.value_dim = fields.integer("v_head_dim", kMostHeadDim);
  if (fields.integer_or("moe_layer_freq", kMostLayers, 1) != 1) {
    fields.fail("moe_layer_freq",
                "expected 1, got another step; dense layers in between are not "
                "supported");
  }
  read_experts(fields, model, "n_routed_experts", "moe_intermediate_size");
  model.shared_ffn_hidden =
      fields.integer_or("n_shared_experts", kMostExperts, 1) * model.expert_ffn_hidden;
  model.ffn_hidden = fields.integer("intermediate_size", kMostFfn);
  model.dense_layers = fields.integer("first_k_dense_replace", kMostLayers);
  model.router_bias = true;
  if (model.dense_layers > model.layers) {
    fields.fail("first_k_dense_replace", "expected at most num_hidden_layers " +
                                             std::to_string(model.layers) + ", got " +
                                             std::to_string(model.dense_layers));
  }
}

void read_minimax_m2(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  read_kv_heads(fields, model, 0);
  read_head_dim(fields, model);
  read_experts(fields, model, "num_local_experts", "intermediate_size");
  model.qk_norm_wide = fields.flag_or("use_qk_norm", true);
  model.router_bias = fields.flag_or("use_routing_bias", true);
}

void read_opt(const Fields& fields, Architecture& model) {
  read_common(fields, model);
  model.tied_embeddings = fields.flag_or("tie_word_embeddings", true);
  model.kv_heads = model.heads;
  read_head_dim(fields, model);
  model.ffn_hidden = fields.integer("ffn_dim", kMostFfn);
  model.gated_ffn = false;
  model.norm = NormKind::layer;
  const bool bias = fields.flag_or("enable_bias", true);
  model.qkv_bias = model.out_bias = model.ffn_bias = bias;
  model.learned_positions = model.max_positions + 2;  // OPT keeps two rows of padding in front
  if (fields.integer_or("word_embed_proj_dim", kMostHidden, model.hidden) != model.hidden) {
    fields.fail("word_embed_proj_dim", "expected hidden_size " + std::to_string(model.hidden) +
                                           "; projected embeddings (opt-350m) are not supported");
  }
  if (!fields.flag_or("do_layer_norm_before", true)) {
    fields.fail("do_layer_norm_before",
                "expected true, got false; norms after the block (opt-350m) are not supported");
  }
}

struct Family {
  const char* architecture;
  const char* name;
  void (*read)(const Fields&, Architecture&);
};
constexpr std::array<Family, 11> kFamilies{{
    {"LlamaForCausalLM", "llama", read_llama},
    {"OPTForCausalLM", "opt", read_opt},
    {"Qwen2ForCausalLM", "qwen2", read_qwen2},
    {"Qwen3ForCausalLM", "qwen3", read_qwen3},
    {"MistralForCausalLM", "mistral", read_mistral},
    {"MixtralForCausalLM", "mixtral", read_mixtral},
    {"Qwen2MoeForCausalLM", "qwen2-moe", read_qwen2_moe},
    {"Qwen3MoeForCausalLM", "qwen3-moe", read_qwen3_moe},
    {"GptOssForCausalLM", "gpt-oss", read_gpt_oss},
    {"DeepseekV3ForCausalLM", "deepseek-v3", read_deepseek_v3},
    {"MiniMaxM2ForCausalLM", "minimax-m2", read_minimax_m2},
}};

const Family& family_of(const Fields& fields) {
  std::string supported;
  for (const Family& family : kFamilies) {
    supported += (supported.empty() ? "" : ", ") + std::string(family.architecture);
  }
  const std::vector<JsonNode>& names = fields.list("architectures");
  if (names.size() != 1 || names[0].kind != JsonNode::Kind::text) {
    fields.fail("architectures",
                "expected a list of one name, got " +
                    (names.empty() ? std::string("nothing") : std::to_string(names.size())) +
                    "; supported: " + supported);
  }
  for (const Family& family : kFamilies) {
    if (names[0].text == family.architecture) return family;
  }
  fields.fail("architectures/0", "expected a supported architecture, got " +
                                     headroom::quoted(names[0].text) + "; supported: " + supported);
}

void read_native_format(const Fields& fields, Architecture& model) {
  const char* key = fields.find("dtype") != nullptr ? "dtype" : "torch_dtype";
  const std::string dtype = fields.text_or(key, "bfloat16");
  if (dtype == "float32") {
    model.native = DataType::fp32;
  } else if (dtype == "float16") {
    model.native = DataType::fp16;
  } else if (dtype != "bfloat16") {
    fields.fail(key, "expected float32, float16 or bfloat16, got " + headroom::quoted(dtype));
  }
  model.native_experts = model.native;
}

void read_quantisation(const Fields& fields, const std::string& file, Architecture& model) {
  const JsonNode* node = fields.find("quantization_config");
  if (node == nullptr) return;
  if (node->kind != JsonNode::Kind::object) {
    fields.fail("quantization_config", "expected an object, got " + found(*node));
  }
  const Fields inner(*node, file, "/quantization_config");
  const std::string method = inner.text_or("quant_method", "");
  const bool grouped = method == "awq" || method == "gptq";
  const std::int64_t bits = grouped ? inner.integer_or("bits", 32, 4) : 0;
  if (method == "mxfp4") {
    model.native_experts = DataType::mxfp4;
  } else if (method == "fp8") {
    model.native = model.native_experts =
        inner.list("weight_block_size").empty() ? DataType::fp8 : DataType::fp8_block;
  } else if (grouped && (bits == 4 || bits == 8)) {
    model.native = model.native_experts = bits == 4 ? DataType::int4 : DataType::int8;
  } else {
    inner.fail("quant_method",
               "expected fp8, mxfp4, or awq or gptq with 4 or 8 bits, got " +
                   headroom::quoted(method) +
                   "; name the weights' format in the scenario and remove this object");
  }
}

void check_consistency(const Fields& fields, const Architecture& model) {
  if (model.heads % model.kv_heads != 0) {
    fields.fail("num_key_value_heads", "expected a divisor of num_attention_heads " +
                                           std::to_string(model.heads) + ", got " +
                                           std::to_string(model.kv_heads));
  }
  if (count_parameters(model).total() > kMostParameters) {
    fields.fail("hidden_size",
                "expected a model of at most 1e14 parameters, got more; check the "
                "sizes in this file");
  }
}

}  // namespace

Architecture parse_config_json(std::string_view text, const std::string& file) {
  const JsonNode root = parse_json(text, file);
  if (root.kind != JsonNode::Kind::object) {
    throw InputError(file, "expected a JSON object, got " + found(root));
  }
  const Fields fields(root, file);
  const Family& family = family_of(fields);
  Architecture model;
  model.name = file;
  model.family = family.name;
  family.read(fields, model);
  read_native_format(fields, model);
  read_quantisation(fields, file, model);
  check_consistency(fields, model);
  return model;
}

std::string read_small_file(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw InputError(path, "expected a file, got nothing; check the path");
  }
  if (std::filesystem::is_directory(status)) {
    throw InputError(path, "expected a file, got a directory; name the file inside it");
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text(kMostConfigBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream && !stream.eof()) {
    throw InputError(path, "expected a readable file, got an error; check its permissions");
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kMostConfigBytes) {
    throw InputError(path, "expected at most 4 MiB, got more; is this a config.json?");
  }
  return text;
}

Architecture read_config_json(const std::string& path) {
  return parse_config_json(read_small_file(path), path);
}

}  // namespace headroom
