#include "sim/prefix_cache.h"

#include <algorithm>
#include <numeric>

#include "sim/check.h"

namespace headroom {

void narrow(PromptPrefix& prefix, std::uint64_t group, Tokens tokens) {
  if (prefix.each < Tokens(1)) return;
  prefix.hashes.resize(
      std::min(prefix.hashes.size(), static_cast<std::size_t>(tokens / prefix.each)));
  // The finaliser of splitmix64 (Steele et al., OOPSLA 2014) keeps chained hashes apart by group.
  const std::uint64_t salt = (group + 1) * 0x9E3779B97F4A7C15ULL;
  for (std::uint64_t& hash : prefix.hashes) {
    std::uint64_t z = hash ^ salt;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    hash = z ^ (z >> 31);
  }
}

PrefixCache::PrefixCache(KvPool& pool, Tokens block_tokens, PrefixRules rules)
    : pool_(pool),
      block_tokens_(block_tokens.value()),
      reuse_(rules.reuse),
      most_blocks_(
          static_cast<std::int64_t>(pool.total().as_double() * std::min(rules.most_share, 1.0))),
      table_(64, kNone) {
  SIM_CHECK(rules.most_share >= 0, "a cache has no negative size");
}

PrefixCache::Units PrefixCache::units_of(const LiveRequest& request,
                                         const PromptPrefix& prefix) const {
  Units units;
  const std::int64_t each = prefix.each.value();
  if (each < 1 || block_tokens_ < 1) return units;
  const std::int64_t whole = std::lcm(each, block_tokens_);
  units.stride = static_cast<std::size_t>(whole / each);
  units.whole_blocks = units.last_blocks = static_cast<std::int32_t>(whole / block_tokens_);
  const auto complete = static_cast<std::size_t>(request.prompt / whole);
  units.count = std::min(prefix.hashes.size() / units.stride, complete);
  if (units.stride > 1 || prefix.hashes.size() <= complete) return units;
  // The rest of the prompt has a hash of its own: share what fills whole KV blocks.
  const auto rest = static_cast<std::int32_t>(request.prompt % whole / block_tokens_);
  if (rest == 0) return units;
  ++units.count;
  units.last_blocks = rest;
  return units;
}

Tokens PrefixCache::found(const LiveRequest& request, const PromptPrefix& prefix) const {
  const Units units = units_of(request, prefix);
  std::int64_t blocks = 0;
  for (std::size_t u = 0; u < units.count; ++u) {
    const std::uint32_t unit = find(prefix.hashes[(u + 1) * units.stride - 1]);
    if (unit == kNone || units_[unit].blocks != units.blocks(u)) break;
    blocks += units_[unit].blocks;
  }
  return Tokens(blocks * block_tokens_);
}

void PrefixCache::attach(LiveRequest& request, const PromptPrefix& prefix) {
  SIM_CHECK(request.blocks == 0 && request.computed == 0 && request.shared_units == 0,
            "only a request that holds nothing takes up a cached prefix");
  const Units units = units_of(request, prefix);
  for (std::size_t u = 0; u < units.count; ++u) {
    const std::uint32_t unit = find(prefix.hashes[(u + 1) * units.stride - 1]);
    if (unit == kNone || units_[unit].blocks != units.blocks(u)) break;
    hold(unit);
    ++request.shared_units;
    request.blocks += units_[unit].blocks;
  }
  request.computed = request.blocks * static_cast<std::int32_t>(block_tokens_);
  if (request.missing() <= 0) request.computed -= static_cast<std::int32_t>(block_tokens_);
}

void PrefixCache::publish(LiveRequest& request, const PromptPrefix& prefix, std::int64_t computed) {
  const Units units = units_of(request, prefix);
  for (auto u = static_cast<std::size_t>(request.shared_units); u < units.count; ++u) {
    const std::int32_t blocks = units.blocks(u);
    const std::int64_t end = static_cast<std::int64_t>(u) * units.whole_blocks + blocks;
    if (end * block_tokens_ > computed) return;
    const std::uint64_t hash = prefix.hashes[(u + 1) * units.stride - 1];
    const std::uint32_t unit = find(hash);
    if (unit == kNone) {
      if (!add(hash, blocks)) return;
    } else {
      if (units_[unit].blocks != blocks) return;  // a trace that names two things alike
      pool_.give_back(Blocks(blocks));
      hold(unit);
    }
    ++request.shared_units;
  }
}

void PrefixCache::release(std::int64_t blocks, std::int32_t units, const LiveRequest& request,
                          const PromptPrefix& prefix) {
  const Units all = units_of(request, prefix);
  SIM_CHECK(units >= 0 && static_cast<std::size_t>(units) <= all.count,
            "a request holds units of its own prompt");
  for (std::int32_t u = units - 1; u >= 0; --u) {
    const std::uint32_t unit =
        find(prefix.hashes[(static_cast<std::size_t>(u) + 1) * all.stride - 1]);
    SIM_CHECK(unit != kNone, "a unit that is held is here");
    blocks -= units_[unit].blocks;
    let_go(unit);
  }
  pool_.give_back(Blocks(blocks));
}

void PrefixCache::hold(std::uint32_t unit) {
  Unit& held = units_[unit];
  if (held.holders++ > 0) return;
  unlink(unit);
  pool_.unpark(Blocks(held.blocks));
}

void PrefixCache::let_go(std::uint32_t unit) {
  Unit& held = units_[unit];
  SIM_CHECK(held.holders > 0, "what is let go was held");
  if (--held.holders > 0) return;
  pool_.park(Blocks(held.blocks));
  link_newest(unit);
  if (reuse_ == PrefixReuse::held) erase(unit);
}

bool PrefixCache::add(std::uint64_t hash, std::int32_t blocks) {
  while (resident_ + blocks > most_blocks_ && oldest_ != kNone) evict_oldest();
  if (resident_ + blocks > most_blocks_) return false;
  if (2 * (count_ + 1) > table_.size()) grow_table();
  std::uint32_t unit = static_cast<std::uint32_t>(units_.size());
  if (spare_.empty()) {
    units_.emplace_back();
  } else {
    unit = spare_.back();
    spare_.pop_back();
  }
  units_[unit] = {hash, blocks, 1, kNone, kNone};
  std::size_t at = home(hash);
  while (table_[at] != kNone) at = (at + 1) & (table_.size() - 1);
  table_[at] = unit;
  ++count_;
  resident_ += blocks;
  return true;
}

void PrefixCache::make_room(Blocks free) {
  while (pool_.unheld() > free) evict_oldest();
}

void PrefixCache::evict_oldest() {
  SIM_CHECK(oldest_ != kNone, "units that nobody holds are in line");
  totals_.evicted += Blocks(units_[oldest_].blocks);
  erase(oldest_);
}

/// Forgets a unit that nobody holds.
void PrefixCache::erase(std::uint32_t unit) {
  SIM_CHECK(units_[unit].holders == 0, "no unit is evicted while it is held");
  unlink(unit);
  pool_.forget(Blocks(units_[unit].blocks));
  resident_ -= units_[unit].blocks;
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

std::uint32_t PrefixCache::find(std::uint64_t hash) const {
  for (std::size_t at = home(hash);; at = (at + 1) & (table_.size() - 1)) {
    const std::uint32_t unit = table_[at];
    if (unit == kNone || units_[unit].hash == hash) return unit;
  }
}

/// Trace ids may be consecutive numbers: spread them (Fibonacci hashing, Knuth, volume 3, 6.4).
std::size_t PrefixCache::home(std::uint64_t hash) const {
  const std::uint64_t mixed = (hash ^ (hash >> 32)) * 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(mixed >> 32) & (table_.size() - 1);
}

void PrefixCache::grow_table() {
  const std::vector<std::uint32_t> before = std::move(table_);
  table_.assign(before.size() * 2, kNone);
  for (const std::uint32_t unit : before) {
    if (unit == kNone) continue;
    std::size_t at = home(units_[unit].hash);
    while (table_[at] != kNone) at = (at + 1) & (table_.size() - 1);
    table_[at] = unit;
  }
}

void PrefixCache::link_newest(std::uint32_t unit) {
  units_[unit].older = newest_;
  units_[unit].newer = kNone;
  (newest_ == kNone ? oldest_ : units_[newest_].newer) = unit;
  newest_ = unit;
}

void PrefixCache::unlink(std::uint32_t unit) {
  Unit& gone = units_[unit];
  (gone.older == kNone ? oldest_ : units_[gone.older].newer) = gone.newer;
  (gone.newer == kNone ? newest_ : units_[gone.newer].older) = gone.older;
  gone.older = gone.newer = kNone;
}

}  // namespace headroom
