#include "traces/serving_points.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "sim/check.h"
#include "sim/quantity_text.h"
#include "traces/csv_table.h"

namespace headroom {
namespace {

std::string word(const CsvTable& table, const std::string& column) {
  return std::string(table.text(column));
}

void require_word(const CsvTable& table, const std::string& column) {
  if (table.text(column).empty()) {
    throw InputError(table.place(column),
                     "expected the column " + column + " to be filled, got nothing; name it");
  }
}

ServingPoint own_point(const CsvTable& table) {
  ServingPoint point;
  point.where = table.where();
  for (const PointColumn& column : point_columns())
    if (column.required) require_word(table, column.name);
  point.id = word(table, "id");
  point.model = word(table, "model");
  point.device = word(table, "device");
  point.engine = word(table, "engine");
  point.engine_version = word(table, "engine_version");
  point.precision = word(table, "precision");
  point.kv_cache = word(table, "kv_cache");
  point.source = word(table, "source");
  point.prompt = table.whole("prompt_tokens", 1, kMostRowTokens);
  point.output = table.whole("output_tokens", 1, kMostRowTokens);
  point.concurrency = table.whole("concurrency", 1, kMostRowClients);
  point.tensor = table.whole_or("tensor_parallel", 1, kMostRowWidth, 1);
  point.pipeline = table.whole_or("pipeline_parallel", 1, kMostRowWidth, 1);
  point.attention_data = table.whole_or("attention_data_parallel", 1, kMostRowWidth, 1);
  point.expert = table.whole_or("expert_parallel", 1, kMostRowWidth, 1);
  if (!table.text("kv_blocks").empty())
    point.kv_blocks = table.whole("kv_blocks", 1, std::int64_t{1} << 40);
  if (!table.text("max_batched_tokens").empty())
    point.max_batched_tokens = table.whole("max_batched_tokens", 1, kMostRowTokens);
  if (!table.text("shortest_share").empty())
    point.shortest = table.number("shortest_share", 0.001, 1);
  point.ttft_ms = table.time_ms("ttft_ms");
  point.tpot_ms = table.time_ms("tpot_ms");
  return point;
}

/// "silicon_concurrency=128" among texts separated by semicolons; 0: not there or no number.
std::int64_t stated_concurrency(std::string_view source) {
  constexpr std::string_view kKey = "silicon_concurrency=";
  const std::size_t at = source.find(kKey);
  if (at == std::string_view::npos) return 0;
  std::int64_t value = 0;
  for (std::size_t i = at + kKey.size(); i < source.size(); ++i) {
    const char c = source[i];
    if (c < '0' || c > '9' || value > kMostRowClients) break;
    value = value * 10 + (c - '0');
  }
  return value > kMostRowClients ? 0 : value;
}

WorkerPool pool(const CsvTable& table, const std::string& prefix) {
  const auto width = [&](const char* column) {
    return table.whole_or(prefix + column, 0, kMostRowWidth, 0);
  };
  WorkerPool pool;
  pool.batch = table.whole_or(prefix + "batch_size", 0, kMostRowClients, 0);
  pool.workers = width("num_workers");
  pool.tensor = width("tp_size");
  pool.pipeline = width("pp_size");
  pool.attention_data = width("attention_dp_size");
  pool.expert = width("moe_ep_size");
  return pool;
}

// Where tensor (or data) and expert parallelism were both e, the sample multiplies them: one
// measurement, DeepSeek-R1 on H200 (TensorRT-LLM, 1024x1024, 128 clients, TPOT 31.45 ms), stands in
// it as attention dp 8, ep 8 and again as attention dp 64, experts 8 x 8; gpt-oss at "tp 4, experts
// 2 x 2" equals tp 2 to three digits; and identifiers say tp8_ep8 where the columns say 64. With
// vLLM, "tp 4, dp 4, ep 16" is tp 4, ep 4 (MiniMax-M2.5 on H100, 1024x8192, 64 clients: TPOT 31.9
// ms in both). A blank attention dp is what the experts' GPUs leave.
void repair_split(std::int64_t expert_columns, ServingPoint& point) {
  std::int64_t& tensor = point.tensor;
  std::int64_t& groups = point.attention_data;
  if (expert_columns < 1 || point.expert < 1 || tensor < 1 || groups < 1) return;
  const std::int64_t gpus = tensor * groups, shared = expert_columns * point.expert;
  if (gpus == shared && expert_columns == point.expert && (tensor == 1 || groups == 1)) {
    (tensor == 1 ? groups : tensor) = point.expert;
  } else if (gpus == shared && expert_columns == 1 && tensor == groups) {
    point.expert = tensor;
    groups = 1;
  } else if (groups == 1 && shared > tensor && shared % tensor == 0 && !point.moe.empty()) {
    groups = shared / tensor;
  }
}

void read_split(const CsvTable& table, ServingPoint& point) {
  if (point.mode == "disagg") {
    point.prefill_pool = pool(table, "prefill_");
    point.decode_pool = pool(table, "decode_");
    const WorkerPool& decode = point.decode_pool;
    if (point.concurrency == 0)
      point.concurrency = decode.batch * decode.workers * decode.attention_data;
    if (decode.batch == 0 || decode.workers == 0 || point.prefill_pool.workers == 0)
      point.unusable = "the row names no batch and worker counts of the prefill and decode pools";
    return;
  }
  point.tensor = table.whole_or("tp_size", 0, kMostRowWidth, 0);
  point.pipeline = table.whole_or("pp_size", 0, kMostRowWidth, 1);
  point.attention_data = table.whole_or("attention_dp_size", 0, kMostRowWidth, 1);
  point.expert = table.whole_or("moe_ep_size", 0, kMostRowWidth, 1);
  // Rows of a whole NVL72 rack state the clients of all its replicas, and the batch of one of them.
  const std::int64_t batch = table.whole_or("batch_size", 0, kMostRowClients, 0) *
                             std::max<std::int64_t>(1, point.attention_data);
  const bool shared = point.device.rfind("gb", 0) == 0 && batch > 0 && point.concurrency > batch &&
                      point.concurrency % batch == 0;
  if (point.concurrency == 0 || shared) point.concurrency = batch;
  if (point.tensor == 0 || point.pipeline == 0 || point.attention_data == 0)
    point.unusable = "the row has a parallel dimension of 0";
  repair_split(table.whole_or("moe_tp_size", 0, kMostRowWidth, 1), point);
}

ServingPoint sample_point(const CsvTable& table) {
  ServingPoint point;
  point.where = table.where();
  point.id = word(table, "id");
  point.source = word(table, "silicon_data_source");
  point.model = word(table, "model_path");
  point.device = word(table, "system");
  point.engine = word(table, "backend");
  point.engine_version = word(table, "backend_version");
  point.precision = word(table, "precision");
  point.gemm = word(table, "gemm_quant_mode");
  point.moe = word(table, "moe_quant_mode");
  point.mode = word(table, "mode");
  point.prompt = table.whole("isl", 1, kMostRowTokens);
  point.output = table.whole("osl", 1, kMostRowTokens);
  point.concurrency = stated_concurrency(point.source);
  point.ttft_ms = table.time_ms("silicon_ttft_ms");
  point.tpot_ms = table.time_ms("silicon_tpot_ms");
  read_split(table, point);
  if (point.concurrency == 0 && point.unusable.empty())
    point.unusable = "the row states neither concurrency nor batch size";
  return point;
}

ForwardPass forward_pass(const CsvTable& table) {
  ForwardPass pass;
  pass.where = table.where();
  pass.tokens = table.whole("prefill_tokens", 0, kMostRowTokens);
  pass.cached = table.whole("prefill_kv_tokens", 0, std::int64_t{1} << 40);
  pass.requests = table.whole("prefill_requests", 0, kMostRowClients);
  pass.seconds = table.number("wall_time_s", 0, kMostRowMs);
  if (!(pass.seconds > 0)) {
    throw InputError(table.place("wall_time_s"), "expected a time above 0 s, got " +
                                                     headroom::quoted(word(table, "wall_time_s")) +
                                                     "; remove the row");
  }
  return pass;
}

void read_own(CsvTable& table, MeasuredFile& file) {
  std::vector<std::string> known;
  for (const PointColumn& column : point_columns()) known.emplace_back(column.name);
  for (const auto& [name, index] : table.columns()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw InputError(table.header_place(index), "expected a column of measured points, got " +
                                                      headroom::quoted(name) +
                                                      did_you_mean(name, known) + "; remove it");
    }
  }
  for (const PointColumn& column : point_columns()) {
    if (column.required && !table.has(column.name)) {
      throw InputError(table.name() + ":1:1", "expected a column " + std::string(column.name) +
                                                  " (" + column.meaning + "), got none; add it");
    }
  }
  while (table.next()) file.points.push_back(own_point(table));
}

struct KnownFormat {
  const char* name;
  std::array<const char*, 3> columns;  ///< that tell it from the others
};
constexpr std::array<KnownFormat, 4> kFormats{{
    {"silicon-sample", {"silicon_ttft_ms", "model_path", "isl"}},
    {"forward-passes", {"wall_time_s", "prefill_tokens", "prefill_requests"}},
    {"inference-perf", {"run_id", "stage_index", "measured_ms"}},
    {"headroom-points", {"model", "prompt_tokens", "concurrency"}},
}};

std::string format_of(const CsvTable& table) {
  for (const KnownFormat& format : kFormats) {
    const bool all = std::all_of(format.columns.begin(), format.columns.end(),
                                 [&](const char* column) { return table.has(column); });
    if (all) return format.name;
  }
  throw InputError(table.name() + ":1:1",
                   "expected measured points by the columns model, prompt_tokens, concurrency, ... "
                   "(or those of silicon_sample.csv, forward passes, inference-perf runs), got "
                   "other columns; see `headroom help validate`");
}

}  // namespace

std::string ServingPoint::configuration() const {
  std::string text;
  for (const std::string* part :
       {&model, &device, &engine, &engine_version, &precision, &kv_cache, &mode}) {
    text += *part + "|";
  }
  for (const std::int64_t number :
       {prompt, output, concurrency, tensor, pipeline, attention_data, expert, prefill_pool.workers,
        prefill_pool.tensor, decode_pool.workers, decode_pool.tensor, decode_pool.batch}) {
    text += std::to_string(number) + "|";
  }
  return text;
}

const std::vector<PointColumn>& point_columns() {
  static const std::vector<PointColumn> columns{
      {"id", true, "name of the point, unique"},
      {"model", true, "bundled model or path of a config.json"},
      {"device", true, "device of the catalogue, or path of a device file"},
      {"engine", true, "engine description: vllm, tensorrt-llm, sglang, ..., or a path"},
      {"engine_version", false, "version of the engine"},
      {"precision", false, "format of the weights; empty: bf16"},
      {"kv_cache", false, "format of the KV cache; empty: as activations"},
      {"prompt_tokens", true, "tokens of each prompt"},
      {"output_tokens", true, "tokens of each answer"},
      {"concurrency", true, "clients, each with one request at a time"},
      {"tensor_parallel", false, "GPUs that share each layer; empty: 1"},
      {"pipeline_parallel", false, "pipeline stages; empty: 1"},
      {"attention_data_parallel", false, "replicas of attention; empty: 1"},
      {"expert_parallel", false, "GPUs that share the experts; empty: 1"},
      {"kv_blocks", false, "KV blocks as the engine reported them; empty: from memory"},
      {"max_batched_tokens", false, "token budget of an iteration; empty: the engine's default"},
      {"shortest_share", false, "lengths are uniform from this share of nominal; empty: 1"},
      {"ttft_ms", false, "measured time to first token, ms"},
      {"tpot_ms", false, "measured time per output token after the first, ms"},
      {"source", false, "where the measurement comes from"}};
  return columns;
}

MeasuredFile read_measured(std::unique_ptr<ByteSource> bytes, const std::string& name) {
  CsvTable table(std::move(bytes), name);
  MeasuredFile file;
  file.format = format_of(table);
  if (file.format == "headroom-points") {
    read_own(table, file);
  } else if (file.format == "silicon-sample") {
    while (table.next()) file.points.push_back(sample_point(table));
  } else if (file.format == "forward-passes") {
    while (table.next()) file.passes.push_back(forward_pass(table));
  } else {
    while (table.next()) add_stage_row(table, file.runs);
    complete_stage_runs(file.runs);
  }
  return file;
}

MeasuredFile read_measured(const std::string& path) {
  MeasuredFile file;
  std::string log = path;
  if (path != "-" && std::filesystem::is_directory(path))
    log = (std::filesystem::path(path) / "requests.jsonl").string();
  if (log.ends_with(".jsonl")) {
    file.runs.push_back(read_request_log(log));
  } else if (log.ends_with(".yaml") || log.ends_with(".yml")) {
    file.runs.push_back(read_trace_v2(log));
  }
  if (!file.runs.empty()) {
    file.format = file.runs.front().format;
    return file;
  }
  return read_measured(open_bytes(path), path);
}

}  // namespace headroom
