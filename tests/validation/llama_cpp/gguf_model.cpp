#include "tests/validation/llama_cpp/gguf_model.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>

#include "profiles/measure_plan.h"
#include "sim/check.h"

namespace headroom::llama_cpp {
namespace {

// The format is described in ggml's repository, docs/gguf.md: little-endian, version 3.
constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kAlignment = 32;
constexpr std::int64_t kBlock = 32;  ///< numbers of a q8_0 block
enum class ValueType : std::uint32_t { uint32 = 4, float32 = 6, text = 8 };
enum class TensorType : std::uint32_t { f32 = 0, q8_0 = 8 };
constexpr std::uint32_t kMostlyQ8 = 7;  ///< general.file_type

template <class T>
void put(std::string& out, T value) {
  std::array<char, sizeof(T)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof(T));
  out.append(bytes.data(), bytes.size());
}

void put_text(std::string& out, const std::string& text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

/// Key-value pairs, counted.
class Keys {
 public:
  void text(const std::string& key, const std::string& value) {
    begin(key, ValueType::text);
    put_text(bytes_, value);
  }
  void number(const std::string& key, std::int64_t value) {
    begin(key, ValueType::uint32);
    put(bytes_, static_cast<std::uint32_t>(value));
  }
  void real(const std::string& key, float value) {
    begin(key, ValueType::float32);
    put(bytes_, value);
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void begin(const std::string& key, ValueType type) {
    ++count_;
    put_text(bytes_, key);
    put(bytes_, static_cast<std::uint32_t>(type));
  }
  std::string bytes_{};
  std::uint64_t count_ = 0;
};

Keys keys_of(const ModelSizes& sizes) {
  Keys keys;
  keys.text("general.architecture", "llama");
  keys.text("general.name", sizes.name);
  keys.number("general.file_type", kMostlyQ8);
  keys.number("llama.vocab_size", sizes.vocab);
  keys.number("llama.context_length", sizes.context);
  keys.number("llama.embedding_length", sizes.hidden);
  keys.number("llama.block_count", sizes.layers);
  keys.number("llama.feed_forward_length", sizes.ffn);
  keys.number("llama.attention.head_count", sizes.heads);
  keys.number("llama.attention.head_count_kv", sizes.kv_heads);
  keys.number("llama.rope.dimension_count", sizes.head_dim());
  keys.real("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  keys.text("tokenizer.ggml.model", "no_vocab");
  return keys;
}

void pad(std::string& out) { out.resize((out.size() + kAlignment - 1) / kAlignment * kAlignment); }

/// A q8_0 block of numbers whose distribution is a triangle of standard deviation 0.02: the sum of
/// two uniform numbers on [-1, 1), whose variance is 2/3.
void put_block(std::string& out, SplitMix& random) {
  constexpr float kScale = 0.0244949F;  // 0.02 / sqrt(2/3)
  std::array<float, kBlock> values{};
  float largest = 0;
  for (float& value : values) {
    value = kScale * (random.signed_unit() + random.signed_unit());
    largest = std::max(largest, std::fabs(value));
  }
  const float scale = std::max(largest / 127, 0x1p-14F);
  put(out, half_of(scale));
  for (const float value : values) put(out, static_cast<std::int8_t>(std::lround(value / scale)));
}

void put_tensor(std::string& out, const ModelTensor& tensor, SplitMix& random) {
  if (tensor.is_matrix()) {
    for (std::int64_t block = 0; block < tensor.row * tensor.rows / kBlock; ++block)
      put_block(out, random);
  } else {
    for (std::int64_t i = 0; i < tensor.row; ++i) put(out, 1.0F);
  }
  pad(out);
}

}  // namespace

std::int64_t ModelSizes::parameters() const {
  std::int64_t sum = 0;
  for (const ModelTensor& tensor : tensors_of(*this)) sum += tensor.row * tensor.rows;
  return sum;
}

std::vector<ModelTensor> tensors_of(const ModelSizes& sizes) {
  const std::int64_t hidden = sizes.hidden;
  const std::int64_t queries = sizes.heads * sizes.head_dim();
  const std::int64_t keys = sizes.kv_heads * sizes.head_dim();
  std::vector<ModelTensor> tensors{{"token_embd.weight", hidden, sizes.vocab},
                                   {"output_norm.weight", hidden},
                                   {"output.weight", hidden, sizes.vocab}};
  for (std::int64_t layer = 0; layer < sizes.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    tensors.push_back({block + "attn_norm.weight", hidden});
    tensors.push_back({block + "attn_q.weight", hidden, queries});
    tensors.push_back({block + "attn_k.weight", hidden, keys});
    tensors.push_back({block + "attn_v.weight", hidden, keys});
    tensors.push_back({block + "attn_output.weight", queries, hidden});
    tensors.push_back({block + "ffn_norm.weight", hidden});
    tensors.push_back({block + "ffn_gate.weight", hidden, sizes.ffn});
    tensors.push_back({block + "ffn_up.weight", hidden, sizes.ffn});
    tensors.push_back({block + "ffn_down.weight", sizes.ffn, hidden});
  }
  return tensors;
}

std::string gguf_header(const ModelSizes& sizes, const std::vector<ModelTensor>& tensors) {
  const Keys keys = keys_of(sizes);
  std::string out = "GGUF";
  put(out, kVersion);
  put(out, static_cast<std::uint64_t>(tensors.size()));
  put(out, keys.count());
  out += keys.bytes();
  std::uint64_t offset = 0;
  for (const ModelTensor& tensor : tensors) {
    put_text(out, tensor.name);
    put(out, std::uint32_t{tensor.is_matrix() ? 2U : 1U});
    put(out, static_cast<std::uint64_t>(tensor.row));
    if (tensor.is_matrix()) put(out, static_cast<std::uint64_t>(tensor.rows));
    put(out, static_cast<std::uint32_t>(tensor.is_matrix() ? TensorType::q8_0 : TensorType::f32));
    put(out, offset);
    const auto bytes = static_cast<std::uint64_t>(tensor.bytes());
    offset += (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  pad(out);
  return out;
}

std::uint16_t half_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  // Exponents are biased by 127 and by 15; 13 bits of the mantissa go, ties away from zero.
  const std::uint32_t rounded = bits + 0x1000U;
  return static_cast<std::uint16_t>((rounded >> 13U) - ((127U - 15U) << 10U));
}

void write_gguf(const ModelSizes& sizes, std::uint64_t seed, const std::string& path) {
  const std::vector<ModelTensor> tensors = tensors_of(sizes);
  for (const ModelTensor& tensor : tensors)
    if (tensor.is_matrix() && tensor.row % kBlock != 0)
      throw InputError(path, "expected rows of a multiple of 32 numbers, got " +
                                 std::to_string(tensor.row) + " in " + tensor.name);
  std::ofstream file(path, std::ios::binary);
  file << gguf_header(sizes, tensors);
  SplitMix random(seed);
  for (const ModelTensor& tensor : tensors) {
    std::string bytes;
    bytes.reserve(static_cast<std::size_t>(tensor.bytes()) + kAlignment);
    put_tensor(bytes, tensor, random);
    file << bytes;
  }
  file.close();
  if (!file) throw InputError(path, "expected a file to write to, got a failed write");
}

}  // namespace headroom::llama_cpp
