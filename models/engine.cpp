#include "models/engine.h"

#include <algorithm>
#include <array>
#include <optional>

#include "models/config_json.h"
#include "models/engine_calibration.h"
#include "models/engine_files.h"
#include "sim/check.h"
#include "sim/json_cursor.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

const std::array<std::string, 2> kCaptures{"decode-only", "any-batch"};
const std::array<std::string, 3> kMemoryShares{"total", "free", "static"};
const std::array<std::string, 2> kSchedulings{"in-step", "overlapped"};
const std::array<const char*, kOperatorClasses - 1> kScaleKeys{
    "gemm_scale", "prefill_attention_scale", "decode_attention_scale",
    "moe_scale",  "collective_scale",        "elementwise_scale"};
const std::array<std::string, 3> kEvidenceNames{"measured", "interpolated", "extrapolated"};

<<<<<<< HEAD
// A launch-bound iteration of PyTorch modules takes about 0.8 to 1 ms a layer however few tokens it
// has: medians of 34 to 37 ms over 36 layers for any prefill up to 2,048 tokens in 2,000 published
// forward passes (gpt-oss-120b, B200, ai-dynamo/aiconfigurator, branch
// hzhou-codex/aic-prefill-validation-artifacts); 0.8 ms a layer, 80 layers, plus 6 to 40 ms is the
// lowest published TTFT of Llama-3.1-70B at tp 8 on H100 and B200 (vLLM, same project's serving
// sample).
constexpr Duration kModuleLayer = microseconds(800);

EngineDescription make_engine(const char* name, const char* source) {
  EngineDescription engine;
  engine.name = name;
  engine.source = source;
  return engine;
}

// Exposed host work 0.3 ms: what remains of published low-load TPOT (Llama-3.1-70B FP8, H100, tp 2
// to 8, 4 to 8 clients: -0.9 to +0.6 ms; Llama-3.1-8B bf16, H100, TensorRT-LLM: +0.3 ms) over this
// project's kernel times.
EngineDescription vllm() {
  EngineDescription engine =
      make_engine("vllm",
                  "block 16, utilisation 0.9, graphs to 512 tokens: vLLM V1 defaults; host 0.3 ms "
                  "and floor 0.8 ms a layer: fitted "
                  "to published serving points; 10 us a sequence and reserve: planning defaults");
  engine.host_per_iteration = microseconds(300);
  engine.host_per_sequence = microseconds(10);
  engine.layer_floor = kModuleLayer;
  engine.captured_tokens = 512;
  engine.capture = GraphCapture::any_batch;
  engine.host_evidence = Evidence::interpolated;
  return engine;
}

EngineDescription vllm_v0() {
  EngineDescription engine =
      make_engine("vllm-v0",
                  "block 16, utilisation 0.9, decode graphs to 256 requests: vLLM V0 defaults; "
                  "host times as vllm-2023; floor as "
                  "vllm");
  engine.host_per_iteration = microseconds(2000);
  engine.host_per_sequence = microseconds(40);
  engine.layer_floor = kModuleLayer;
  engine.captured_tokens = 256;
  engine.capture = GraphCapture::decode_only;
  return engine;
}

// From vLLM's step times on A100 (the vllm rows of models/linear_cost.cpp): at tp 2 to 8 one
// request costs 24.7 ms over 40 layers and 31.4 ms over 64 (0.49 to 0.62 ms a layer, launch-bound);
// at tp 1 they exceed kernel times by 4 ms at one request and 6.6 ms at 64.
EngineDescription vllm_2023() {
  EngineDescription engine = make_engine(
      "vllm-2023",
      "eager vLLM of 2023: block 16, utilisation 0.9; 2 ms an iteration, 60 us a sequence and 0.55 "
      "ms a "
      "layer fitted to DistServe's published vLLM steps on A100; reserve: planning default");
  engine.host_per_iteration = microseconds(2000);
  engine.host_per_sequence = microseconds(60);
  engine.layer_floor = microseconds(550);
  engine.host_evidence = Evidence::interpolated;
  return engine;
}

EngineDescription sarathi() {
  EngineDescription engine = vllm_2023();
  engine.name = "sarathi";
  engine.source = "Sarathi-Serve is a fork of vLLM 2023: its host times";
  engine.host_evidence = Evidence::extrapolated;
  return engine;
}

// C++ engines launch without Python. DistServe's own engine (SwiftTransformer) on A100 exceeds this
// project's kernel times by 0.5 to 0.8 ms for OPT-13B at tp 1 and 1 to 8 requests.
EngineDescription native(const char* name, const char* source) {
  EngineDescription engine = make_engine(name, source);
  engine.host_per_iteration = microseconds(600);
  engine.host_per_sequence = microseconds(20);
  engine.layer_floor = microseconds(100);
  return engine;
}

EngineDescription tensorrt_llm() {
  EngineDescription engine = make_engine(
      "tensorrt-llm",
      "block 32 and KV share 0.9 of free memory: TensorRT-LLM defaults; graphs of decodes "
      "to 2048 requests: its greatest batch by default, as servers set it (published "
      "TPOT at 256 clients shows no launches); host 0.2 ms: published TPOT of "
      "Llama-3.1-8B on H100 at 8 clients over kernel times; the rest planning defaults");
  engine.block_tokens = Tokens(32);
  engine.memory_share = MemoryShare::free;
  engine.scheduling = Scheduling::overlapped;
  engine.host_per_iteration = microseconds(200);
  engine.host_per_sequence = microseconds(5);
  engine.layer_floor = microseconds(200);
  engine.captured_tokens = 2048;
  engine.host_evidence = Evidence::interpolated;
  return engine;
}

EngineDescription sglang() {
  EngineDescription engine = make_engine("sglang",
                                         "page 1, static memory share 0.88, decode graphs to 160 "
                                         "requests: SGLang defaults; host 0.3 ms as vllm; floor as "
                                         "vllm; reserve: planning default");
  engine.block_tokens = Tokens(1);
  engine.gpu_memory_utilisation = 0.88;
  engine.memory_share = MemoryShare::static_pool;
  engine.scheduling = Scheduling::overlapped;
  engine.host_per_iteration = microseconds(300);
  engine.host_per_sequence = microseconds(5);
  engine.layer_floor = kModuleLayer;
  engine.captured_tokens = 160;
  return engine;
}

// llama.cpp's server (tools/server, ggml): slots decode together, prompts fill what n_batch leaves,
// computed n_ubatch at a time; one KV cell a token, shared by the slots with --kv-unified. Written
// in C++ on CUDA graphs for single tokens. To be run with the batch policy llama-cpp.
EngineDescription llama_cpp() {
  EngineDescription engine =
      make_engine("llama.cpp",
                  "cells of one token, 2,048 tokens a batch, graphs for one request: llama.cpp "
                  "server defaults; 1 ms an iteration, 50 us a sequence (samplers run on the CPU) "
                  "and 50 us a layer: planning defaults");
  engine.block_tokens = Tokens(1);
  engine.gpu_memory_utilisation = 0.95;
  engine.host_per_iteration = microseconds(1000);
  engine.host_per_sequence = microseconds(50);
  engine.layer_floor = microseconds(50);
  engine.captured_tokens = 1;
  return engine;
}

// simdistserve has no memory limit; blocks and reserve are those of DistServe's capacity formula
// (0.95 of memory, less 1 %). Its step times carry all host work.
EngineDescription simdistserve() {
  EngineDescription engine = make_engine("simdistserve", "DistServe, OSDI 2024, simulator code");
  engine.reserved_memory = Bytes(0);
  engine.gpu_memory_utilisation = 0.94;
  engine.simdistserve = true;
  engine.host_evidence = Evidence::interpolated;
  return engine;
}

EngineDescription ideal() {
  EngineDescription engine =
      make_engine("ideal", "no host work, no floor, all memory: a bound, not an engine");
  engine.gpu_memory_utilisation = 1;
  engine.reserved_memory = Bytes(0);
  engine.host_evidence = Evidence::interpolated;
  return engine;
}

std::vector<EngineDescription> make_engines() {
  std::vector<EngineDescription> list{
      vllm(),
      vllm_v0(),
      vllm_2023(),
      sarathi(),
      tensorrt_llm(),
      sglang(),
      llama_cpp(),
      simdistserve(),
      ideal(),
      native("orca",
             "C++ engine on FasterTransformer kernels: host times as DistServe's engine; planning "
             "defaults"),
      native("faster-transformer",
             "C++ engine: host times as DistServe's engine; planning defaults"),
      native("distserve",
             "host times: DistServe's published steps on A100 over kernel times; block 16")};
  std::sort(list.begin(), list.end(),
            [](const EngineDescription& a, const EngineDescription& b) { return a.name < b.name; });
  return list;
}

const EngineDescription* bundled(const std::string& name) {
  for (const EngineDescription& engine : bundled_engines())
=======
const EngineDescription* named(const std::vector<EngineDescription>& engines,
                               const std::string& name) {
  for (const EngineDescription& engine : engines)
>>>>>>> 85d5d73 (models: engines are data files, one each, with the batch policy that schedules as they do)
    if (engine.name == name) return &engine;
  return nullptr;
}

const EngineDescription* bundled(const std::string& name) { return named(bundled_engines(), name); }

InputError unknown_engine(const std::string& name, const std::string& where) {
  std::vector<std::string> names;
  std::string known;
  for (const EngineDescription& engine : bundled_engines()) {
    names.push_back(engine.name);
    known += (known.empty() ? "" : ", ") + engine.name;
  }
  return {where, "expected an engine (" + known + ") or the path of an engine file, got " +
                     quoted(name) + did_you_mean(name, names)};
}

void read_time(JsonCursor& cursor, std::string_view name, Duration& value,
               std::string_view meaning) {
  std::optional<Duration> read = value;
  cursor.duration(name, read, Duration(0), meaning);
  if (read) value = *read;
}

template <class Enum, std::size_t N>
void read_choice(JsonCursor& cursor, std::string_view name, Enum& value,
                 const std::array<std::string, N>& names, std::string_view meaning) {
  std::string text = names[static_cast<std::size_t>(value)];
  cursor.choice(name, text, {names.begin(), names.end()}, meaning);
  const auto found = std::find(names.begin(), names.end(), text);
  value = static_cast<Enum>(found - names.begin());
}

void read_fields(JsonCursor& cursor, EngineDescription& engine) {
  cursor.text("name", engine.name, "name in reports");
  cursor.text("batch", engine.batch, "batch policy that schedules as it does");
  std::int64_t block = engine.block_tokens.value();
  cursor.count("block_tokens", block, 1, 65536, "tokens of one KV block");
  engine.block_tokens = Tokens(block);
  cursor.number("gpu_memory_utilisation", engine.gpu_memory_utilisation, 0.01, 1,
                "share of device memory the engine may use");
  read_choice(cursor, "memory_share", engine.memory_share, kMemoryShares,
              "what that is a share of: all memory, what weights and activations leave free, or "
              "all memory but for activations");
  read_choice(cursor, "scheduling", engine.scheduling, kSchedulings,
              "whether arrivals are seen at the next iteration or the one after");
  cursor.bytes("reserved_memory", engine.reserved_memory, "kept free of weights and KV, a GPU");
  read_time(cursor, "host_per_iteration", engine.host_per_iteration, "exposed host work");
  read_time(cursor, "host_per_sequence", engine.host_per_sequence, "the same, a sequence");
  read_time(cursor, "layer_floor", engine.layer_floor, "least time a layer when not captured");
  read_time(cursor, "ingest_per_request", engine.ingest_per_request, "front end, a request");
  read_time(cursor, "ingest_per_token", engine.ingest_per_token, "front end, a prompt token");
  read_time(cursor, "ingest_gap", engine.ingest_gap, "front end, a request, one after the other");
  for (std::size_t i = 0; i < kScaleKeys.size(); ++i)
    cursor.number(kScaleKeys[i], engine.kernel_scale[i], 0.01, 100, "times kernels are multiplied");
  cursor.number("eager_scale", engine.eager_scale, 1, 10,
                "times kernels' own time that a mixture's prompts take when not captured");
  cursor.count("captured_tokens", engine.captured_tokens, 0, 1 << 20,
               "batches of at most so many tokens run from captured graphs");
  read_choice(cursor, "capture", engine.capture, kCaptures, "which batches are captured");
  read_choice(cursor, "host_evidence", engine.host_evidence, kEvidenceNames,
              "what the host times rest on");
  cursor.flag("step_model", engine.simdistserve, "priced by a published linear step model");
  cursor.text("source", engine.source, "where the figures come from");
}

/// A bundled file; its "base" is another one, without a base of its own.
EngineDescription parse_bundled(const EngineFile& file, const std::vector<EngineDescription>& bases,
                                std::string& base) {
  const JsonNode root = parse_json(file.text, file.name);
  JsonDocument document;
  document.file = file.name;
  JsonCursor cursor = JsonCursor::reading(document, root);
  cursor.text("base", base, "bundled engine whose figures hold where none are given");
  EngineDescription engine;
  if (const EngineDescription* start = named(bases, base)) engine = *start;
  read_fields(cursor, engine);
  cursor.finish();
  return engine;
}

std::vector<EngineDescription> read_bundled() {
  std::vector<EngineDescription> bases, all;
  for (const EngineFile& file : engine_files()) {
    std::string base;
    EngineDescription engine = parse_bundled(file, {}, base);
    if (base.empty()) bases.push_back(std::move(engine));
  }
  for (const EngineFile& file : engine_files()) {
    std::string base;
    all.push_back(parse_bundled(file, bases, base));
    SIM_CHECK(base.empty() || named(bases, base) != nullptr, "a bundled engine's base is bundled");
  }
  std::sort(all.begin(), all.end(),
            [](const EngineDescription& a, const EngineDescription& b) { return a.name < b.name; });
  return all;
}

}  // namespace

const std::vector<EngineDescription>& bundled_engines() {
  static const std::vector<EngineDescription> engines = read_bundled();
  return engines;
}

EngineDescription find_engine(const std::string& name_or_path, const std::string& where) {
  if (const EngineDescription* engine = bundled(name_or_path)) return *engine;
  const std::size_t at = name_or_path.find('@');
  if (at != std::string::npos && name_or_path.find('/') == std::string::npos) {
    const std::size_t colon = std::min(name_or_path.find(':'), at);
    const std::string name = name_or_path.substr(0, colon);
    const EngineDescription* engine = bundled(name);
    if (engine == nullptr) throw unknown_engine(name, where);
    const std::string version = colon < at ? name_or_path.substr(colon + 1, at - colon - 1) : "";
    return calibrated(*engine, version, name_or_path.substr(at + 1));
  }
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json"))
    return parse_engine_json(read_small_file(name_or_path), name_or_path);
  throw unknown_engine(name_or_path, where);
}

std::string_view library_of(const EngineDescription& engine) {
  // vLLM last: others' sources compare themselves with it.
  constexpr std::array<std::array<std::string_view, 3>, 3> kLibraries{
      {{"TensorRT-LLM", "tensorrt", "trt"},
       {"SGLang", "sglang", "sglang"},
       {"vLLM", "vllm", "vllm"}}};
  for (const std::string_view text :
       {std::string_view(engine.name), std::string_view(engine.source)})
    for (const auto& [library, word, other] : kLibraries)
      if (text.find(library) != text.npos || text.find(word) != text.npos ||
          text.find(other) != text.npos)
        return library;
  return "vLLM";
}

EngineDescription parse_engine_json(std::string_view text, const std::string& file) {
  const JsonNode root = parse_json(text, file);
  JsonDocument document;
  document.file = file;
  JsonCursor cursor = JsonCursor::reading(document, root);
  std::string base = "vllm";
  cursor.text("base", base, "bundled engine whose figures hold where none are given");
  const EngineDescription* start = bundled(base);
  if (start == nullptr) throw unknown_engine(base, file + ": /base");
  EngineDescription engine = *start;
  engine.name = file;
  engine.source = "based on " + base + "; " + start->source;
  read_fields(cursor, engine);
  cursor.finish();
  return engine;
}

}  // namespace headroom
