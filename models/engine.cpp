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

const EngineDescription* named(const std::vector<EngineDescription>& engines,
                               const std::string& name) {
  for (const EngineDescription& engine : engines)
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
  cursor.number("block_fp8_experts_scale", engine.block_fp8_experts_scale, 0.01, 100,
                "times experts of block-fp8 weights are multiplied");
  cursor.number("mxfp4_experts_scale", engine.mxfp4_experts_scale, 0.01, 100,
                "times experts of mxfp4 weights are multiplied");
  cursor.flag("reads_all_experts", engine.reads_all_experts,
              "every expert's block-fp8 weights are read in every iteration");
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
