// The cost of whole engine calls, measured: for engines that can be called but not taken apart.
//
// The profile store holds calls of one model on one device: generation over batch size and mean
// context, prompt chunks over length and what is cached before them (op `layer`, variants
// kDecodeStep and kPrefillStep). A call is priced between its measured neighbours; generation and
// every chunk of one call add up. Generation behind a prompt finds other data in the caches and, in
// some engines, a compute graph to build anew: where that was measured (kSwitchStep), each call
// with a prompt pays for the one behind it. Chunks longer than the longest measured are computed in
// pieces of that length.
//
// A call is computed in pieces of equal lengths of neighbouring slots, as llama.cpp splits it
// (split_equal, release 0.5.0). So several prompts are each cut where a shorter one ends, and the
// first token of a prompt joins the generating rows. A batch with padded rows is generated in so
// many pieces more (policies/llama_cpp.cpp: holes between slots); how long each is is not known
// here, so the price is the mean over all ways to cut the batch (compositions).
//
// Law: for decodes only, a price equals its decode line; a line never falls with growing context:
// noise that says otherwise is averaged away (isotonic regression, Barlow et al. 1972). A call
// whose shape was measured costs what was measured, where the measurements rise. Cost: O(log
// contexts) for decodes, O(log grid) a chunk; tables of some KB. Host work is in the measured
// calls; an engine's own host times are not added. Not here: where the calls come from; kernels
// (models/table_cost.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/architecture.h"
#include "models/device.h"
#include "models/engine.h"
#include "profiles/store.h"
#include "sim/cost_model.h"

namespace headroom {

constexpr const char* kDecodeStep = "decode step";
constexpr const char* kPrefillStep = "prefill step";
constexpr const char* kSwitchStep = "switch step";

/// The key of a measured call: which model by its sizes (m layers, n hidden, k FFN, heads), and
/// batch and context, or chunk and cached.
[[nodiscard]] KernelShape decode_step_shape(const Architecture& model, std::int64_t batch,
                                            std::int64_t context);
[[nodiscard]] KernelShape prefill_step_shape(const Architecture& model, std::int64_t chunk,
                                             std::int64_t cached);
/// What the first generation behind a prompt takes longer than behind generation.
[[nodiscard]] KernelShape switch_step_shape(const Architecture& model);

/// Times are multiplied by the engine's kernel scales of decode and prefill attention. Throws
/// InputError{where} when the store has no calls of the model's sizes on the device.
[[nodiscard]] std::unique_ptr<CostModel> make_step_cost(const ProfileStore& store,
                                                        const Architecture& model,
                                                        const Device& device,
                                                        const EngineDescription& engine,
                                                        const std::string& where);

}  // namespace headroom
