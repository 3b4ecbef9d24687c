// The part of llama.cpp's C interface that the harness calls, found in a shared library while the
// program runs.
//
// The library is the prebuilt one of the npm package @node-llama-cpp/linux-x64 3.22.1 (llama.cpp
// 0.5.0, MIT licence), pinned in package-lock.json. Layouts below are that version's;
// `LlamaLibrary` compares the defaults that the library hands out with known ones, so another
// version is refused. Law: one thread computes. Cost: a second to load a model of 30 million
// parameters. Not here: what is computed when (virtual_engine.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace headroom::llama_cpp {

/// llama_batch: columns of `tokens` entries.
struct TokenBatch {
  std::int32_t tokens = 0;
  std::int32_t* token = nullptr;
  float* embedding = nullptr;
  std::int32_t* position = nullptr;
  std::int32_t* sequence_counts = nullptr;
  std::int32_t** sequences = nullptr;
  std::int8_t* wants_output = nullptr;
};

/// llama_model_params.
struct ModelOptions {
  void* devices;
  const void* buffer_overrides;
  std::int32_t gpu_layers, split_mode, load_mode, lazy_mode, main_gpu;
  const float* tensor_split;
  void* progress;
  void* progress_data;
  const void* key_overrides;
  bool vocabulary_only, check_tensors, use_extra_buffers, no_host, no_allocation, load_draft;
};

/// llama_context_params.
struct ContextOptions {
  std::uint32_t context, batch, sub_batch, sequences, snapshots, most_outputs, outputs_each;
  std::int32_t threads, batch_threads;
  std::int32_t kind, rope_scaling, pooling, attention, flash_attention;
  float rope_base, rope_scale, yarn_extension, yarn_attention, yarn_fast, yarn_slow;
  std::uint32_t yarn_context;
  float defragment;
  void* evaluated;
  void* evaluated_data;
  std::int32_t key_type, value_type;
  void* abort;
  void* abort_data;
  bool embeddings, offload_kv, no_counters, offload_operators, full_window, unified_kv;
  void* samplers;
  std::size_t sampler_count;
  void* other;
};

/// How many sequences, and how long each may become.
struct EngineSizes {
  std::int32_t sequences = 0;
  std::int32_t sequence_tokens = 0;
  std::int32_t batch = 2048;     ///< tokens of one call (n_batch)
  std::int32_t sub_batch = 512;  ///< tokens computed at once (n_ubatch)
};

/// A model in memory with a KV cache of its own for each sequence, computed by one thread.
class LlamaEngine {
 public:
  /// `library`: the folder of the shared libraries. Throws InputError when it or the model cannot
  /// be loaded.
  LlamaEngine(const std::string& library, const std::string& model, const EngineSizes& sizes);
  ~LlamaEngine();
  LlamaEngine(const LlamaEngine&) = delete;
  LlamaEngine& operator=(const LlamaEngine&) = delete;

  /// One token at the end of a sequence.
  struct Token {
    std::int32_t sequence = 0, position = 0, token = 0;
    std::int8_t wants_output = 0;  ///< 1: a next token is sampled behind it
  };
  /// One engine call; returns the likeliest next token for each that wants one, in their order.
  [[nodiscard]] std::vector<std::int32_t> compute(const std::vector<Token>& tokens);
  /// Forgets a sequence's tokens from a position on.
  void forget(std::int32_t sequence, std::int32_t from);
  [[nodiscard]] std::vector<std::uint8_t> state(std::int32_t sequence);
  /// Replaces a sequence by a state taken of any sequence.
  void restore(std::int32_t sequence, const std::vector<std::uint8_t>& state);
  [[nodiscard]] std::int32_t vocabulary() const { return vocabulary_; }

 private:
  struct Library;
  std::unique_ptr<Library> library_;
  void* model_ = nullptr;
  void* context_ = nullptr;
  void* memory_ = nullptr;
  std::int32_t vocabulary_ = 0;
  TokenBatch batch_{};
  std::vector<std::int32_t> token_{}, position_{}, counts_{}, sequence_{};
  std::vector<std::int32_t*> sequences_{};
  std::vector<std::int8_t> output_{};
};

}  // namespace headroom::llama_cpp
