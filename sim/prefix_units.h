// A set of prefix units found by hash, and a line of those that may go, least recently used first.
//
// Laws: a hash is here at most once; a unit is held or in line, never both.
// Cost: expected O(1) for everything (open addressing, a power of two, at most half full).
// Not here: KV blocks as such (sim/kv_pool.h) and what a unit is (sim/prefix_cache.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headroom {

class PrefixUnits {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Unit {
    std::uint64_t hash = 0;
    std::int32_t blocks = 0;
    std::int32_t holders = 0;
    std::uint32_t older = kNone, newer = kNone;  ///< in line
  };

  /// The unit of this hash, or kNone.
  [[nodiscard]] std::uint32_t find(std::uint64_t hash) const;
  [[nodiscard]] const Unit& operator[](std::uint32_t unit) const { return units_[unit]; }
  [[nodiscard]] Unit& operator[](std::uint32_t unit) { return units_[unit]; }
  /// Adds a unit that is not here, out of line.
  std::uint32_t add(std::uint64_t hash, std::int32_t blocks);
  /// Forgets a unit that is out of line.
  void erase(std::uint32_t unit);
  /// Puts a unit at the end of the line.
  void line_up(std::uint32_t unit);
  void step_out(std::uint32_t unit);
  /// Who is first in line, or kNone.
  [[nodiscard]] std::uint32_t oldest() const { return oldest_; }
  /// Blocks of all units, held or in line.
  [[nodiscard]] std::int64_t blocks() const { return blocks_; }

 private:
  void grow_table();
  [[nodiscard]] std::size_t home(std::uint64_t hash) const;

  std::vector<Unit> units_;
  std::vector<std::uint32_t> spare_;  ///< entries of units_ without a unit
  std::vector<std::uint32_t> table_ = std::vector<std::uint32_t>(64, kNone);
  std::size_t count_ = 0;
  std::int64_t blocks_ = 0;
  std::uint32_t oldest_ = kNone, newest_ = kNone;
};

}  // namespace headroom
