// The linear step model: an iteration's time from a handful of coefficients fitted to whole
// measured steps.
//
// A prefill of prompts with T tokens in all and Q = sum of squared prompt lengths takes a + b T + c
// Q; a decode of n requests with total context S takes a + b S + c n, with one coefficient set
// below kLargeBatch requests and another from there on (the published switch, jump included). Time
// of a pipeline stage and the per-step extras follow DistServe's simulator (OSDI 2024; code
// `simdistserve`), so that its results can be compared with ours.
//
// Law: decode lines and prices round the same fixed-point sum to the nearest nanosecond, so a price
// equals its line.
// Cost: O(1) a decode batch, O(chunks) a prefill.
// Not here: any other model, device or precision than the table's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/cost_model.h"

namespace headroom {

/// Coefficients in milliseconds of one engine, model and tensor parallelism on A100-80G.
struct LinearStep {
  struct Decode {
    double base = 0;
    double per_context_token = 0;
    double per_request = 0;
  };
  const char* engine = "";  ///< "vllm" or "distserve"
  const char* model = "";   ///< "13b" or "66b": OPT
  std::int64_t tensor = 1;
  double prefill_base = 0;
  double prefill_per_token = 0;
  double prefill_per_square = 0;  ///< negative in one published fit
  Decode small{};                 ///< fewer than kLargeBatch requests
  Decode large{};
};

/// Batch size from which the second set of decode coefficients holds.
constexpr std::int64_t kLargeBatch = 95;

/// All published sets, by engine, model and tensor parallelism.
[[nodiscard]] const std::vector<LinearStep>& linear_steps();

/// "vllm-13b" (also "vllm-opt-13b") at tensor parallelism `tensor`. Throws InputError{where} naming
/// the nearest name or the tensor parallelisms that were profiled.
[[nodiscard]] const LinearStep& find_linear_step(const std::string& name, std::int64_t tensor,
                                                 const std::string& where);

/// The cost of one pipeline stage. Stage 0 carries the per-step extras. Requires 0 <= stage <
/// pipeline. Chunks of one prompt are priced so that their squares sum to the whole prompt's.
[[nodiscard]] std::unique_ptr<CostModel> make_linear_cost(const LinearStep& step,
                                                          std::int64_t pipeline,
                                                          std::int64_t stage);

}  // namespace headroom
