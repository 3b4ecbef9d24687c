#include "tests/validation/llama_cpp/llama_library.h"

#include <dlfcn.h>

#include <algorithm>

#include "sim/check.h"

namespace headroom::llama_cpp {
namespace {

constexpr std::uint32_t kDefaultBatch = 2048, kDefaultSubBatch = 512;
constexpr std::int32_t kFlashAttentionOn = 1;

void* open_library(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) throw InputError(path, std::string("cannot be loaded: ") + ::dlerror());
  return handle;
}

void ignore_log(int /*level*/, const char* /*text*/, void* /*data*/) {}

}  // namespace

/// Functions by their names in llama.h and ggml-backend.h.
struct LlamaEngine::Library {
  explicit Library(const std::string& folder) {
    // Each finds its own neighbours through its run path; opened in order so that one copy serves.
    open_library(folder + "/libggml-base.so");
    void* ggml = open_library(folder + "/libggml.v0.5.0.so");
    void* llama = open_library(folder + "/libllama.v0.5.0.so");
    find(ggml, "ggml_backend_load_all_from_path", load_backends);
    find(llama, "llama_log_set", set_log);
    find(llama, "llama_model_default_params", model_defaults);
    find(llama, "llama_context_default_params", context_defaults);
    find(llama, "llama_model_load_from_file", load_model);
    find(llama, "llama_model_free", free_model);
    find(llama, "llama_model_get_vocab", vocabulary_of);
    find(llama, "llama_vocab_n_tokens", vocabulary_size);
    find(llama, "llama_init_from_model", make_context);
    find(llama, "llama_free", free_context);
    find(llama, "llama_get_memory", memory_of);
    find(llama, "llama_memory_seq_rm", forget);
    find(llama, "llama_decode", decode);
    find(llama, "llama_get_logits_ith", scores);
    find(llama, "llama_state_seq_get_size", state_size);
    find(llama, "llama_state_seq_get_data", get_state);
    find(llama, "llama_state_seq_set_data", set_state);
    set_log(ignore_log, nullptr);
    load_backends(folder.c_str());
  }

  template <class Function>
  static void find(void* handle, const char* name, Function& function) {
    void* symbol = ::dlsym(handle, name);
    if (symbol == nullptr) throw InputError(name, "is not in the library");
    function = reinterpret_cast<Function>(symbol);
  }

  void (*load_backends)(const char*) = nullptr;
  void (*set_log)(void (*)(int, const char*, void*), void*) = nullptr;
  ModelOptions (*model_defaults)() = nullptr;
  ContextOptions (*context_defaults)() = nullptr;
  void* (*load_model)(const char*, ModelOptions) = nullptr;
  void (*free_model)(void*) = nullptr;
  const void* (*vocabulary_of)(const void*) = nullptr;
  std::int32_t (*vocabulary_size)(const void*) = nullptr;
  void* (*make_context)(void*, ContextOptions) = nullptr;
  void (*free_context)(void*) = nullptr;
  void* (*memory_of)(const void*) = nullptr;
  bool (*forget)(void*, std::int32_t, std::int32_t, std::int32_t) = nullptr;
  std::int32_t (*decode)(void*, TokenBatch) = nullptr;
  float* (*scores)(void*, std::int32_t) = nullptr;
  std::size_t (*state_size)(void*, std::int32_t) = nullptr;
  std::size_t (*get_state)(void*, std::uint8_t*, std::size_t, std::int32_t) = nullptr;
  std::size_t (*set_state)(void*, const std::uint8_t*, std::size_t, std::int32_t) = nullptr;
};

LlamaEngine::LlamaEngine(const std::string& library, const std::string& model,
                         const EngineSizes& sizes)
    : library_(std::make_unique<Library>(library)) {
  ModelOptions model_options = library_->model_defaults();
  ContextOptions options = library_->context_defaults();
  if (options.batch != kDefaultBatch || options.sub_batch != kDefaultSubBatch ||
      options.sequences != 1 || options.unified_kv || options.sampler_count != 0)
    throw InputError(library,
                     "expected llama.cpp 0.5.0, got other defaults; install the version "
                     "of package-lock.json");
  model_options.gpu_layers = 0;
  model_ = library_->load_model(model.c_str(), model_options);
  if (model_ == nullptr) throw InputError(model, "expected a model that llama.cpp loads");
  vocabulary_ = library_->vocabulary_size(library_->vocabulary_of(model_));
  options.sequences = static_cast<std::uint32_t>(sizes.sequences);
  options.context = static_cast<std::uint32_t>(sizes.sequences * sizes.sequence_tokens);
  options.batch = static_cast<std::uint32_t>(sizes.batch);
  options.sub_batch = static_cast<std::uint32_t>(sizes.sub_batch);
  options.threads = options.batch_threads = 1;
  options.flash_attention = kFlashAttentionOn;
  options.unified_kv = false;
  options.no_counters = true;
  context_ = library_->make_context(model_, options);
  if (context_ == nullptr) throw InputError(model, "expected memory for the KV cache");
  memory_ = library_->memory_of(context_);
  const auto most = static_cast<std::size_t>(sizes.batch);
  token_.resize(most);
  position_.resize(most);
  counts_.assign(most, 1);
  sequence_.resize(most);
  output_.resize(most);
  for (std::int32_t& sequence : sequence_) sequences_.push_back(&sequence);
  batch_ = {0,
            token_.data(),
            nullptr,
            position_.data(),
            counts_.data(),
            sequences_.data(),
            output_.data()};
}

LlamaEngine::~LlamaEngine() {
  if (context_ != nullptr) library_->free_context(context_);
  if (model_ != nullptr) library_->free_model(model_);
}

std::vector<std::int32_t> LlamaEngine::compute(const std::vector<Token>& tokens) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    token_.at(i) = tokens[i].token;
    position_[i] = tokens[i].position;
    sequence_[i] = tokens[i].sequence;
    output_[i] = tokens[i].wants_output;
  }
  batch_.tokens = static_cast<std::int32_t>(tokens.size());
  const std::int32_t failure = library_->decode(context_, batch_);
  if (failure != 0) throw InputError("llama_decode", "expected 0, got " + std::to_string(failure));
  std::vector<std::int32_t> sampled;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].wants_output == 0) continue;
    const float* scores = library_->scores(context_, static_cast<std::int32_t>(i));
    sampled.push_back(
        static_cast<std::int32_t>(std::max_element(scores, scores + vocabulary_) - scores));
  }
  return sampled;
}

void LlamaEngine::forget(std::int32_t sequence, std::int32_t from) {
  library_->forget(memory_, sequence, from, -1);
}

std::vector<std::uint8_t> LlamaEngine::state(std::int32_t sequence) {
  std::vector<std::uint8_t> bytes(library_->state_size(context_, sequence));
  bytes.resize(library_->get_state(context_, bytes.data(), bytes.size(), sequence));
  return bytes;
}

void LlamaEngine::restore(std::int32_t sequence, const std::vector<std::uint8_t>& state) {
  forget(sequence, 0);
  if (library_->set_state(context_, state.data(), state.size(), sequence) == 0)
    throw InputError("llama_state_seq_set_data", "expected the state to be taken, got a refusal");
}

}  // namespace headroom::llama_cpp
