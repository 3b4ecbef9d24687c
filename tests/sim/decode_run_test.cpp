#include "sim/decode_run.h"

#include <rapidcheck.h>

#include "tests/catch.h"

using namespace headroom;

namespace {

/// The definition, one iteration at a time.
std::int64_t naive_sum(std::int64_t n, std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += (a * i + b) >> kFixedBits;
  return sum;
}

DecodeRun arbitrary_run() {
  const auto base = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 45);
  const auto slope = *rc::gen::inRange<std::int64_t>(0, 1 << 24);
  const auto decodes = *rc::gen::inRange<std::int64_t>(1, 300);
  const auto context = *rc::gen::inRange<std::int64_t>(1, 2'000'000);
  return DecodeRun(DecodeLine{base, slope, 1LL << 40}, decodes, context);
}

}  // namespace

TEST_CASE("a floor sum in closed form equals the loop") {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::int64_t>(0, 400);
    const auto a = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 34);
    const auto b = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 45);
    RC_ASSERT(fixed_floor_sum(n, a, b) == naive_sum(n, a, b));
  }));
}

TEST_CASE("a run's total equals the sum of its iterations") {
  CHECK(rc::check([] {
    const DecodeRun run = arbitrary_run();
    const auto k = *rc::gen::inRange<std::int64_t>(1, 500);
    Duration sum{0};
    for (std::int64_t i = 0; i < k; ++i) sum += run.at(i);
    RC_ASSERT(run.sum(k) == sum);
  }));
}

TEST_CASE("the iterations that reach a time are the fewest that do") {
  CHECK(rc::check([] {
    const DecodeRun run = arbitrary_run();
    const auto limit = *rc::gen::inRange<std::int64_t>(1, 300);
    const auto last = run.sum(limit).value();
    const Duration elapsed(*rc::gen::inRange<std::int64_t>(0, last + 2));
    const std::int64_t k = run.iterations_to_reach(elapsed, limit);
    RC_ASSERT(k >= 1);
    RC_ASSERT(k <= limit);
    RC_ASSERT((run.sum(k) >= elapsed || k == limit));
    RC_ASSERT((k == 1 || run.sum(k - 1) < elapsed));
  }));
}

TEST_CASE("gaps added as a run equal gaps added one by one") {
  CHECK(rc::check([] {
    const DecodeRun run = arbitrary_run();
    const auto to = *rc::gen::inRange<std::int64_t>(1, 200);
    const auto from = *rc::gen::inRange<std::int64_t>(0, to + 1);
    LogHistogram together;
    run.add_gaps(from, to, 3, together);
    LogHistogram single;
    for (std::int64_t i = from; i < to; ++i) single.add(run.at(i).value(), 3);
    RC_ASSERT(together.count() == single.count());
    RC_ASSERT(together.largest() == single.largest());
    RC_ASSERT(together.mean() == single.mean());
    for (const double q : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) {
      RC_ASSERT(together.quantile(q) == single.quantile(q));
    }
  }));
}
