// Prefixes of prompts in the KV blocks of one replica, found by chained block hashes and shared.
//
// A unit is the least run of tokens that is whole both in the hash blocks of a trace and in the
// KV blocks of the engine; the end of a prompt that has a hash of its own is a smaller last unit.
// A request holds the first units of its prompt that are here, and adds those that it computes.
// Units that nobody holds stay until their room is needed, least recently used first and the end of
// a prompt before its beginning (Kwon et al., SOSP 2023; vllm/v1/core/kv_cache_manager.py of
// vLLM 0.8.5), or are forgotten at once. Evicted ones may go to host memory and disk
// (sim/kv_tiers.h); who asks for them takes blocks of the device again and waits for their copy.
// Laws: the device's held blocks == private ones + units that somebody holds, each once; no unit is
// evicted while it is held; free blocks include those of units that nobody holds.
// Cost: one table look-up a unit and event; nothing a decoded token.
// Not here: who asks (batch policies) and what is true of a prompt (the trace).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/kv_pool.h"
#include "sim/kv_tiers.h"
#include "sim/prefix_units.h"
#include "sim/request.h"
#include "sim/units.h"

namespace headroom {

/// What becomes of prefixes that no request holds any more.
enum class PrefixReuse : std::uint8_t {
  none,    ///< prompts share nothing
  cached,  ///< they stay until their room is needed
  held,    ///< they go with their last holder
};

struct PrefixRules {
  PrefixReuse reuse = PrefixReuse::none;
  double most_share = 1;  ///< of the KV blocks that units may have at most, held or not
};

/// The block hashes of one live request's prompt.
struct PromptPrefix {
  std::vector<std::uint64_t> hashes;  ///< chained: equal ones stand behind equal prefixes
  Tokens each{0};                     ///< tokens a hash
};

/// Keeps the hashes of the first `tokens` tokens, told apart from those of other groups.
void narrow(PromptPrefix& prefix, std::uint64_t group, Tokens tokens);

struct PrefixTotals {
  Tokens asked{0};      ///< to compute at admissions, without a cache
  Tokens hit{0};        ///< of those, found here
  Blocks evicted{0};    ///< to make room
  TierBlocks loaded{};  ///< brought back from host memory and disk
};

class PrefixCache {
 public:
  /// `pool` outlives this. `below`: room for what is evicted.
  PrefixCache(KvPool& pool, Tokens block_tokens, PrefixRules rules, TierBlocks below = {});

  /// Tokens of the leading units of this prompt that are here or in a tier below.
  [[nodiscard]] Tokens found(const LiveRequest& request, const PromptPrefix& prefix) const;
  /// Lets a request that holds nothing hold those units; their tokens count as computed, but for
  /// one block that is computed again where nothing would be left to compute. Units of the tiers
  /// below are brought back as far as blocks are free. Returns what has to be copied.
  TierBlocks attach(LiveRequest& request, const PromptPrefix& prefix);
  /// Lets others find what the request will have computed of its prompt up to `computed` tokens. A
  /// unit that another request has added meanwhile is held in place of the request's own blocks.
  void publish(LiveRequest& request, const PromptPrefix& prefix, std::int64_t computed);
  /// Gives back `blocks`, all that a request holds, its first `units` units among them.
  void release(std::int64_t blocks, std::int32_t units, const LiveRequest& request,
               const PromptPrefix& prefix);
  /// Evicts until units that nobody holds fit into `free` blocks.
  void make_room(Blocks free);
  /// Nothing that nobody holds is here any more, nor in the tiers below: they were lost.
  void lose_all();

  [[nodiscard]] Blocks held() const { return resident() - pool_.unheld(); }
  [[nodiscard]] Blocks resident() const { return Blocks(units_.blocks()); }
  [[nodiscard]] PrefixTotals& totals() { return totals_; }
  [[nodiscard]] const PrefixTotals& totals() const { return totals_; }

 private:
  /// How a prompt falls into units.
  struct Units {
    std::size_t count = 0;
    std::size_t stride = 1;  ///< hashes a whole unit
    std::int32_t whole_blocks = 0;
    std::int32_t last_blocks = 0;  ///< of the last one
    [[nodiscard]] std::int32_t blocks(std::size_t unit) const {
      return unit + 1 == count ? last_blocks : whole_blocks;
    }
  };

  [[nodiscard]] Units units_of(const LiveRequest& request, const PromptPrefix& prefix) const;
  void hold(std::uint32_t unit);
  void let_go(std::uint32_t unit);
  /// False where there is no place for it.
  [[nodiscard]] bool add(std::uint64_t hash, std::int32_t blocks);
  /// Brings a unit back from a tier below, held; nothing where it is not there or has no room here.
  [[nodiscard]] std::optional<KvTier> load(std::uint64_t hash, std::int32_t blocks);
  void erase(std::uint32_t unit);
  void evict_oldest();

  KvPool& pool_;
  std::int64_t block_tokens_;
  PrefixReuse reuse_;
  std::int64_t most_blocks_;
  PrefixUnits units_;
  KvTiers tiers_;
  PrefixTotals totals_;
};

}  // namespace headroom
