// The cost of whole engine calls, measured: for engines that can be called but not taken apart.
//
// The profile store holds calls of one model on one device: generation over batch size and mean
// context, prompt chunks over length and what is cached before them (op `layer`, variants
// kDecodeStep and kPrefillStep). A call is priced between its measured neighbours; generation and
// every chunk of one call add up. Chunks longer than the longest measured are computed in pieces of
// that length. What no such point shows is stored as what it takes more or less:
// - Kernels compute the rows of a chunk in tiles, of which the last may not be full. Chunks are
//   measured in whole tiles; others take the line between them and a remainder (kRemainderStep).
// - Generation behind a prompt finds other data in the caches and, in some engines, a compute graph
//   to build anew: it takes longer, the more so the longer the prompt was (kSwitchStep).
// - Chunks of equal length side by side read the weights once: each but one saves that (kSideStep).
//   The prompts of one call are taken to be in neighbouring slots.
// - Chunks are measured with the output of their last token; a piece in which no prompt ends has
//   none (kOutputStep).
//
// A call is computed in pieces of equal lengths of neighbouring slots, as llama.cpp splits it
// (split_equal, release 0.5.0). So several prompts are each cut where a shorter one ends, and
// beside generating rows the first token of each prompt joins them. A batch with padded rows is
// generated in so many pieces more (policies/llama_cpp.cpp: holes between slots); how long each is
// is not known here, so the price is the mean over all ways to cut the batch (compositions).
//
// Law: for decodes only, behind no prompt, a price equals its decode line; a line never falls with
// growing context: noise that says otherwise is averaged away (isotonic regression, Barlow et al.
// 1972). Generation, or a chunk of whole tiles that ends its prompt, costs what was measured of its
// shape, where the measurements rise.
// Cost: O(log contexts) for decodes, O(log grid) a chunk; tables of some KB. Host work is in the
// measured calls; an engine's own host times are not added. Not here: where the calls come from;
// kernels (models/table_cost.h).
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
constexpr const char* kRemainderStep = "remainder step a token";
constexpr const char* kSwitchStep = "switch step";
constexpr const char* kSideStep = "side step";
constexpr const char* kOutputStep = "output step";

/// The key of a measured call: which model by its sizes (m layers, n hidden, k FFN, heads), and
/// batch and context, or chunk and cached.
[[nodiscard]] KernelShape decode_step_shape(const Architecture& model, std::int64_t batch,
                                            std::int64_t context);
[[nodiscard]] KernelShape prefill_step_shape(const Architecture& model, std::int64_t chunk,
                                             std::int64_t cached);
/// What a chunk of `rest` tokens (below `tile`) more than whole tiles of `tile` takes longer, for
/// each of its tokens, than the line between its neighbours of whole tiles; 0 where it was not
/// measured, and for chunks of less than a tile. Measured chunks above a tile are whole tiles; one
/// tile a model and device.
[[nodiscard]] KernelShape remainder_step_shape(const Architecture& model, std::int64_t tile,
                                               std::int64_t rest);
/// What the first generation behind a prompt of `chunk` tokens takes longer than behind generation;
/// made to rise with the prompt, held beyond the shortest and the longest.
[[nodiscard]] KernelShape switch_step_shape(const Architecture& model, std::int64_t chunk);
/// What two chunks of `chunk` tokens of two prompts take less side by side than one by one; between
/// lengths on a line, held beyond the shortest and the longest, and never more than the chunk
/// takes.
[[nodiscard]] KernelShape side_step_shape(const Architecture& model, std::int64_t chunk);
/// What the output of a chunk's last token takes behind `cached` tokens, whatever the chunk's
/// length; held beyond the fewest and the most, and never more than half of a chunk.
[[nodiscard]] KernelShape output_step_shape(const Architecture& model, std::int64_t cached);

/// Times are multiplied by the engine's kernel scales of decode and prefill attention. Throws
/// InputError{where} when the store has no calls of the model's sizes on the device.
[[nodiscard]] std::unique_ptr<CostModel> make_step_cost(const ProfileStore& store,
                                                        const Architecture& model,
                                                        const Device& device,
                                                        const EngineDescription& engine,
                                                        const std::string& where);

}  // namespace headroom
