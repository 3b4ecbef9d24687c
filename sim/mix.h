// A 64-bit word scrambled: from a counter to a number that looks drawn.
//
// The finaliser of splitmix64 (Steele, Lea, Flood 2014; constants of Vigna's reference).
// Law: a bijection; the same word gives the same word on every machine. Cost: 1 ns.
// Not here: streams of numbers (sim/random.h).
#pragma once

#include <cstdint>

namespace headroom {

/// By which splitmix64 advances.
constexpr std::uint64_t kMixStep = 0x9e3779b97f4a7c15;

/// The finaliser alone: keeps 0 at 0.
[[nodiscard]] constexpr std::uint64_t finalised(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// One step and the finaliser.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t z) { return finalised(z + kMixStep); }

}  // namespace headroom
