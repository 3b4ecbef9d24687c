#include "sim/kv_tiers.h"

namespace headroom {
namespace {

void erase(PrefixUnits& units, std::uint32_t unit) {
  units.step_out(unit);
  units.erase(unit);
}

}  // namespace

std::optional<KvTier> KvTiers::find(std::uint64_t hash, std::int32_t blocks) const {
  for (std::size_t tier = 0; tier < kKvTiers; ++tier) {
    const std::uint32_t unit = units_[tier].find(hash);
    if (unit != PrefixUnits::kNone && units_[tier][unit].blocks == blocks)
      return static_cast<KvTier>(tier);
  }
  return std::nullopt;
}

std::optional<KvTier> KvTiers::take(std::uint64_t hash, std::int32_t blocks) {
  const std::optional<KvTier> tier = find(hash, blocks);
  if (!tier) return tier;
  PrefixUnits& units = units_[static_cast<std::size_t>(*tier)];
  erase(units, units.find(hash));
  return tier;
}

void KvTiers::clear() {
  for (PrefixUnits& units : units_) units = PrefixUnits();
}

void KvTiers::keep(std::uint64_t hash, std::int32_t blocks) {
  // Somebody may have computed anew what is here.
  for (PrefixUnits& units : units_) {
    if (const std::uint32_t known = units.find(hash); known != PrefixUnits::kNone)
      erase(units, known);
  }
  put(0, hash, blocks);
}

void KvTiers::put(std::size_t tier, std::uint64_t hash, std::int32_t blocks) {
  if (tier == kKvTiers) return;
  if (blocks > room_[tier]) {
    put(tier + 1, hash, blocks);
    return;
  }
  PrefixUnits& units = units_[tier];
  while (units.blocks() + blocks > room_[tier]) {
    const PrefixUnits::Unit gone = units[units.oldest()];
    erase(units, units.oldest());
    put(tier + 1, gone.hash, gone.blocks);
  }
  units.line_up(units.add(hash, blocks));
}

}  // namespace headroom
