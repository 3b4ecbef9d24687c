#include "sim/prefix_units.h"

#include "sim/check.h"

namespace headroom {

std::uint32_t PrefixUnits::find(std::uint64_t hash) const {
  for (std::size_t at = home(hash);; at = (at + 1) & (table_.size() - 1)) {
    const std::uint32_t unit = table_[at];
    if (unit == kNone || units_[unit].hash == hash) return unit;
  }
}

std::uint32_t PrefixUnits::add(std::uint64_t hash, std::int32_t blocks) {
  if (2 * (count_ + 1) > table_.size()) grow_table();
  std::uint32_t unit = static_cast<std::uint32_t>(units_.size());
  if (spare_.empty()) {
    units_.emplace_back();
  } else {
    unit = spare_.back();
    spare_.pop_back();
  }
  units_[unit] = {hash, blocks, 0, kNone, kNone};
  std::size_t at = home(hash);
  while (table_[at] != kNone) at = (at + 1) & (table_.size() - 1);
  table_[at] = unit;
  ++count_;
  blocks_ += blocks;
  return unit;
}

void PrefixUnits::erase(std::uint32_t unit) {
  SIM_CHECK(units_[unit].holders == 0, "no unit is evicted while it is held");
  blocks_ -= units_[unit].blocks;
  std::size_t hole = home(units_[unit].hash);
  while (table_[hole] != unit) hole = (hole + 1) & (table_.size() - 1);
  // Close the gap: move back who would no longer be found past it (Knuth, volume 3, 6.4 R).
  for (std::size_t at = hole;;) {
    at = (at + 1) & (table_.size() - 1);
    if (table_[at] == kNone) break;
    const std::size_t from_home = (at - home(units_[table_[at]].hash)) & (table_.size() - 1);
    if (from_home < ((at - hole) & (table_.size() - 1))) continue;
    table_[hole] = table_[at];
    hole = at;
  }
  table_[hole] = kNone;
  spare_.push_back(unit);
  --count_;
}

/// Trace ids may be consecutive numbers: spread them (Fibonacci hashing, Knuth, volume 3, 6.4).
std::size_t PrefixUnits::home(std::uint64_t hash) const {
  const std::uint64_t mixed = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(mixed >> 32) & (table_.size() - 1);
}

void PrefixUnits::grow_table() {
  const std::vector<std::uint32_t> before = std::move(table_);
  table_.assign(before.size() * 2, kNone);
  for (const std::uint32_t unit : before) {
    if (unit == kNone) continue;
    std::size_t at = home(units_[unit].hash);
    while (table_[at] != kNone) at = (at + 1) & (table_.size() - 1);
    table_[at] = unit;
  }
}

void PrefixUnits::line_up(std::uint32_t unit) {
  units_[unit].older = newest_;
  units_[unit].newer = kNone;
  (newest_ == kNone ? oldest_ : units_[newest_].newer) = unit;
  newest_ = unit;
}

void PrefixUnits::step_out(std::uint32_t unit) {
  Unit& gone = units_[unit];
  (gone.older == kNone ? oldest_ : units_[gone.older].newer) = gone.newer;
  (gone.newer == kNone ? newest_ : units_[gone.newer].older) = gone.older;
  gone.older = gone.newer = kNone;
}

}  // namespace headroom
