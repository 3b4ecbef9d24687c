// Times single engine calls over a grid: generation over batch size and context, also behind
// prompts; prompt chunks over length and what is cached before them, also without output and two
// side by side.
//
// Points come in shuffled order, anchors in between, most of them several times. A generation
// point is a chain of calls on the same sequences, as a server makes them, because a repeated
// identical call finds warmer caches.
// Law: order and operands are functions of the seed.
// Cost: about 70 s of processor time a pass.
// Not here: what the times are used for (models/step_cost.h).
#pragma once

#include <cstdint>
#include <ostream>

#include "tests/validation/llama_cpp/call_log.h"
#include "tests/validation/llama_cpp/llama_library.h"

namespace headroom::llama_cpp {

struct MeasurePasses {
  std::int32_t passes = 1;
  std::int32_t seed = 1;
};

/// ggml's matrix kernels compute so many rows at once (ggml-cpu/repack.cpp); a chunk that leaves
/// one to three over takes longer.
constexpr std::int32_t kRowTile = 4;

/// Writes CSV: kind, batch or chunk, context or cached, microseconds. Kinds: decode (generation
/// that has settled), behind (the first behind a prompt, whose tokens stand for the context),
/// prefill, silent (the same without output), side (two sequences' chunks of that length),
/// anchor-decode and anchor-prefill (calls of an anchor, which follow each other). Requires an
/// engine of `how.slots` sequences and those of the anchors.
void measure_calls(LlamaEngine& engine, const Composition& how, MeasurePasses passes,
                   std::ostream& out);

}  // namespace headroom::llama_cpp
