#include "sim/prefix_cache.h"

#include <rapidcheck.h>

#include <map>

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

/// A request with hashes of its own, and what it does to a cache as a replica would.
struct Prompt {
  LiveRequest live;
  PromptPrefix prefix;
  Prompt(std::int32_t tokens, std::vector<std::uint64_t> hashes, std::int64_t each) {
    live.prompt = tokens;
    live.output = 1;
    prefix = {std::move(hashes), Tokens(each)};
  }
  /// Computes the prompt up to `tokens`, in blocks of `block` tokens; false without room.
  bool compute(PrefixCache& cache, KvPool& pool, std::int32_t tokens, std::int32_t block = 16) {
    const std::int32_t missing = std::max(0, (tokens + block - 1) / block - live.blocks);
    if (!pool.try_take(Blocks(missing))) return false;
    cache.make_room(pool.free());
    live.blocks += missing;
    cache.publish(live, prefix, tokens);
    live.computed = tokens;
    return true;
  }
  void leave(PrefixCache& cache) {
    cache.release(live.blocks, live.shared_units, live, prefix);
    live.blocks = live.computed = live.shared_units = 0;
  }
};

constexpr PrefixRules kCached{PrefixReuse::cached, 1};

/// Everything of `prompt` computed and left behind.
void pass_through(PrefixCache& cache, KvPool& pool, Prompt prompt) {
  cache.attach(prompt.live, prompt.prefix);
  REQUIRE(prompt.compute(cache, pool, prompt.live.prompt));
  prompt.leave(cache);
}

}  // namespace

TEST_CASE("a prompt finds the leading blocks that another has computed, up to its first miss") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  pass_through(cache, pool, Prompt(70, {1, 2, 3, 4}, 16));
  CHECK(pool.used() == Blocks(0));
  CHECK(cache.resident() == Blocks(4));
  Prompt same(70, {1, 2, 3, 4}, 16);
  cache.attach(same.live, same.prefix);
  CHECK(same.live.computed == 64);
  CHECK(pool.used() == Blocks(4));
  const Prompt forks(64, {1, 2, 9, 4}, 16);  // block 4 is no help behind another block 3
  CHECK(cache.found(forks.live, forks.prefix) == Tokens(32));
}

TEST_CASE("two that run share blocks: both hold them, they count once") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  Prompt first(40, {1, 2}, 16);
  REQUIRE(first.compute(cache, pool, 40));  // 3 blocks, 2 of them shared
  Prompt second(48, {1, 2, 3}, 16);
  cache.attach(second.live, second.prefix);
  REQUIRE(second.compute(cache, pool, 48));  // one more
  CHECK(pool.used() == Blocks(4));
  CHECK(cache.held() == Blocks(3));
  first.leave(cache);  // its third block is free, its first two are still held
  CHECK(pool.used() == Blocks(3));
  second.leave(cache);
  CHECK(pool.used() == Blocks(0));
  CHECK(pool.unheld() == Blocks(3));
}

TEST_CASE("two that compute the same block at once end up with one of it") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  Prompt a(32, {1, 2}, 16);
  Prompt b(32, {1, 2}, 16);
  REQUIRE(a.compute(cache, pool, 16));
  REQUIRE(b.compute(cache, pool, 32));  // takes two blocks, gives one back for a's
  CHECK(pool.used() == Blocks(2));
  REQUIRE(a.compute(cache, pool, 32));  // b was first
  CHECK(pool.used() == Blocks(2));
}

TEST_CASE("at least one token is left to compute: of a prompt all here, its last block") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  pass_through(cache, pool, Prompt(64, {1, 2, 3, 4}, 16));
  Prompt again(64, {1, 2, 3, 4}, 16);
  cache.attach(again.live, again.prefix);
  CHECK(again.live.missing() == 16);
  CHECK(again.live.blocks == 4);
}

TEST_CASE("hash blocks and KV blocks of different sizes share what is whole in both") {
  KvPool pool{Blocks(1000), Blocks(0)};
  SECTION("a trace of 512 tokens a hash: 32 blocks of 16 each, the rest of the prompt 6") {
    // 1,130 tokens: 512 + 512 + 106; 106 / 16 = 6 whole blocks of the last hash.
    PrefixCache cache(pool, Tokens(16), kCached);
    pass_through(cache, pool, Prompt(1130, {1, 2, 3}, 512));
    CHECK(cache.resident() == Blocks(32 + 32 + 6));
    const Prompt same(1130, {1, 2, 3}, 512);
    CHECK(cache.found(same.live, same.prefix) == Tokens(1120));
    const Prompt other_end(1024 + 8, {1, 2, 3}, 512);  // says the same of another length: no hit
    CHECK(cache.found(other_end.live, other_end.prefix) == Tokens(1024));
  }
  SECTION("an engine of 64 tokens a block: four hashes of 16 each") {
    PrefixCache cache(pool, Tokens(64), kCached);
    Prompt prompt(150, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 16);
    REQUIRE(prompt.compute(cache, pool, 150, 64));
    CHECK(cache.resident() == Blocks(2));
    const Prompt same(100, {1, 2, 3, 4, 5, 6}, 16);
    CHECK(cache.found(same.live, same.prefix) == Tokens(64));
  }
  SECTION("24 tokens a hash, 16 a block: 48 tokens, two hashes, three blocks") {
    PrefixCache cache(pool, Tokens(16), kCached);
    Prompt prompt(100, {1, 2, 3, 4}, 24);
    REQUIRE(prompt.compute(cache, pool, 100));
    CHECK(cache.resident() == Blocks(6));
    CHECK(cache.found(prompt.live, prompt.prefix) == Tokens(96));
  }
}

TEST_CASE("least recently used prefixes go first, ends before beginnings, and never held ones") {
  KvPool pool{Blocks(8), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  pass_through(cache, pool, Prompt(48, {1, 2, 3}, 16));
  pass_through(cache, pool, Prompt(48, {4, 5, 6}, 16));
  Prompt holder(33, {1, 2}, 16);
  cache.attach(holder.live, holder.prefix);  // holds 1 and 2; in line: 3, 6, 5, 4
  REQUIRE(pool.try_take(Blocks(4)));         // 2 free without content, then 3 and 6
  cache.make_room(pool.free());
  CHECK(cache.totals().evicted == Blocks(2));
  const Prompt first(48, {1, 2, 3}, 16);
  CHECK(cache.found(first.live, first.prefix) == Tokens(32));
  const Prompt second(48, {4, 5, 6}, 16);
  CHECK(cache.found(second.live, second.prefix) == Tokens(32));
  REQUIRE(pool.try_take(Blocks(2)));
  cache.make_room(pool.free());
  CHECK(cache.found(second.live, second.prefix) == Tokens(0));
  CHECK(cache.found(first.live, first.prefix) == Tokens(32));
  CHECK_FALSE(pool.try_take(Blocks(1)));
}

TEST_CASE("a cache without room of its own shares nothing; a bounded one evicts to stay so") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache none(pool, Tokens(16), {PrefixReuse::cached, 0});
  pass_through(none, pool, Prompt(64, {1, 2, 3, 4}, 16));
  CHECK(none.resident() == Blocks(0));
  PrefixCache two(pool, Tokens(16), {PrefixReuse::cached, 0.02});
  pass_through(two, pool, Prompt(64, {1, 2, 3, 4}, 16));
  CHECK(two.resident() == Blocks(2));  // its own first two are held while it runs
  pass_through(two, pool, Prompt(32, {7, 8}, 16));
  CHECK(two.resident() == Blocks(2));
  CHECK(two.totals().evicted == Blocks(2));
}

TEST_CASE("under the rule `held` a prefix goes with its last holder") {
  KvPool pool{Blocks(100), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), {PrefixReuse::held, 1});
  Prompt a(32, {1, 2}, 16);
  Prompt b(48, {1, 2, 3}, 16);
  REQUIRE(a.compute(cache, pool, 32));
  cache.attach(b.live, b.prefix);
  a.leave(cache);
  CHECK(cache.resident() == Blocks(2));
  b.leave(cache);
  CHECK(cache.resident() == Blocks(0));
  CHECK(pool.unheld() == Blocks(0));
}

TEST_CASE("whatever comes and goes: shared blocks count once, and hits are what was left behind") {
  const bool held = rc::check("blocks are conserved with sharing", [] {
    const auto size = *rc::gen::inRange<std::int64_t>(4, 40);
    const auto share = *rc::gen::element(0.0, 0.3, 1.0);
    const auto reuse = *rc::gen::element(PrefixReuse::cached, PrefixReuse::held);
    KvPool pool{Blocks(size), Blocks(0)};
    const TierBlocks below{Blocks(*rc::gen::element<std::int64_t>(0, 3, 100)),
                           Blocks(*rc::gen::element<std::int64_t>(0, 5))};
    const bool alone = below.host + below.disk == Blocks(0);
    PrefixCache cache(pool, Tokens(16), {reuse, share}, below);
    std::vector<Prompt> live;
    const auto steps = *rc::gen::inRange(1, 120);
    for (int i = 0; i < steps; ++i) {
      const bool comes = live.empty() || *rc::gen::arbitrary<bool>();
      if (comes) {
        // Paths in a small tree: hash 10 h + c is child c of h.
        std::vector<std::uint64_t> hashes;
        std::uint64_t hash = 1;
        const auto depth = *rc::gen::inRange<std::size_t>(0, 7);
        while (hashes.size() < depth)
          hashes.push_back(hash = 10 * hash + *rc::gen::inRange<std::uint64_t>(0, 2));
        const auto tail = *rc::gen::inRange<std::int32_t>(1, 40);
        Prompt prompt(static_cast<std::int32_t>(depth) * 16 + tail, hashes, 16);
        const Tokens found = cache.found(prompt.live, prompt.prefix);
        cache.attach(prompt.live, prompt.prefix);
        // What is below comes back as far as there is room for it.
        RC_ASSERT(Tokens(prompt.live.computed) <= found);
        if (alone) RC_ASSERT(Tokens(prompt.live.computed) == found);
        live.push_back(std::move(prompt));
      } else {
        const auto which = *rc::gen::inRange<std::size_t>(0, live.size());
        Prompt& one = live[which];
        const auto upto = *rc::gen::inRange<std::int32_t>(one.live.computed, one.live.prompt + 1);
        if (!one.compute(cache, pool, upto) || *rc::gen::arbitrary<bool>()) {
          one.leave(cache);
          live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
        }
      }
      // Distinct shared blocks once, private ones each.
      std::map<std::uint64_t, std::int64_t> holders;
      std::int64_t expected = 0;
      for (const Prompt& prompt : live) {
        expected += prompt.live.blocks - prompt.live.shared_units;
        for (std::int32_t u = 0; u < prompt.live.shared_units; ++u)
          ++holders[prompt.prefix.hashes[static_cast<std::size_t>(u)]];
      }
      expected += static_cast<std::int64_t>(holders.size());
      RC_ASSERT(pool.used() == Blocks(expected));
      RC_ASSERT(cache.held() == Blocks(static_cast<std::int64_t>(holders.size())));
      RC_ASSERT(pool.unheld() <= pool.free());
      RC_ASSERT(cache.resident().as_double() <= share * static_cast<double>(size));
      if (reuse == PrefixReuse::held) RC_ASSERT(pool.unheld() == Blocks(0));
    }
    for (Prompt& prompt : live) prompt.leave(cache);
    RC_ASSERT(pool.used() == Blocks(0));
  });
  CHECK(held);
}

TEST_CASE("what was evicted comes back from host memory, then from disk, and takes blocks again") {
  KvPool pool{Blocks(4), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached, {Blocks(3), Blocks(2)});
  pass_through(cache, pool, Prompt(64, {1, 2, 3, 4}, 16));
  pass_through(cache, pool, Prompt(64, {5, 6, 7, 8}, 16));  // 4, 3, 2, 1 leave: 4 to disk
  Prompt again(65, {1, 2, 3, 4}, 16);
  CHECK(cache.found(again.live, again.prefix) == Tokens(64));
  const TierBlocks copied = cache.attach(again.live, again.prefix);
  CHECK(copied.host == Blocks(3));
  CHECK(copied.disk == Blocks(1));
  CHECK(again.live.computed == 64);
  CHECK(pool.used() == Blocks(4));
  CHECK(cache.held() == Blocks(4));
  CHECK(cache.totals().loaded.host == Blocks(3));
  again.leave(cache);
  // They were moved, not copied: now the others are below.
  Prompt other(65, {5, 6, 7, 8}, 16);
  CHECK(cache.found(other.live, other.prefix) == Tokens(64));
  cache.lose_all();
  CHECK(cache.found(other.live, other.prefix) == Tokens(0));
  CHECK(cache.found(again.live, again.prefix) == Tokens(0));
}

TEST_CASE("what finds no free block stays below, and the rest of the prompt is computed") {
  KvPool pool{Blocks(4), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached, {Blocks(10), Blocks(0)});
  pass_through(cache, pool, Prompt(64, {1, 2, 3, 4}, 16));
  REQUIRE(pool.try_take(Blocks(2)));
  cache.make_room(pool.free());  // 4 and 3 are below, 1 and 2 here
  Prompt again(65, {1, 2, 3, 4}, 16);
  CHECK(cache.found(again.live, again.prefix) == Tokens(64));
  CHECK(cache.attach(again.live, again.prefix).host == Blocks(0));
  CHECK(again.live.computed == 32);
  again.leave(cache);
  pool.give_back(Blocks(2));
  CHECK(cache.attach(again.live, again.prefix).host == Blocks(2));
  CHECK(again.live.computed == 64);
}

TEST_CASE("letting go of a prefix that was never taken up stops the program") {
  KvPool pool{Blocks(4), Blocks(0)};
  PrefixCache cache(pool, Tokens(16), kCached);
  Prompt stranger(32, {1, 2}, 16);
  stranger.live.blocks = stranger.live.shared_units = 2;
  CHECK(testing::aborts([&] { stranger.leave(cache); }));
}
