// Measured open-loop runs of real serving systems: what was sent when, and which latencies came
// out.
//
// A run is either described (load stages of a rate and a duration, fixed lengths: inference-perf)
// or recorded request by request (LLMServingSim's request logs, BLIS TraceV2). Formats:
//   inference-perf   CSV, one line a run, load stage and metric; the workloads are known by name
//   llmservingsim    requests.jsonl, with meta.json of the engine beside it
//   trace-v2         YAML header, with a CSV of requests beside it
// Law: every run's file is read whole or is an InputError with its place; a run that cannot be
// repeated is kept with why in `unusable`.
// Cost: one pass, 24 bytes a recorded request; at most kMostMeasuredRows.
// Not here: the simulation that repeats a run (sim/cli/validate_open.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/units.h"
#include "traces/csv_table.h"

namespace headroom {

/// Statistics of a run; ms, but for the output tokens a second.
enum class RunMetric : std::uint8_t {
  ttft_mean,
  ttft_p90,
  ttft_p99,
  itl_mean,
  itl_p90,
  itl_p99,
  e2e_mean,
  e2e_p90,
  e2e_p99,
  output_rate,
};
constexpr int kRunMetrics = 10;
using RunFigures = std::array<std::optional<double>, kRunMetrics>;

/// One load stage, or the whole run (index -1).
struct StageFigures {
  int stage = -1;
  RunFigures figures{};
};

struct LoadStage {
  double rate = 0;     ///< requests a second
  double seconds = 0;  ///< rate x seconds requests arrive in it
};

struct RecordedRequest {
  Duration offset;  ///< since the first arrival
  std::int32_t prompt = 1, output = 1;
};

struct MeasuredRun {
  std::string id, where;
  std::string format;  ///< as above
  std::string device, model, engine = "vllm", engine_version, precision, kv_cache;
  std::string workload;  ///< name of what was sent
  std::int64_t tensor = 1, attention_data = 1, expert = 1;
  std::optional<std::int64_t> max_batched_tokens{}, max_sequences{}, kv_blocks{}, max_model_len{};
  std::optional<double> memory_share{};  ///< of the device, for the engine
  // Described: lengths in tokens. Prompts are `distinct_prompts` texts sent round robin, each of a
  // shared head and a question; 0: none comes twice.
  std::int64_t shared = 0, question = 0, output = 0, distinct_prompts = 0;
  std::vector<LoadStage> stages;
  // Recorded.
  std::vector<RecordedRequest> requests;
  std::vector<StageFigures> measured;  ///< whole run first
  std::string unusable;                ///< why no simulation follows; empty: one does
  std::string doubt;                   ///< why the measurement is in doubt
};

/// Adds one line of an inference-perf table to its run.
void add_stage_row(const CsvTable& table, std::vector<MeasuredRun>& runs);
/// Gives each run its workload by name, and finds logs that stand under several names.
void complete_stage_runs(std::vector<MeasuredRun>& runs);

/// A request log of LLMServingSim's bench: `path` is its requests.jsonl.
[[nodiscard]] MeasuredRun read_request_log(const std::string& path);
/// A BLIS trace: `path` is its YAML header; its requests are in the .csv of the same name, or of
/// the name with "data" for "header".
[[nodiscard]] MeasuredRun read_trace_v2(const std::string& path);

// The same from texts (tests, fuzzers); `name` names them in errors.
[[nodiscard]] MeasuredRun request_log_of(std::string_view lines, std::string_view meta,
                                         const std::string& name);
[[nodiscard]] MeasuredRun trace_v2_of(std::string_view header, std::string_view rows,
                                      const std::string& name);

}  // namespace headroom
