#include "sim/cost_digest.h"

#include "tests/catch.h"
#include "tests/toy_world.h"

using namespace headroom;

TEST_CASE("equal prices have equal digests, and any term that moves moves the digest") {
  const toy::LineCostTerms base{kMillisecond, kMicrosecond, 50'000, kMicrosecond};
  const std::uint64_t digest = cost_digest(toy::LineCost(base));
  CHECK(cost_digest(toy::LineCost(base)) == digest);
  toy::LineCostTerms changed = base;
  changed.base += kNanosecond;
  CHECK(cost_digest(toy::LineCost(changed)) != digest);
  changed = base;
  changed.per_decode += kNanosecond;
  CHECK(cost_digest(toy::LineCost(changed)) != digest);
  changed = base;
  // 1/1000 of a fixed-point slope of 0.05 ns a token: 50 fixed units move 80 million tokens by 4
  // us.
  changed.per_context_fixed += 50;
  CHECK(cost_digest(toy::LineCost(changed)) != digest);
  changed = base;
  changed.per_prefill += kNanosecond;
  CHECK(cost_digest(toy::LineCost(changed)) != digest);
  changed = base;
  changed.per_prefill_before += kNanosecond;
  CHECK(cost_digest(toy::LineCost(changed)) != digest);
}
