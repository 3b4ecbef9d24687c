// Writes a language model of random weights as a GGUF file, the format that llama.cpp loads.
//
// A dense model's time does not depend on the values of its weights, so random ones measure as well
// as trained ones. The file needs no tokeniser: prompts are token numbers.
// Law: the same sizes and seed give the same bytes. Cost: about 1 s for 30 million parameters.
// Not here: reading GGUF, other architectures than Llama's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace headroom::llama_cpp {

struct ModelSizes {
  std::string name;
  std::int64_t hidden = 0, layers = 0, heads = 0, kv_heads = 0, ffn = 0, vocab = 0;
  std::int64_t context = 4096;
  [[nodiscard]] std::int64_t head_dim() const { return hidden / heads; }
  [[nodiscard]] std::int64_t parameters() const;
};

/// The model that the harness serves: 33.6 million parameters, 36 MB.
[[nodiscard]] inline ModelSizes served_model() { return {"random-34m", 512, 8, 8, 4, 1536, 8192}; }

/// One tensor of the file; `rows` vectors of `row` numbers, a matrix maps `row` inputs to `rows`
/// outputs.
struct ModelTensor {
  std::string name;
  std::int64_t row = 0, rows = 1;
  /// Matrices are stored as q8_0: 32 numbers share a half-precision scale. Vectors (norms, all
  /// ones) are stored in single precision.
  [[nodiscard]] bool is_matrix() const { return rows > 1; }
  [[nodiscard]] std::int64_t bytes() const { return is_matrix() ? row * rows / 32 * 34 : row * 4; }
};

/// Tensors in the order of the file, under the names that llama.cpp looks for.
[[nodiscard]] std::vector<ModelTensor> tensors_of(const ModelSizes& sizes);

/// Everything before the first tensor's data, padded to a multiple of 32 bytes.
[[nodiscard]] std::string gguf_header(const ModelSizes& sizes,
                                      const std::vector<ModelTensor>& tensors);

/// Half precision of a number in [2^-14, 2^15], rounded to nearest.
[[nodiscard]] std::uint16_t half_of(float value);

/// Throws InputError when the file cannot be written or a row is no multiple of 32.
void write_gguf(const ModelSizes& sizes, std::uint64_t seed, const std::string& path);

}  // namespace headroom::llama_cpp
