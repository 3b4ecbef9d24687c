// What a serving engine adds to its kernels: host work, launch-bound floors, memory it keeps for
// itself.
//
// Law: every number has its source in `source` or is named a planning default there; none is hidden
// in a formula. Cost: plain data, read while a run is set up. Not here: scheduling (policies/),
// what a KV block holds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/batch_plan.h"
#include "sim/cost_model.h"
#include "sim/units.h"

namespace headroom {

/// What an engine's memory share is a share of.
enum class MemoryShare : std::uint8_t {
  total,        ///< of the device, for weights, activations and KV together (vLLM)
  free,         ///< of what weights and activations leave, for KV alone (TensorRT-LLM)
  static_pool,  ///< of the device, for weights and KV; activations live in the rest (SGLang)
};

/// Which batches an engine replays from captured graphs, without a launch for each kernel.
enum class GraphCapture : std::uint8_t { decode_only, any_batch };

struct EngineDescription {
  std::string name;
  /// The batch policy that schedules as it does, with what is kept, evicted and mixed (policies/);
  /// budgets are that policy's defaults.
  std::string batch = "vllm-v1";
  Tokens block_tokens{16};              ///< tokens of one KV block
  double gpu_memory_utilisation = 0.9;  ///< share of device memory the engine may use, in (0, 1]
  MemoryShare memory_share = MemoryShare::total;
  Scheduling scheduling = Scheduling::in_step;  ///< when arrivals are seen
  /// Kept free of weights and KV on a GPU; empty: `reserved_bytes` of models/memory.h.
  std::optional<Bytes> reserved_memory{};
  Duration host_per_iteration{
      0};  ///< exposed between two iterations: schedule, prepare, sample, detokenise
  Duration host_per_sequence{0};  ///< the same for each sequence of the batch
  Duration layer_floor{
      0};  ///< launch-bound: an iteration that is not captured takes at least this a layer
  /// The engine's kernels against the fitted curves of cost "roofline", by operator class: times
  /// are multiplied by this. The entry of host work is not used.
  std::array<double, kOperatorClasses> kernel_scale{1, 1, 1, 1, 1, 1, 1};
  /// The same for experts alone, of weights in fp8 with a scale a block and in mxfp4.
  double block_fp8_experts_scale = 1, mxfp4_experts_scale = 1;
  /// Whether every expert's block-fp8 weights are read however few tokens there are.
  bool reads_all_experts = false;
  /// With a mixture of experts, an iteration that computes prompts and is not captured takes so
  /// many times its kernels' own time (routing, sorting and gathering of tokens, gaps), at least 1;
  /// with a dense model half of that excess.
  double eager_scale = 1;
  /// Front end: from a request's arrival to its place in the queue, and back; not exposed to
  /// others.
  Duration ingest_per_request{0};
  Duration ingest_per_token{0};  ///< the same for each prompt token, one request after the other
  /// The same for each request: requests that come together reach the queue so far apart.
  Duration ingest_gap{0};
  std::int64_t captured_tokens = 0;  ///< batches of at most so many tokens are captured; 0: none
  GraphCapture capture = GraphCapture::decode_only;
  bool simdistserve =
      false;  ///< step-model engine: stages priced one by one (models/linear_cost.h)
  Evidence host_evidence = Evidence::extrapolated;  ///< what the host times rest on
  std::string source;
};

/// The engine files of models/engines/, sorted by name.
[[nodiscard]] const std::vector<EngineDescription>& bundled_engines();
/// A bundled name, "NAME@DEVICE" or "NAME:VERSION@DEVICE" (with what calibration found for that
/// device and version, models/engine_calibration.h), or the path of an engine file (a text with '/'
/// or ending in ".json"). Throws InputError{where} naming the nearest bundled engine.
[[nodiscard]] EngineDescription find_engine(const std::string& name_or_path,
                                            const std::string& where);
/// The library whose kernels an engine runs, "vLLM", "TensorRT-LLM" or "SGLang": by its name, else
/// by its source, which names the engine it is based on; vLLM's where neither says.
[[nodiscard]] std::string_view library_of(const EngineDescription& engine);
/// An engine file: JSON object, keys as the fields above, times and bytes with units ("1.2 ms", "2
/// GiB"); "base" starts from a bundled engine. Unknown keys are refused. Throws InputError with
/// file and JSON pointer.
[[nodiscard]] EngineDescription parse_engine_json(std::string_view text, const std::string& file);

}  // namespace headroom
