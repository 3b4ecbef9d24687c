#include "sim/histogram.h"

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

/// Non-negative values of every size.
rc::Gen<std::int64_t> any_value() {
  return rc::gen::map(rc::gen::pair(rc::gen::arbitrary<std::uint64_t>(), rc::gen::inRange(1, 64)),
                      [](const std::pair<std::uint64_t, int>& drawn) {
                        return static_cast<std::int64_t>((drawn.first >> 1) >> (drawn.second - 1));
                      });
}

LogHistogram filled(const std::vector<std::int64_t>& values) {
  LogHistogram histogram;
  for (const std::int64_t value : values) histogram.add(value);
  return histogram;
}

}  // namespace

TEST_CASE("A value lies less than 1 part in 1024 above the lowest value of its bin") {
  CHECK(rc::check("any value", [] {
    const std::int64_t value = *any_value();
    const std::int64_t lowest = LogHistogram::lowest(LogHistogram::bin(value));
    RC_ASSERT(lowest <= value);
    RC_ASSERT(static_cast<double>(value - lowest) * 1024 < static_cast<double>(value) ||
              value == lowest);
    RC_ASSERT(LogHistogram::bin(lowest) == LogHistogram::bin(value));
  }));
}

TEST_CASE("Bins follow the order of values and leave no gap") {
  // Up to 2^14 all values; above, the borders of each power of two.
  for (std::int64_t value = 0; value < 16384; ++value) {
    const std::size_t step = LogHistogram::bin(value + 1) - LogHistogram::bin(value);
    REQUIRE(step <= 1);
    if (value < 1024) REQUIRE(LogHistogram::lowest(LogHistogram::bin(value)) == value);
  }
  for (int power = 11; power < 63; ++power) {
    const std::int64_t border = std::int64_t{1} << power;
    CHECK(LogHistogram::bin(border) == LogHistogram::bin(border - 1) + 1);
    CHECK(LogHistogram::lowest(LogHistogram::bin(border)) == border);
  }
}

TEST_CASE("Merging two histograms equals filling one") {
  CHECK(rc::check("any two fillings", [] {
    const auto first = *rc::gen::container<std::vector<std::int64_t>>(any_value());
    const auto second = *rc::gen::container<std::vector<std::int64_t>>(any_value());
    LogHistogram merged = filled(first);
    merged.merge(filled(second));
    std::vector<std::int64_t> all = second;  // in another order, which must not show either
    all.insert(all.end(), first.begin(), first.end());
    const LogHistogram one = filled(all);
    RC_ASSERT(merged.count() == one.count());
    RC_ASSERT(merged.largest() == one.largest());
    RC_ASSERT(merged.mean() == one.mean());
    for (int i = 0; i <= 20; ++i) RC_ASSERT(merged.quantile(i * 0.05) == one.quantile(i * 0.05));
    for (const std::int64_t value : all) {
      RC_ASSERT(merged.share_at_most(value) == one.share_at_most(value));
    }
  }));
}

TEST_CASE("A quantile is the bin of the nearest-rank order statistic") {
  CHECK(rc::check("against the sorted values", [] {
    auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::int64_t>>(any_value()));
    const LogHistogram histogram = filled(values);
    std::sort(values.begin(), values.end());
    const auto n = static_cast<std::int64_t>(values.size());
    const std::int64_t percent = *rc::gen::inRange<std::int64_t>(0, 101);
    // ceil(percent * n / 100) in integers, at least the first.
    const std::int64_t rank = std::max<std::int64_t>(1, (percent * n + 99) / 100);
    const std::int64_t exact = values[static_cast<std::size_t>(rank - 1)];
    const std::int64_t expected =
        rank == n ? exact : LogHistogram::lowest(LogHistogram::bin(exact));
    RC_ASSERT(histogram.quantile(static_cast<double>(percent) / 100) == expected);
  }));
}

TEST_CASE("Rounding of q * count does not move a quantile to the next rank") {
  // 0.07 * 100 is 7.000000000000001 in doubles; the 7th of 0..99 is 6.
  LogHistogram histogram;
  for (std::int64_t value = 0; value < 100; ++value) histogram.add(value);
  CHECK(histogram.quantile(0.07) == 6);
  CHECK(histogram.quantile(0.0) == 0);
  CHECK(histogram.quantile(0.5) == 49);
  CHECK(histogram.quantile(0.99) == 98);
  CHECK(histogram.quantile(1.0) == 99);
}

TEST_CASE("Weights count as repeated values") {
  LogHistogram weighted;
  weighted.add(3, 5);
  weighted.add(1'000'000'007, 2);
  weighted.add(4, 0);
  const LogHistogram repeated = filled({3, 3, 3, 3, 3, 1'000'000'007, 1'000'000'007});
  CHECK(weighted.count() == 7);
  CHECK(weighted.mean() == repeated.mean());
  // (5 * 3 + 2 * 1000000007) / 7
  CHECK(weighted.mean() == Approx(2'000'000'029.0 / 7));
  CHECK(weighted.quantile(5.0 / 7) == 3);
  CHECK(weighted.quantile(1.0) == 1'000'000'007);
  CHECK(weighted.share_at_most(3) == Approx(5.0 / 7));
  CHECK(weighted.share_at_most(2) == 0.0);
  CHECK(weighted.share_at_most(-1) == 0.0);
  CHECK(weighted.share_at_most(std::numeric_limits<std::int64_t>::max()) == 1.0);
}

TEST_CASE("An empty histogram answers 0") {
  const LogHistogram empty;
  CHECK(empty.count() == 0);
  CHECK(empty.mean() == 0.0);
  CHECK(empty.quantile(0.5) == 0);
  CHECK(empty.share_at_most(10) == 0.0);
}

TEST_CASE("Negative values and quantiles outside 0 to 1 stop the program") {
  LogHistogram histogram;
  histogram.add(1);
  CHECK(testing::aborts([&] { histogram.add(-1); }));
  CHECK(testing::aborts([&] { histogram.add(1, -1); }));
  CHECK(testing::aborts([&] { (void)histogram.quantile(1.5); }));
  CHECK(testing::aborts([&] { (void)histogram.quantile(std::nan("")); }));
}
