// The bundled models: sizes as published in each model's config.json on Hugging Face and in its
// paper or card. Where a family published several variants of one size (base, instruct), the row
// holds for all of them; maximum positions are those of the instruct variant.
#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "models/architecture.h"
#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

/// Fields that differ within a family.
struct DenseRow {
  const char* name;
  std::int64_t layers, hidden, heads, kv_heads, head_dim, ffn_hidden, vocab, max_positions;
  bool tied = false;
};

// Zhang et al., "OPT: Open Pre-trained Transformer Language Models", 2022, table 1; FFN is 4 x
// hidden.
constexpr std::array kOpt{
    DenseRow{"opt-125m", 12, 768, 12, 12, 64, 3072, 50272, 2048},
    DenseRow{"opt-1.3b", 24, 2048, 32, 32, 64, 8192, 50272, 2048},
    DenseRow{"opt-2.7b", 32, 2560, 32, 32, 80, 10240, 50272, 2048},
    DenseRow{"opt-6.7b", 32, 4096, 32, 32, 128, 16384, 50272, 2048},
    DenseRow{"opt-13b", 40, 5120, 40, 40, 128, 20480, 50272, 2048},
    DenseRow{"opt-30b", 48, 7168, 56, 56, 128, 28672, 50272, 2048},
    DenseRow{"opt-66b", 64, 9216, 72, 72, 128, 36864, 50272, 2048},
    DenseRow{"opt-175b", 96, 12288, 96, 96, 128, 49152, 50272, 2048},
};

// Llama: Touvron et al. 2023 (1 and 2), Llama team 2024 (3), model cards (3.2, 3.3); Code Llama:
// Roziere et al. 2023; Yi: 01.AI 2024; DeepSeek LLM: Bi et al. 2024; TinyLlama: Zhang et al. 2024.
// All use the Llama layer.
constexpr std::array kLlama{
    DenseRow{"tinyllama-1.1b", 22, 2048, 32, 4, 64, 5632, 32000, 2048},
    DenseRow{"llama-7b", 32, 4096, 32, 32, 128, 11008, 32000, 2048},
    DenseRow{"llama-13b", 40, 5120, 40, 40, 128, 13824, 32000, 2048},
    DenseRow{"llama-30b", 60, 6656, 52, 52, 128, 17920, 32000, 2048},
    DenseRow{"llama-65b", 80, 8192, 64, 64, 128, 22016, 32000, 2048},
    DenseRow{"llama-2-7b", 32, 4096, 32, 32, 128, 11008, 32000, 4096},
    DenseRow{"llama-2-13b", 40, 5120, 40, 40, 128, 13824, 32000, 4096},
    DenseRow{"llama-2-70b", 80, 8192, 64, 8, 128, 28672, 32000, 4096},
    DenseRow{"codellama-34b", 48, 8192, 64, 8, 128, 22016, 32000, 16384},
    DenseRow{"llama-3-8b", 32, 4096, 32, 8, 128, 14336, 128256, 8192},
    DenseRow{"llama-3-70b", 80, 8192, 64, 8, 128, 28672, 128256, 8192},
    DenseRow{"llama-3.1-8b", 32, 4096, 32, 8, 128, 14336, 128256, 131072},
    DenseRow{"llama-3.1-70b", 80, 8192, 64, 8, 128, 28672, 128256, 131072},
    DenseRow{"llama-3.1-405b", 126, 16384, 128, 8, 128, 53248, 128256, 131072},
    DenseRow{"llama-3.2-1b", 16, 2048, 32, 8, 64, 8192, 128256, 131072, true},
    DenseRow{"llama-3.2-3b", 28, 3072, 24, 8, 128, 8192, 128256, 131072, true},
    DenseRow{"llama-3.3-70b", 80, 8192, 64, 8, 128, 28672, 128256, 131072},
    DenseRow{"yi-6b", 32, 4096, 32, 4, 128, 11008, 64000, 4096},
    DenseRow{"yi-34b", 60, 7168, 56, 8, 128, 20480, 64000, 4096},
    DenseRow{"deepseek-llm-67b", 95, 8192, 64, 8, 128, 22016, 102400, 4096},
};

// Jiang et al. 2023 (7B) and model cards. The 7B of version 0.1 has a window of 4,096 tokens in
// every layer.
constexpr std::array kMistral{
    DenseRow{"mistral-7b", 32, 4096, 32, 8, 128, 14336, 32000, 32768},
    DenseRow{"mistral-7b-v0.3", 32, 4096, 32, 8, 128, 14336, 32768, 32768},
    DenseRow{"mistral-nemo-12b", 40, 5120, 32, 8, 128, 14336, 131072, 131072},
    DenseRow{"mistral-small-24b", 40, 5120, 32, 8, 128, 32768, 131072, 32768},
    DenseRow{"mistral-large-123b", 88, 12288, 96, 8, 128, 28672, 32768, 131072},
};
constexpr std::int64_t kMistral7bWindow = 4096;

// Qwen team, "Qwen2.5 Technical Report", 2024, table 1, and config.json.
constexpr std::array kQwen2{
    DenseRow{"qwen2.5-0.5b", 24, 896, 14, 2, 64, 4864, 151936, 32768, true},
    DenseRow{"qwen2.5-1.5b", 28, 1536, 12, 2, 128, 8960, 151936, 32768, true},
    DenseRow{"qwen2.5-3b", 36, 2048, 16, 2, 128, 11008, 151936, 32768, true},
    DenseRow{"qwen2.5-7b", 28, 3584, 28, 4, 128, 18944, 152064, 32768},
    DenseRow{"qwen2.5-14b", 48, 5120, 40, 8, 128, 13824, 152064, 32768},
    DenseRow{"qwen2.5-32b", 64, 5120, 40, 8, 128, 27648, 152064, 32768},
    DenseRow{"qwen2.5-72b", 80, 8192, 64, 8, 128, 29568, 152064, 32768},
};

// Qwen team, "Qwen3 Technical Report", 2025, tables 1 and 2, and config.json.
constexpr std::array kQwen3{
    DenseRow{"qwen3-0.6b", 28, 1024, 16, 8, 128, 3072, 151936, 40960, true},
    DenseRow{"qwen3-1.7b", 28, 2048, 16, 8, 128, 6144, 151936, 40960, true},
    DenseRow{"qwen3-4b", 36, 2560, 32, 8, 128, 9728, 151936, 40960, true},
    DenseRow{"qwen3-8b", 36, 4096, 32, 8, 128, 12288, 151936, 40960},
    DenseRow{"qwen3-14b", 40, 5120, 40, 8, 128, 17408, 151936, 40960},
    DenseRow{"qwen3-32b", 64, 5120, 64, 8, 128, 25600, 151936, 40960},
};

struct MoeRow {
  const char* name;
  const char* family;
  std::int64_t layers, hidden, heads, kv_heads, head_dim, vocab, max_positions;
  std::int64_t experts, experts_per_token, expert_ffn_hidden, shared_ffn_hidden;
};

// Mixtral: Jiang et al. 2024 and config.json; Qwen MoE: model cards and config.json; gpt-oss:
// OpenAI, "gpt-oss-120b & gpt-oss-20b Model Card", 2025, and config.json.
constexpr std::array kMoe{
    MoeRow{"mixtral-8x7b", "mixtral", 32, 4096, 32, 8, 128, 32000, 32768, 8, 2, 14336, 0},
    MoeRow{"mixtral-8x22b", "mixtral", 56, 6144, 48, 8, 128, 32000, 65536, 8, 2, 16384, 0},
    MoeRow{"qwen1.5-moe-a2.7b", "qwen2-moe", 24, 2048, 16, 16, 128, 151936, 8192, 60, 4, 1408,
           5632},
    MoeRow{"qwen2-57b-a14b", "qwen2-moe", 28, 3584, 28, 4, 128, 151936, 32768, 64, 8, 2560, 20480},
    MoeRow{"qwen3-30b-a3b", "qwen3-moe", 48, 2048, 32, 4, 128, 151936, 40960, 128, 8, 768, 0},
    MoeRow{"qwen3-235b-a22b", "qwen3-moe", 94, 4096, 64, 4, 128, 151936, 40960, 128, 8, 1536, 0},
    MoeRow{"gpt-oss-20b", "gpt-oss", 24, 2880, 64, 8, 64, 201088, 131072, 32, 4, 2880, 0},
    // Model card and config.json; M2.5 keeps the sizes of M2.
    MoeRow{"minimax-m2", "minimax-m2", 62, 3072, 48, 8, 128, 200064, 196608, 256, 8, 1536, 0},
    MoeRow{"minimax-m2.5", "minimax-m2", 62, 3072, 48, 8, 128, 200064, 196608, 256, 8, 1536, 0},
    // Text tower; model card and config.json, 2025. Three layers of four attend to chunks of 8,192
    // tokens, which is counted as full attention here.
    MoeRow{"llama-4-scout", "llama4", 48, 5120, 40, 8, 128, 202048, 262144, 16, 1, 8192, 8192},
    MoeRow{"gpt-oss-120b", "gpt-oss", 36, 2880, 64, 8, 64, 201088, 131072, 128, 4, 2880, 0},
};
constexpr std::int64_t kGptOssWindow = 128;  // every second layer

// DeepSeek-AI, "DeepSeek-V3 Technical Report", 2024, section 4.2, and config.json; Moonshot AI,
// "Kimi K2", 2025, table 2, and config.json (K2.5 keeps the text model, its experts in int4). All
// have latent attention of the same widths, one shared expert, and a router bias; the prediction
// layer is left out.
struct LatentRow {
  const char* name;
  std::int64_t heads, experts, dense_layers, vocab, max_positions;
  DataType native, native_experts;
};
constexpr std::array kLatent{
    LatentRow{"deepseek-v3", 128, 256, 3, 129280, 163840, DataType::fp8_block, DataType::fp8_block},
    LatentRow{"deepseek-r1", 128, 256, 3, 129280, 163840, DataType::fp8_block, DataType::fp8_block},
    LatentRow{"kimi-k2", 64, 384, 1, 163840, 131072, DataType::fp8_block, DataType::fp8_block},
    LatentRow{"kimi-k2.5", 64, 384, 1, 163840, 262144, DataType::bf16, DataType::int4},
};

Architecture dense(const DenseRow& row, const char* family) {
  Architecture model;
  model.name = row.name;
  model.family = family;
  model.layers = row.layers;
  model.hidden = row.hidden;
  model.heads = row.heads;
  model.kv_heads = row.kv_heads;
  model.head_dim = row.head_dim;
  model.ffn_hidden = row.ffn_hidden;
  model.vocab = row.vocab;
  model.tied_embeddings = row.tied;
  model.max_positions = row.max_positions;
  return model;
}

Architecture opt(const DenseRow& row) {
  Architecture model = dense(row, "opt");
  model.gated_ffn = false;
  model.norm = NormKind::layer;
  model.qkv_bias = model.out_bias = model.ffn_bias = true;
  model.tied_embeddings = true;
  model.learned_positions = row.max_positions + 2;  // two rows of padding in front
  model.native = model.native_experts = DataType::fp16;
  return model;
}

Architecture llama(const DenseRow& row) {
  Architecture model = dense(row, "llama");
  // The checkpoints of Llama 1 and 2 are fp16, all others here bf16.
  const std::string_view name = row.name;
  if (name.starts_with("llama-2-") || name == "llama-7b" || name == "llama-13b" ||
      name == "llama-30b" || name == "llama-65b") {
    model.native = model.native_experts = DataType::fp16;
  }
  return model;
}

Architecture mixture(const MoeRow& row) {
  Architecture model = dense({row.name, row.layers, row.hidden, row.heads, row.kv_heads,
                              row.head_dim, 0, row.vocab, row.max_positions},
                             row.family);
  model.experts = row.experts;
  model.experts_per_token = row.experts_per_token;
  model.expert_ffn_hidden = row.expert_ffn_hidden;
  model.shared_ffn_hidden = row.shared_ffn_hidden;
  model.shared_gate = row.shared_ffn_hidden > 0 && model.family != "llama4";
  model.qkv_bias = model.family == "qwen2-moe" || model.family == "gpt-oss";
  model.qk_norm = model.family == "qwen3-moe";
  if (model.family == "gpt-oss") {
    model.out_bias = model.ffn_bias = model.attention_sinks = true;
    model.sliding_window = kGptOssWindow;
    model.windowed_layers = row.layers / 2;
    model.native_experts = DataType::mxfp4;
  }
  if (model.family == "minimax-m2") {
    model.qk_norm_wide = model.router_bias = true;
    model.native = model.native_experts = DataType::fp8_block;
  }
  return model;
}

Architecture latent(const LatentRow& row) {
  Architecture model =
      dense({row.name, 61, 7168, row.heads, row.heads, 192, 18432, row.vocab, row.max_positions},
            "deepseek-v3");
  model.q_latent = 1536;
  model.kv_latent = 512;
  model.rope_dim = 64;
  model.value_dim = 128;
  model.experts = row.experts;
  model.experts_per_token = 8;
  model.expert_ffn_hidden = model.shared_ffn_hidden = 2048;
  model.dense_layers = row.dense_layers;
  model.router_bias = true;
  model.native = row.native;
  model.native_experts = row.native_experts;
  return model;
}

std::vector<Architecture> make_models() {
  std::vector<Architecture> models;
  for (const DenseRow& row : kOpt) models.push_back(opt(row));
  for (const DenseRow& row : kLlama) models.push_back(llama(row));
  for (const DenseRow& row : kMistral) models.push_back(dense(row, "mistral"));
  for (const DenseRow& row : kQwen2) {
    models.push_back(dense(row, "qwen2"));
    models.back().qkv_bias = true;
  }
  for (const DenseRow& row : kQwen3) {
    models.push_back(dense(row, "qwen3"));
    models.back().qk_norm = true;
  }
  for (const MoeRow& row : kMoe) models.push_back(mixture(row));
  for (const LatentRow& row : kLatent) models.push_back(latent(row));
  for (Architecture& model : models) {
    if (model.name != "mistral-7b") continue;
    model.sliding_window = kMistral7bWindow;
    model.windowed_layers = model.layers;
  }
  std::sort(models.begin(), models.end(),
            [](const Architecture& a, const Architecture& b) { return a.name < b.name; });
  return models;
}

void strip_suffix(std::string& name, std::string_view suffix) {
  if (name.size() > suffix.size() && name.ends_with(suffix)) {
    name.resize(name.size() - suffix.size());
  }
}

// "meta-llama/Meta-Llama-3.1-8B-Instruct" -> "llama-3.1-8b": organisation, case and variant do not
// change sizes.
std::string short_name(std::string_view text) {
  std::string name(text.substr(text.rfind('/') + 1).substr(0, 200));
  for (char& c : name) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (name.starts_with("meta-")) name.erase(0, 5);
  // Twice, as variants pile up: "llama-2-7b-chat-hf", "mixtral-8x7b-instruct-v0.1".
  for (int round = 0; round < 2; ++round) {
    for (const char* suffix : {"-hf", "-chat", "-instruct", "-base", "-v0.1"}) {
      strip_suffix(name, suffix);
    }
  }
  return name;
}

bool looks_like_path(const std::string& text) {
  std::error_code error;
  return text.ends_with(".json") || std::filesystem::exists(text, error);
}

}  // namespace

const std::vector<Architecture>& bundled_models() {
  static const std::vector<Architecture> kModels = make_models();
  return kModels;
}

Architecture find_model(const std::string& name_or_path, const std::string& where) {
  const std::string name = short_name(name_or_path);
  std::vector<std::string> names;
  for (const Architecture& model : bundled_models()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  if (looks_like_path(name_or_path)) {
    std::error_code error;
    const bool folder = std::filesystem::is_directory(name_or_path, error);
    return read_config_json(folder ? name_or_path + "/config.json" : name_or_path);
  }
  throw InputError(where, "expected a bundled model or the path of a config.json, got " +
                              headroom::quoted(name_or_path) + did_you_mean(name, names) +
                              "; `headroom list models` names them");
}

}  // namespace headroom
