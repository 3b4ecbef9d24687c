// Runs recorded request by request: LLMServingSim's logs and BLIS's TraceV2.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "sim/check.h"
#include "sim/math.h"
#include "sim/quantity_text.h"
#include "sim/request.h"
#include "traces/exact_numbers.h"
#include "traces/json_walker.h"
#include "traces/measured_runs.h"

namespace headroom {
namespace {

constexpr std::size_t kMostMetaBytes = std::size_t{4} << 20;

std::string whole_file(const std::string& path) {
  const std::unique_ptr<ByteSource> bytes = open_bytes(path);
  std::string text;
  std::array<char, 1 << 14> buffer{};
  while (const std::size_t got = bytes->read(buffer.data(), buffer.size())) {
    text.append(buffer.data(), got);
    if (text.size() > kMostMetaBytes * 64)
      throw InputError(path, "expected at most 256 MiB, got more; split the log");
  }
  return text;
}

/// All scalars of a JSON text by path.
class Scalars final : public JsonVisitor {
 public:
  explicit Scalars(std::string_view text, const std::string& where) {
    const JsonFault fault = walk_json(text, *this);
    if (fault.failed) {
      throw InputError(where, "expected a JSON object, got a fault at byte " +
                                  std::to_string(fault.offset) + ": " + fault.message);
    }
  }
  [[nodiscard]] int field_of(std::string_view path) const override {
    if (names_.size() >= kMostFields) return -1;
    names_.emplace_back(path);
    return static_cast<int>(names_.size()) - 1;
  }
  [[nodiscard]] bool scalar(int field, const JsonScalar& value) override {
    if (field >= 0 && value.kind != JsonScalar::Kind::null)
      values_[names_[static_cast<std::size_t>(field)]] = std::string(value.text);
    return true;
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto found = values_.find(path);
    return found == values_.end() ? std::string() : found->second;
  }
  [[nodiscard]] std::optional<std::int64_t> whole(const std::string& path, std::int64_t least,
                                                  std::int64_t most,
                                                  const std::string& where) const {
    const std::string value = text(path);
    if (value.empty()) return std::nullopt;
    return parse_integer(value, least, most, where + ": " + path);
  }
  [[nodiscard]] double number(const std::string& path, const std::string& where) const {
    const std::string value = text(path);
    if (value.empty())
      throw InputError(where, "expected " + path + ", got a record without it; is it cut off?");
    return parse_number(value, 0, 1e12, where + ": " + path);
  }

 private:
  static constexpr std::size_t kMostFields = 4096;
  mutable std::vector<std::string> names_;
  std::map<std::string, std::string> values_;
};

void take_statistics(std::vector<double> values, RunMetric mean, RunFigures& figures) {
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  const auto at = static_cast<std::size_t>(mean);
  figures[at] = sum / static_cast<double>(values.size());
  figures[at + 1] = nearest_rank(values, 0.9);
  figures[at + 2] = nearest_rank(values, 0.99);
}

/// One request's times, seconds on one clock.
struct LoggedTimes {
  double arrival = 0, first = 0, last = 0;
  std::int64_t prompt = 0, output = 0;
};

/// Arrivals and figures of a log, whose times are on one clock.
void take_requests(std::vector<LoggedTimes> log, MeasuredRun& run) {
  std::stable_sort(log.begin(), log.end(), [](const LoggedTimes& a, const LoggedTimes& b) {
    return a.arrival < b.arrival;
  });
  std::vector<double> ttft, itl, e2e;
  double tokens = 0, end = 0;
  const double start = log.front().arrival;
  for (const LoggedTimes& one : log) {
    RecordedRequest request;
    request.offset = Duration(static_cast<std::int64_t>((one.arrival - start) * 1e9 + 0.5));
    request.prompt = static_cast<std::int32_t>(one.prompt);
    request.output = static_cast<std::int32_t>(one.output);
    run.requests.push_back(request);
    ttft.push_back((one.first - one.arrival) * 1e3);
    e2e.push_back((one.last - one.arrival) * 1e3);
    if (one.output > 1)
      itl.push_back((one.last - one.first) * 1e3 / static_cast<double>(one.output - 1));
    tokens += static_cast<double>(one.output);
    end = std::max(end, one.last);
  }
  StageFigures whole;
  take_statistics(std::move(ttft), RunMetric::ttft_mean, whole.figures);
  take_statistics(std::move(itl), RunMetric::itl_mean, whole.figures);
  take_statistics(std::move(e2e), RunMetric::e2e_mean, whole.figures);
  if (end > start)
    whole.figures[static_cast<std::size_t>(RunMetric::output_rate)] = tokens / (end - start);
  run.measured.push_back(whole);
}

std::vector<LoggedTimes> log_lines(std::string_view lines, const std::string& name) {
  LineReader reader(memory_bytes(lines, name), name);
  std::vector<LoggedTimes> log;
  double gap = 1e300;  // the clocks differ: the shortest way to the engine's queue is taken as none
  while (const auto line = reader.next()) {
    if (line->empty()) continue;
    const std::string where = reader.place(0);
    if (log.size() >= kMostMeasuredRows)
      throw InputError(where, "expected at most a million requests, got more; split the log");
    const Scalars record(*line, where);
    LoggedTimes one;
    one.arrival = record.number("/arrival_time", where);
    one.first = record.number("/first_token_ts", where);
    one.last = record.number("/last_token_ts", where);
    gap = std::min(gap, record.number("/queued_ts", where) - one.arrival);
    const auto tokens = [&](const char* path) {
      const auto count = record.whole(path, 1, kMaxRequestTokens.value(), where);
      if (!count) throw InputError(where, std::string("expected ") + path + ", got none; add it");
      return *count;
    };
    one.prompt = tokens("/input_toks");
    one.output = tokens("/output_toks");
    if (one.last < one.first)
      throw InputError(where, "expected last_token_ts at or after first_token_ts, got less");
    log.push_back(one);
  }
  if (log.empty()) throw InputError(name, "expected one request a line, got none; is it cut off?");
  for (LoggedTimes& one : log) one.arrival += gap;
  return log;
}

/// "NVIDIA GeForce RTX 4090" -> "rtx-4090", by the words that name a catalogue's device.
std::string device_of(const std::string& hardware) {
  struct Known {
    std::string_view part, device;
  };
  constexpr std::array<Known, 9> kKnown{{{"RTX 4090", "rtx-4090"},
                                         {"RTX4090", "rtx-4090"},
                                         {"RTX PRO 6000", "rtx-pro-6000"},
                                         {"RTXPRO6000", "rtx-pro-6000"},
                                         {"H100", "h100-sxm"},
                                         {"H200", "h200-sxm"},
                                         {"A100", "a100-80g-sxm"},
                                         {"L40S", "l40s"},
                                         {"B200", "b200-sxm"}}};
  for (const Known& known : kKnown)
    if (hardware.find(known.part) != std::string::npos) return std::string(known.device);
  return hardware;
}

std::string dtype_of(const std::string& name) {
  if (name == "bfloat16" || name == "torch.bfloat16" || name == "auto") return "bf16";
  if (name == "float16" || name == "half") return "fp16";
  return name;
}

// YAML of a TraceV2 header: nested "key: value" lines, as BLIS writes them; nothing else is read.
class HeaderLines {
 public:
  HeaderLines(std::string_view text, const std::string& name) {
    LineReader reader(memory_bytes(text, name), name);
    std::vector<std::pair<std::size_t, std::string>> stack;
    while (const auto raw = reader.next()) {
      std::string_view line = *raw;
      const std::size_t indent = line.find_first_not_of(' ');
      if (indent == std::string_view::npos || line[indent] == '#' || line.starts_with("---"))
        continue;
      const std::size_t colon = line.find(':', indent);
      if (colon == std::string_view::npos) {
        throw InputError(reader.place(indent),
                         "expected \"key: value\", got a line without a colon; correct the header");
      }
      while (!stack.empty() && stack.back().first >= indent) stack.pop_back();
      const std::string parent = stack.empty() ? "" : stack.back().second;
      const std::string path = parent + "/" + std::string(line.substr(indent, colon - indent));
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '"'))
        value.remove_prefix(1);
      while (!value.empty() && (value.back() == ' ' || value.back() == '"')) value.remove_suffix(1);
      if (value.empty()) {
        if (stack.size() >= kMostDepth)
          throw InputError(reader.place(indent), "expected at most 16 levels, got more");
        stack.emplace_back(indent, path);
      } else {
        values_[path] = {std::string(value), reader.place(colon + 1)};
      }
    }
  }
  [[nodiscard]] std::string text(const std::string& path) const {
    const auto found = values_.find(path);
    return found == values_.end() ? std::string() : found->second.first;
  }
  [[nodiscard]] std::optional<std::int64_t> whole(const std::string& path, std::int64_t least,
                                                  std::int64_t most) const {
    const auto found = values_.find(path);
    if (found == values_.end()) return std::nullopt;
    return parse_integer(found->second.first, least, most, found->second.second);
  }
  [[nodiscard]] std::optional<double> share(const std::string& path) const {
    const auto found = values_.find(path);
    if (found == values_.end()) return std::nullopt;
    return parse_number(found->second.first, 0.01, 1, found->second.second);
  }

 private:
  static constexpr std::size_t kMostDepth = 16;
  std::map<std::string, std::pair<std::string, std::string>> values_;
};

}  // namespace

MeasuredRun request_log_of(std::string_view lines, std::string_view meta, const std::string& name) {
  MeasuredRun run;
  run.id = run.where = name;
  run.format = "llmservingsim";
  run.workload = "replay";
  const Scalars settings(meta, name + " (meta.json)");
  const std::string where = name + " (meta.json)";
  const std::string kEngine = "/engine_kwargs/";
  run.model = settings.text("/model");
  if (run.model.empty())
    throw InputError(where, "expected the key model, got none; is it the log's meta.json?");
  run.engine_version = settings.text("/vllm_version");
  run.precision = dtype_of(settings.text(kEngine + "dtype"));
  const std::string cache = settings.text(kEngine + "kv_cache_dtype");
  if (cache != "auto") run.kv_cache = cache;
  run.tensor =
      settings.whole(kEngine + "tensor_parallel_size", 1, kMostRowWidth, where).value_or(1);
  run.attention_data =
      settings.whole(kEngine + "data_parallel_size", 1, kMostRowWidth, where).value_or(1);
  if (settings.text(kEngine + "enable_expert_parallel") == "true")
    run.expert = run.tensor * run.attention_data;
  run.max_sequences = settings.whole(kEngine + "max_num_seqs", 1, kMostRowClients, where);
  run.max_batched_tokens =
      settings.whole(kEngine + "max_num_batched_tokens", 1, kMostRowTokens, where);
  run.max_model_len = settings.whole(kEngine + "max_model_len", 1, kMostRowTokens, where);
  run.kv_blocks = settings.whole("/kv_cache/num_gpu_blocks", 1, std::int64_t{1} << 40, where);
  run.device = device_of(settings.text("/hardware/device_name"));
  take_requests(log_lines(lines, name), run);
  return run;
}

MeasuredRun read_request_log(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string folder = fs::path(path).parent_path().string();
  const std::string meta = (fs::path(folder) / "meta.json").string();
  const std::string settings = whole_file(meta);
  MeasuredRun run = request_log_of(whole_file(path), settings, path);
  // Logs of before the hardware was recorded lie in a folder of its name.
  if (run.device.empty()) {
    const std::string name = fs::path(folder).filename().string();
    const std::string known = device_of(name);
    if (known != name) run.device = known;
  }
  return run;
}

MeasuredRun trace_v2_of(std::string_view header, std::string_view rows, const std::string& name) {
  const HeaderLines settings(header, name);
  MeasuredRun run;
  run.id = run.where = name;
  run.format = "trace-v2";
  run.workload = "replay";
  const std::string mode = settings.text("/mode");
  if (!mode.empty() && mode != "real")
    run.unusable = "the trace is " + mode + " by a simulator, not measured";
  if (settings.text("/trace_version").empty())
    throw InputError(name, "expected the key trace_version, got none; is it a TraceV2 header?");
  run.model = settings.text("/server/model");
  if (!settings.text("/server/type").empty()) run.engine = settings.text("/server/type");
  run.tensor = settings.whole("/server/tensor_parallel", 0, kMostRowWidth).value_or(1);
  run.tensor = std::max<std::int64_t>(run.tensor, 1);
  run.max_sequences = settings.whole("/server/max_num_seqs", 1, kMostRowClients);
  run.max_model_len = settings.whole("/server/max_model_len", 1, kMostRowTokens);
  run.memory_share = settings.share("/server/gpu_memory_utilization");
  const auto warm = settings.whole("/warm_up_requests", 0, kMostRowClients).value_or(0);
  CsvTable table(memory_bytes(rows, name), name + " (requests)");
  std::vector<LoggedTimes> log;
  std::int64_t row = 0, failed = 0;
  while (table.next()) {
    if (run.model.empty()) run.model = table.word("model");
    const bool ok = table.text("status") == "ok" || table.text("status").empty();
    if (!ok) ++failed;
    if (row++ < warm || !ok) continue;
    constexpr std::int64_t kMostUs = std::int64_t{1} << 60;
    LoggedTimes one;
    // A client's delay between arrival and sending is not the server's.
    const std::int64_t arrival = table.whole("arrival_time_us", 0, kMostUs);
    const std::int64_t sent = table.whole_or("send_time_us", 0, kMostUs, 0);
    const double origin = static_cast<double>(sent > 0 ? sent : arrival);
    one.arrival = origin * 1e-6;
    one.first = static_cast<double>(table.whole("first_chunk_time_us", 0, kMostUs)) * 1e-6;
    one.last = static_cast<double>(table.whole("last_chunk_time_us", 0, kMostUs)) * 1e-6;
    const std::int64_t asked = table.whole("input_tokens", 0, kMostRowTokens);
    const std::int64_t server = table.whole_or("server_input_tokens", 0, kMostRowTokens, 0);
    one.prompt = std::max<std::int64_t>(1, server > 0 ? server : asked);
    one.output = std::max<std::int64_t>(1, table.whole("output_tokens", 0, kMostRowTokens));
    if (one.first < one.arrival || one.last < one.first) {
      throw InputError(table.place("first_chunk_time_us"),
                       "expected times in the order sent, first, last chunk, got another; remove "
                       "the row");
    }
    log.push_back(one);
  }
  if (log.empty()) throw InputError(table.name(), "expected requests that ended well, got none");
  if (failed * 10 > row)
    run.doubt = std::to_string(failed) + " of " + std::to_string(row) + " requests failed";
  take_requests(std::move(log), run);
  return run;
}

MeasuredRun read_trace_v2(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path header(path);
  fs::path data = header;
  data.replace_extension(".csv");
  if (!fs::exists(data)) {
    std::string stem = header.stem().string();
    const std::size_t at = stem.find("header");
    if (at != std::string::npos) stem.replace(at, 6, "data");
    data = header.parent_path() / (stem + ".csv");
  }
  if (!fs::exists(data)) {
    throw InputError(path,
                     "expected the trace's requests in a .csv of the same name beside it, "
                     "got none; put it there");
  }
  return trace_v2_of(whole_file(path), whole_file(data.string()), path);
}

}  // namespace headroom
