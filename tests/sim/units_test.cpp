#include "sim/units.h"

#include <cstdint>

#include "tests/catch.h"

using namespace headroom;

namespace {

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};
template <class A, class B>
concept Comparable = requires(A a, B b) {
  a < b;
};
template <class A, class B>
concept Assignable = requires(A& a, B b) {
  a = b;
};

static_assert(Addable<Bytes, Bytes> && Addable<Instant, Duration>);
static_assert(!Addable<Instant, Instant>, "the sum of two instants means nothing");
static_assert(!Addable<Bytes, Tokens> && !Addable<Duration, Tokens>);
static_assert(!Addable<Usd, UsdPerHour> && !Addable<Watts, Joules>);
static_assert(!Addable<Bytes, std::int64_t>, "a bare number has no unit");
static_assert(!Comparable<Bytes, Blocks> && !Comparable<Instant, Duration>);
static_assert(!Assignable<Tokens, std::int64_t> && !Assignable<Usd, double>);
static_assert(!Comparable<DeviceId, NodeId> && !Assignable<LinkId, FlowId>);
static_assert(sizeof(Bytes) == 8 && sizeof(Instant) == 8 && sizeof(Usd) == 8 &&
              sizeof(DeviceId) == 4);

}  // namespace

TEST_CASE("Instants and durations add as points and distances do") {
  const Instant start(5);
  CHECK(start + Duration(7) == Instant(12));
  CHECK(Instant(12) - start == Duration(7));
  CHECK(Instant(12) - Duration(7) == start);
  CHECK(Instant(std::int64_t{1} << 62) < Instant::never());
  CHECK(kHour == Duration(3'600'000'000'000));
  CHECK(seconds(kMillisecond * 1500) == Approx(1.5));
  CHECK(milliseconds(kMicrosecond * 250) == Approx(0.25));
}

TEST_CASE("Real seconds become nanoseconds to nearest, halves up") {
  CHECK(duration_from_seconds(0) == Duration(0));
  // 0.4 ns, 0.5 ns (as 2^-31 s = 0.4657 ns and 2^-30 s = 0.9313 ns, which are exact doubles)
  // and 1.5 s.
  CHECK(duration_from_seconds(0x1p-31) == Duration(0));
  CHECK(duration_from_seconds(0x1p-30) == Duration(1));
  CHECK(duration_from_seconds(0.5e-9) == Duration(1));
  CHECK(duration_from_seconds(1.5) == Duration(1'500'000'000));
  // 2^32 s is inside the stated range, and 2^32 * 10^9 = 2^41 * 5^9 is an exact double.
  CHECK(duration_from_seconds(0x1p32) == Duration(4'294'967'296'000'000'000));
}

TEST_CASE("Tokens take whole blocks") {
  CHECK(blocks_for(Tokens(0), Tokens(16)) == Blocks(0));
  CHECK(blocks_for(Tokens(1), Tokens(16)) == Blocks(1));
  CHECK(blocks_for(Tokens(16), Tokens(16)) == Blocks(1));
  CHECK(blocks_for(Tokens(17), Tokens(16)) == Blocks(2));
}

TEST_CASE("Ratios of one kind are plain numbers") {
  CHECK(Bytes(7) / Bytes(2) == 3);
  CHECK(Bytes(7) / 2 == Bytes(3));
  CHECK(Flops(9) / Flops(2) == 4.5);
  CHECK(Tokens(3) * 4 == 4 * Tokens(3));
}

TEST_CASE("An id without a value is none") {
  CHECK(DeviceId() == DeviceId::none());
  CHECK(DeviceId(3).index() == 3);
  CHECK(DeviceId(3) < DeviceId(4));
}
