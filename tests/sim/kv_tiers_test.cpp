#include "sim/kv_tiers.h"

#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <vector>

#include "tests/catch.h"

using namespace headroom;

namespace {

/// The same rules with lists, oldest first.
struct NaiveTiers {
  struct Unit {
    std::uint64_t hash;
    std::int32_t blocks;
  };
  std::array<std::int64_t, kKvTiers> room;
  std::array<std::vector<Unit>, kKvTiers> units{};

  void forget(std::uint64_t hash) {
    for (auto& tier : units)
      std::erase_if(tier, [&](const Unit& unit) { return unit.hash == hash; });
  }
  [[nodiscard]] std::int64_t blocks(std::size_t tier) const {
    std::int64_t sum = 0;
    for (const Unit& unit : units[tier]) sum += unit.blocks;
    return sum;
  }
  void put(std::size_t tier, Unit unit) {
    if (tier == kKvTiers) return;
    if (unit.blocks > room[tier]) return put(tier + 1, unit);
    while (blocks(tier) + unit.blocks > room[tier]) {
      const Unit gone = units[tier].front();
      units[tier].erase(units[tier].begin());
      put(tier + 1, gone);
    }
    units[tier].push_back(unit);
  }
  [[nodiscard]] std::optional<KvTier> find(std::uint64_t hash, std::int32_t blocks) const {
    for (std::size_t tier = 0; tier < kKvTiers; ++tier)
      for (const Unit& unit : units[tier])
        if (unit.hash == hash && unit.blocks == blocks) return static_cast<KvTier>(tier);
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("the oldest units move from host memory to disk and from there away") {
  KvTiers tiers({Blocks(2), Blocks(3)});
  for (std::uint64_t hash = 1; hash <= 6; ++hash) tiers.keep(hash, 1);
  CHECK(tiers.find(1, 1) == std::nullopt);
  for (const std::uint64_t hash : {2U, 3U, 4U}) CHECK(tiers.find(hash, 1) == KvTier::disk);
  for (const std::uint64_t hash : {5U, 6U}) CHECK(tiers.find(hash, 1) == KvTier::host);
  tiers.keep(7, 3);  // too large for host memory
  CHECK(tiers.find(7, 3) == KvTier::disk);
  CHECK(tiers.held(KvTier::disk) == Blocks(3));
  CHECK(tiers.take(6, 1) == KvTier::host);
  CHECK(tiers.find(6, 1) == std::nullopt);
  CHECK(tiers.held(KvTier::host) == Blocks(1));
}

TEST_CASE("tiers do as lists do, whatever is kept and taken") {
  const bool held = rc::check("tiers against lists", [] {
    const auto host = *rc::gen::inRange<std::int64_t>(0, 12);
    const auto disk = *rc::gen::inRange<std::int64_t>(0, 12);
    KvTiers tiers({Blocks(host), Blocks(disk)});
    NaiveTiers naive{{host, disk}};
    const auto steps = *rc::gen::inRange(1, 150);
    for (int i = 0; i < steps; ++i) {
      const auto hash = *rc::gen::inRange<std::uint64_t>(0, 14);
      const auto blocks = *rc::gen::inRange<std::int32_t>(1, 5);
      RC_ASSERT(tiers.find(hash, blocks) == naive.find(hash, blocks));
      if (*rc::gen::arbitrary<bool>()) {
        tiers.keep(hash, blocks);
        naive.forget(hash);
        naive.put(0, {hash, blocks});
      } else {
        const auto expected = naive.find(hash, blocks);
        RC_ASSERT(tiers.take(hash, blocks) == expected);
        if (expected) naive.forget(hash);
      }
      RC_ASSERT(tiers.held(KvTier::host) == Blocks(naive.blocks(0)));
      RC_ASSERT(tiers.held(KvTier::disk) == Blocks(naive.blocks(1)));
    }
  });
  CHECK(held);
}
