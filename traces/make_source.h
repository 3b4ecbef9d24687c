// From a scenario's workload to the source of its requests: the one entry point for all kinds.
//
// Law: same workload, same seed: same requests. Which kind: a trace with arrivals is replayed; a
// trace of lengths takes its arrivals from the generated process; `clients` make either a closed
// loop; `sessions`, `preset` or plain distributions generate all.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sim/request_source.h"
#include "sim/scenario.h"

namespace headroom {

/// Throws InputError: the trace's own faults, or a field of the workload by its JSON pointer.
[[nodiscard]] std::unique_ptr<RequestSource> make_source(const WorkloadSpec& spec,
                                                         std::uint64_t seed);

/// A generator by name.
struct GeneratorPreset {
  std::string_view name;
  std::string_view summary;  ///< one sentence for `headroom list`
};
[[nodiscard]] std::span<const GeneratorPreset> generator_presets();

/// `spec` with the distributions of "burstgpt-like" filled in. Arrivals are gamma with cv 2, which
/// BurstGPT's own generator uses (shape 0.25; Wang et al., KDD 2025, and its repository). Prompt
/// and output lengths are Weibull laws through the median and 90th percentile of the 782 answered
/// calls among the first 400 rows of BurstGPT_1 and of BurstGPT_3 (prompt 333 and 1,314, output 149
/// and 513), clipped at the largest there (25,085 and 2,019).
[[nodiscard]] WorkloadSpec burstgpt_like(const WorkloadSpec& spec);

}  // namespace headroom
