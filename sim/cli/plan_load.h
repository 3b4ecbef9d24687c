// The requests of a plan, read once: how many of which class, how long, and how fast they come.
//
// Cost: 10 bytes a request.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/scenario.h"
#include "sim/units.h"

namespace headroom {

struct PlanLoad {
  std::vector<std::uint32_t> prompts, outputs;
  std::vector<std::uint16_t> classes;
  Duration span{0};     ///< first to last arrival
  bool shared = false;  ///< prompts may find a part of theirs in KV
  [[nodiscard]] std::uint64_t size() const { return prompts.size(); }
  /// Of the first `first` (0: all), those of a class (empty: all).
  [[nodiscard]] std::uint64_t count(std::uint64_t first,
                                    const std::optional<std::uint32_t>& request_class) const;
  [[nodiscard]] double per_second() const;
  [[nodiscard]] double output_tokens() const;
};

/// Throws InputError where the load cannot be read or holds no request.
[[nodiscard]] PlanLoad read_load(const Scenario& scenario);

}  // namespace headroom
