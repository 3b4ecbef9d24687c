// Measured points of real serving systems, as files hold them: what ran, and what was measured.
//
// A point is one benchmark run: a closed loop of `concurrency` clients on one deployment, with mean
// (or median; files seldom say) time to first token and time per output token. A forward pass is
// one timed iteration. Formats are found by their columns:
//   headroom-points   our own, documented at `point_columns`
//   silicon-sample    the columns of ai-dynamo/aiconfigurator's silicon_sample.csv
//   forward-passes    wall_time_s, prefill_tokens, prefill_kv_tokens, prefill_requests, ...
//   inference-perf    one line a run, load stage and metric (traces/measured_runs.h)
// Logs of requests are found by their names: *.jsonl is LLMServingSim's, *.yaml a TraceV2 header; a
// folder stands for the requests.jsonl in it.
// Law: every row becomes a point or an InputError with file:line:column; a row whose run cannot be
// told from its columns is kept, with why in `unusable`. Cost: one pass, O(rows) memory, at most
// kMostMeasuredRows. Not here: what the names mean to a simulation (sim/cli/validate_plan.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "traces/line_reader.h"
#include "traces/measured_runs.h"

namespace headroom {

/// One pool of equal workers of a disaggregated deployment.
struct WorkerPool {
  std::int64_t batch = 0, workers = 0;
  std::int64_t tensor = 0, pipeline = 0, attention_data = 0, expert = 0;
};

struct ServingPoint {
  std::string id;
  std::string where;   ///< "file:line"
  std::string source;  ///< free text of the file about the measurement
  std::string model, device, engine, engine_version;
  std::string precision;  ///< as the file says; empty: the checkpoint's own
  std::string kv_cache;   ///< empty: not said
  std::string gemm, moe;  ///< number formats of the kernels, as the file says; may be empty
  std::string mode = "agg";
  std::int64_t prompt = 0, output = 0;  ///< tokens, nominal
  std::int64_t concurrency = 0;
  std::int64_t tensor = 1, pipeline = 1, attention_data = 1, expert = 1;
  WorkerPool prefill_pool, decode_pool;  ///< of a "disagg" point
  std::optional<std::int64_t> kv_blocks{}, max_batched_tokens{};
  std::optional<double> shortest{};  ///< lengths are uniform in [this x nominal, nominal]
  std::optional<double> ttft_ms{}, tpot_ms{};
  std::string unusable;  ///< why no run follows from this row; empty: one does

  /// What ran, without id, source and measurements: equal texts are repeats of one configuration.
  [[nodiscard]] std::string configuration() const;
};

/// One timed iteration of prompts only.
struct ForwardPass {
  std::string where;
  std::int64_t tokens = 0, cached = 0, requests = 0;  ///< totals over the batch
  double seconds = 0;
};

struct MeasuredFile {
  std::string format;
  std::vector<ServingPoint> points;
  std::vector<ForwardPass> passes;
  std::vector<MeasuredRun> runs;
};

/// Reads a whole file ("-" is standard input), or what lies beside it where the format needs it.
/// Throws InputError.
[[nodiscard]] MeasuredFile read_measured(const std::string& path);
/// The same from an open source; `name` names it in errors.
[[nodiscard]] MeasuredFile read_measured(std::unique_ptr<ByteSource> bytes,
                                         const std::string& name);

/// A column of headroom-points: its name, whether it must be there, what it holds.
struct PointColumn {
  const char* name;
  bool required;
  const char* meaning;
};
[[nodiscard]] const std::vector<PointColumn>& point_columns();

}  // namespace headroom
