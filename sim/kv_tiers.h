// Where prefixes go when the device's KV blocks are needed: host memory, then a disk.
//
// A unit that the device evicts moves to the first tier with room for it at all; what that one
// evicts, least recently used first, moves on to the next; what the last one evicts is forgotten. A
// unit that is asked for again leaves its tier for the device. As in the tiers of NanoFlow (Zhu et
// al., OSDI 2025: KV offloaded to host and SSD, LRU) and of SGLang's HiCache.
// Laws: a tier never holds more than its room; a unit is in one tier at most.
// Not here: what copies take (sim/replica.h: reads delay an iteration, writes run beside it).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/prefix_units.h"
#include "sim/units.h"

namespace headroom {

enum class KvTier : std::uint8_t { host, disk };
constexpr std::size_t kKvTiers = 2;

/// KV blocks by tier.
struct TierBlocks {
  Blocks host{0}, disk{0};
};

class KvTiers {
 public:
  explicit KvTiers(TierBlocks room) : room_{room.host.value(), room.disk.value()} {}

  /// Takes in what the device evicts.
  void keep(std::uint64_t hash, std::int32_t blocks);
  /// Where a unit of so many blocks is; nothing where it is not.
  [[nodiscard]] std::optional<KvTier> find(std::uint64_t hash, std::int32_t blocks) const;
  /// The same, and it is no longer there.
  std::optional<KvTier> take(std::uint64_t hash, std::int32_t blocks);
  void clear();
  [[nodiscard]] Blocks held(KvTier tier) const {
    return Blocks(units_[static_cast<std::size_t>(tier)].blocks());
  }

 private:
  void put(std::size_t tier, std::uint64_t hash, std::int32_t blocks);

  std::array<std::int64_t, kKvTiers> room_;
  std::array<PrefixUnits, kKvTiers> units_;
};

}  // namespace headroom
