// From timed engine calls (measure_calls.h) to a profile store that `"cost": "steps:STORE"` runs
// on.
//
// Law: a row is the median over all times a point was measured (of chains, of their medians); its
// deviation is that between them. Chunks side by side and outputs are differences of medians,
// remainders medians of differences, and what calls behind prompts take more lies on a line through
// all of them.
// Not here: what a shape nobody measured costs (models/step_cost.h).
#pragma once

#include <string>

#include "profiles/store.h"

namespace headroom::llama_cpp {

/// Reads the CSV of one or more measurements, one behind the other, and stores a run of the model
/// whose `config.json` is given on `device`. Throws InputError for what it cannot read.
void store_calls(const std::string& csv, const std::string& config, const std::string& device,
                 ProfileStore& store);

}  // namespace headroom::llama_cpp
