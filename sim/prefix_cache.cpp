#include "sim/prefix_cache.h"

#include <algorithm>
#include <numeric>

#include "sim/check.h"
#include "sim/mix.h"

namespace headroom {

void narrow(PromptPrefix& prefix, std::uint64_t group, Tokens tokens) {
  if (prefix.each < Tokens(1)) return;
  prefix.hashes.resize(
      std::min(prefix.hashes.size(), static_cast<std::size_t>(tokens / prefix.each)));
  const std::uint64_t salt = (group + 1) * kMixStep;
  for (std::uint64_t& hash : prefix.hashes) hash = finalised(hash ^ salt);
}

PrefixCache::PrefixCache(KvPool& pool, Tokens block_tokens, PrefixRules rules, TierBlocks below)
    : pool_(pool),
      block_tokens_(block_tokens.value()),
      reuse_(rules.reuse),
      most_blocks_(
          static_cast<std::int64_t>(pool.total().as_double() * std::min(rules.most_share, 1.0))),
      tiers_(below) {
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
    const std::uint64_t hash = prefix.hashes[(u + 1) * units.stride - 1];
    const std::uint32_t unit = units_.find(hash);
    const bool here = unit == PrefixUnits::kNone ? tiers_.find(hash, units.blocks(u)).has_value()
                                                 : units_[unit].blocks == units.blocks(u);
    if (!here) break;
    blocks += units.blocks(u);
  }
  return Tokens(blocks * block_tokens_);
}

TierBlocks PrefixCache::attach(LiveRequest& request, const PromptPrefix& prefix) {
  SIM_CHECK(request.blocks == 0 && request.computed == 0 && request.shared_units == 0,
            "only a request that holds nothing takes up a cached prefix");
  const Units units = units_of(request, prefix);
  TierBlocks copied;
  for (std::size_t u = 0; u < units.count; ++u) {
    const std::uint64_t hash = prefix.hashes[(u + 1) * units.stride - 1];
    const std::int32_t blocks = units.blocks(u);
    const std::uint32_t unit = units_.find(hash);
    if (unit == PrefixUnits::kNone) {
      const std::optional<KvTier> from = load(hash, blocks);
      if (!from) break;
      (*from == KvTier::host ? copied.host : copied.disk) += Blocks(blocks);
    } else {
      if (units_[unit].blocks != blocks) break;
      hold(unit);
    }
    ++request.shared_units;
    request.blocks += blocks;
  }
  totals_.loaded.host += copied.host;
  totals_.loaded.disk += copied.disk;
  request.computed = request.blocks * static_cast<std::int32_t>(block_tokens_);
  if (request.missing() <= 0) request.computed -= static_cast<std::int32_t>(block_tokens_);
  return copied;
}

std::optional<KvTier> PrefixCache::load(std::uint64_t hash, std::int32_t blocks) {
  if (!tiers_.find(hash, blocks) || !pool_.try_take(Blocks(blocks))) return std::nullopt;
  const std::optional<KvTier> from = tiers_.take(hash, blocks);
  make_room(pool_.free());
  if (add(hash, blocks)) return from;
  tiers_.keep(hash, blocks);
  pool_.give_back(Blocks(blocks));
  return std::nullopt;
}

void PrefixCache::publish(LiveRequest& request, const PromptPrefix& prefix, std::int64_t computed) {
  const Units units = units_of(request, prefix);
  for (auto u = static_cast<std::size_t>(request.shared_units); u < units.count; ++u) {
    const std::int32_t blocks = units.blocks(u);
    const std::int64_t end = static_cast<std::int64_t>(u) * units.whole_blocks + blocks;
    if (end * block_tokens_ > computed) return;
    const std::uint64_t hash = prefix.hashes[(u + 1) * units.stride - 1];
    const std::uint32_t unit = units_.find(hash);
    if (unit == PrefixUnits::kNone) {
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
        units_.find(prefix.hashes[(static_cast<std::size_t>(u) + 1) * all.stride - 1]);
    SIM_CHECK(unit != PrefixUnits::kNone, "a unit that is held is here");
    blocks -= units_[unit].blocks;
    let_go(unit);
  }
  pool_.give_back(Blocks(blocks));
}

void PrefixCache::hold(std::uint32_t unit) {
  PrefixUnits::Unit& held = units_[unit];
  if (held.holders++ > 0) return;
  units_.step_out(unit);
  pool_.unpark(Blocks(held.blocks));
}

void PrefixCache::let_go(std::uint32_t unit) {
  PrefixUnits::Unit& held = units_[unit];
  SIM_CHECK(held.holders > 0, "what is let go was held");
  if (--held.holders > 0) return;
  pool_.park(Blocks(held.blocks));
  units_.line_up(unit);
  if (reuse_ == PrefixReuse::held) erase(unit);
}

bool PrefixCache::add(std::uint64_t hash, std::int32_t blocks) {
  while (units_.blocks() + blocks > most_blocks_ && units_.oldest() != PrefixUnits::kNone)
    evict_oldest();
  if (units_.blocks() + blocks > most_blocks_) return false;
  units_[units_.add(hash, blocks)].holders = 1;
  return true;
}

void PrefixCache::make_room(Blocks free) {
  while (pool_.unheld() > free) evict_oldest();
}

void PrefixCache::lose_all() {
  make_room(Blocks(0));
  tiers_.clear();
}

void PrefixCache::evict_oldest() {
  const std::uint32_t oldest = units_.oldest();
  SIM_CHECK(oldest != PrefixUnits::kNone, "units that nobody holds are in line");
  const PrefixUnits::Unit gone = units_[oldest];
  totals_.evicted += Blocks(gone.blocks);
  erase(oldest);
  tiers_.keep(gone.hash, gone.blocks);
}

/// Forgets a unit that nobody holds.
void PrefixCache::erase(std::uint32_t unit) {
  units_.step_out(unit);
  pool_.forget(Blocks(units_[unit].blocks));
  units_.erase(unit);
}

}  // namespace headroom
