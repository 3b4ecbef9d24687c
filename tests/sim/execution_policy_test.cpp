#include "sim/execution_policy.h"

#include "tests/catch.h"
#include "tests/execution_world.h"
#include "tests/sim/aborts.h"

using namespace headroom;
using headroom::testing::aborts;
using headroom::toy::HandLayer;

namespace {

HandLayer layer() { return HandLayer(1000, {10, 20, 5, 8, 12, 1, 30, 15, 12, 1}); }

NanoOperator nano(std::uint32_t operators, std::int64_t first, std::int64_t past) {
  NanoOperator one;
  one.operators = operators;
  one.first = first;
  one.past = past;
  return one;
}

}  // namespace

TEST_CASE("one operator after the other takes the sum of all") {
  const HandLayer hand = layer();
  const LayerTiming timing = time_plan(hand, sequential_plan(hand), "test");
  CHECK(sequential_seconds(hand) == 114);
  CHECK(timing.first == Approx(114));
  CHECK(timing.period == Approx(114));
  CHECK(timing.of(80) == Approx(80 * 114));
  // Decodes and prompts attend apart: the longest chain is all but the shorter of both, 5.
  CHECK(timing.critical == 109);
  // Compute: 10 + 5 + 8 + 30 + 15.
  CHECK(timing.bound == 68);
}

TEST_CASE("nano-operators wait where their operators depend and their ranges meet") {
  // Two halves on streams of their own resource: elastic compute, attention and network on small
  // shares without slow-down. Then only order and dependencies cost time.
  const HandLayer hand = layer();
  LayerPlan plan;
  for (const std::int64_t half : {0, 500}) {
    for (std::uint32_t op = 0; op < 10; ++op) {
      NanoOperator one = nano(1U << op, half, half + 500);
      one.share = 0.01;
      one.elastic = hand.operators()[op].resource == Resource::compute;
      plan.nano.push_back(one);
    }
  }
  const LayerTiming timing = time_plan(hand, plan, "test");
  // The lanes list the first half before the second, so within a layer the second half's qkv comes
  // after the first half's down projection: compute never pauses but for what it waits for.
  CHECK(timing.period < 114);
  CHECK(timing.period >= 68);
  CHECK(timing.first >= timing.critical);
}

TEST_CASE("a fused kernel takes as long as its longest operator") {
  const HandLayer hand = layer();
  LayerPlan plan = sequential_plan(hand);
  // All-reduce and the norm after it: 12 instead of 12 + 1.
  plan.nano[4].operators |= 1U << 5;
  plan.nano.erase(plan.nano.begin() + 5);
  CHECK(time_plan(hand, plan, "test").period == Approx(113));
}

TEST_CASE("work that a plan adds stands where it says") {
  const HandLayer hand = layer();
  LayerPlan plan = sequential_plan(hand);
  NanoOperator copy = nano(0, 0, 1000);
  copy.added = 7;
  copy.after = 1U << 0;   // qkv
  copy.before = 1U << 1;  // decode attention
  plan.nano.push_back(copy);
  CHECK(time_plan(hand, plan, "test").period == Approx(121));
}

TEST_CASE("an illegal plan stops the run") {
  const HandLayer hand = layer();
  const auto stops = [&hand](auto change) {
    return aborts([&] {
      LayerPlan plan = sequential_plan(hand);
      change(plan);
      static_cast<void>(time_plan(hand, plan, "test"));
    });
  };
  CHECK_FALSE(stops([](LayerPlan&) {}));
  CHECK(stops([](LayerPlan& plan) { plan.nano.pop_back(); }));     // not all operators
  CHECK(stops([](LayerPlan& plan) { plan.nano[3].past = 999; }));  // not all tokens
  CHECK(stops([](LayerPlan& plan) { plan.nano.push_back(plan.nano.back()); }));  // twice
  CHECK(stops([](LayerPlan& plan) { plan.nano[1].share = 0; }));
  CHECK(stops([](LayerPlan& plan) { plan.nano[1].slow_down = 0.5; }));
  CHECK(stops([](LayerPlan& plan) { plan.nano[4].elastic = true; }));  // a collective
  CHECK(stops([](LayerPlan& plan) { plan.nano[1].device = 1; }));
  CHECK(stops([](LayerPlan& plan) { std::swap(plan.nano[0], plan.nano[7]); }));  // down before qkv
}
