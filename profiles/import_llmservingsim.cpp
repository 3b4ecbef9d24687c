// LLMServingSim's profiles of layers inside vLLM: <hardware>/<model...>/<variant>/meta.yaml with
// tp<degree>/{dense,per_sequence,attention,skew,moe}.csv, times in microseconds. Commit 5daddb2.
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "profiles/import_csv.h"
#include "profiles/import_rows.h"
#include "profiles/import_sidecar.h"
#include "sim/check.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;

constexpr double kMicrosecond = 1e3;  // nanoseconds

std::int64_t number_of(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value > 0 ? value : 0;
}

KernelTimes time_of(const NumberTable& from, std::string_view column, std::size_t row) {
  KernelTimes times;
  times.median_ns = times.mean_ns = from.real(column, row) * kMicrosecond;
  return times;
}

KernelShape shape_of(const ImportSource& source, const char* op) {
  KernelShape shape;
  shape.op = op;
  shape.compute = shape.stored = "bf16";
  shape.variant = source.model;
  return shape;
}

KernelShape attention_of(const ImportSource& source, std::int64_t chunk, std::int64_t cached,
                         std::int64_t batch, std::int64_t context) {
  const char* op = batch == 0   ? "prefill_attention"
                   : chunk == 0 ? "decode_attention"
                                : "mixed_attention";
  KernelShape shape = shape_of(source, op);
  shape.heads = source.heads;
  shape.kv_heads = source.kv_heads;
  shape.head_dim = source.head_dim;
  shape.chunk = chunk;
  shape.cached = cached;
  shape.batch = batch == 0 ? 1 : batch;
  shape.context = context;
  return shape;
}

/// dense: a layer by its tokens; per_sequence: by its sequences.
void read_layers(const ImportSource& source, const NumberTable& from, const char* size,
                 ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row) {
    KernelShape shape = shape_of(source, "layer");
    shape.m = from.integer(size, row);
    shape.ranks = source.divisor;
    shape.variant += "/" + std::string(from.text("layer", row).substr(0, 60));
    add_row(to, shape, time_of(from, "time_us", row), from.where(), row + 1);
  }
}

void read_attention(const ImportSource& source, const NumberTable& from, ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row)
    add_row(
        to,
        attention_of(source, from.integer("prefill_chunk", row), from.integer("kv_prefill", row),
                     from.integer("n_decode", row), from.integer("kv_decode", row)),
        time_of(from, "time_us", row), from.where(), row + 1);
}

/// A batch of which `nb` sequences have `kv_big` keys and the others fewer, and the same batch with
/// every sequence at the mean and at the largest: three rows of one shape, told by their variants.
void read_skew(const ImportSource& source, const NumberTable& from, ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row) {
    KernelShape shape = attention_of(source, from.integer("pc", row), from.integer("kp", row),
                                     from.integer("n", row), from.integer("kv_mean", row));
    shape.big_batch = from.integer("nb", row);
    shape.big_context = from.integer("kv_big", row);
    for (const auto& [variant, column] :
         {std::pair("", "t_skew_us"), {";all_mean", "t_mean_us"}, {";all_big", "t_max_us"}}) {
      shape.variant = source.model + variant;
      add_row(to, shape, time_of(from, column, row), from.where(), row + 1);
    }
  }
}

void read_moe(const ImportSource& source, const NumberTable& from, ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row) {
    KernelShape shape = shape_of(source, "layer");
    shape.m = from.integer("tokens", row);
    shape.experts = from.integer("activated_experts", row);
    shape.ranks = source.divisor;
    shape.variant += "/moe";
    add_row(to, shape, time_of(from, "time_us", row), from.where(), row + 1);
  }
}

/// "[1, 2]" -> 2: the degree that meta.yaml's per-GPU sizes are of, the last one measured.
std::int64_t last_degree(const std::string& list) {
  std::string digits;
  for (const char c : list) {
    if (c >= '0' && c <= '9')
      digits += c;
    else if (c == ',' || c == '[')
      digits.clear();
  }
  return std::max<std::int64_t>(number_of(digits), 1);
}

ImportSource source_of(const std::string& file, const std::string& meta_path,
                       const ImportOptions& options) {
  const std::vector<std::string> parts = parts_from_end(file);
  ImportSource source;
  source.path = file;
  source.table = parts[0].substr(0, parts[0].size() - 4);
  source.divisor = static_cast<int>(std::min<std::int64_t>(number_of(parts[1].substr(2)), 1024));
  ProfileRun& run = source.run;
  Sidecar meta;
  try {
    meta = read_sidecar(meta_path);
  } catch (const InputError& error) {
    source.left_out = error.what();
    return source;
  }
  const std::string sizes = "engine_effective/hf_overrides/";
  const std::int64_t whole = last_degree(meta.text("tp_degrees"));
  source.heads = number_of(meta.text(sizes + "num_attention_heads")) * whole / source.divisor;
  source.kv_heads = std::max<std::int64_t>(
      number_of(meta.text(sizes + "num_key_value_heads")) * whole / source.divisor, 1);
  source.head_dim = number_of(meta.text(sizes + "head_dim"));
  source.model = meta.text("model");
  run.device = options.device.empty() ? device_name(meta.text("hardware")) : options.device;
  run.device_title = meta.text("gpu");
  run.library = "vLLM";
  run.library_version = meta.text("vllm_version");
  run.tool = "LLMServingSim profiler";
  run.tool_version = meta.text("profiler_version");
  run.date = options.date.empty() ? meta.text("profiled_at").substr(0, 10) : options.date;
  run.licence = options.licence.empty() ? "MIT" : options.licence;
  run.source = (options.origin.empty() ? "" : options.origin + " ") + meta.text("hardware") + "/" +
               source.model + "/" + meta.text("variant") + "/" + parts[1] + "/" + parts[0];
  run.repeats = number_of(meta.text("measurement_iterations"));
  run.driver = meta.text("cuda_version").empty() ? "" : "CUDA " + meta.text("cuda_version");
  run.notes = source.head_dim == 0 ? "head_dim is not stated" : "";
  if (meta.text("engine_effective/enforce_eager") == "true")
    run.notes += std::string(run.notes.empty() ? "" : "; ") + "eager, no CUDA graphs";
  return source;
}

}  // namespace

std::vector<ImportSource> llmservingsim_sources(const std::vector<std::string>& files,
                                                const ImportOptions& options) {
  constexpr const char* kTables[] = {"dense.csv", "per_sequence.csv", "attention.csv", "skew.csv",
                                     "moe.csv"};
  std::vector<ImportSource> sources;
  for (const std::string& file : files) {
    const std::vector<std::string> parts = parts_from_end(file);
    if (parts.size() < 2 || !parts[1].starts_with("tp") || number_of(parts[1].substr(2)) == 0)
      continue;
    if (std::find(std::begin(kTables), std::end(kTables), parts[0]) == std::end(kTables)) continue;
    const fs::path meta = fs::path(file).parent_path().parent_path() / "meta.yaml";
    if (fs::is_regular_file(meta)) sources.push_back(source_of(file, meta.string(), options));
  }
  return sources;
}

ImportTable read_llmservingsim(const ImportSource& source, const std::vector<std::uint8_t>& bytes) {
  const NumberTable from(bytes, source.path);
  ImportTable table;
  table.run = source.run;
  if (source.table == "dense") read_layers(source, from, "tokens", table);
  if (source.table == "per_sequence") read_layers(source, from, "sequences", table);
  if (source.table == "attention") read_attention(source, from, table);
  if (source.table == "skew") read_skew(source, from, table);
  if (source.table == "moe") read_moe(source, from, table);
  return table;
}

}  // namespace headroom
