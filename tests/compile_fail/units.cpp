// Quantities of different kinds never mix (sim/units.h).
// clang-format off
// case 1: two instants are added | no match for .operator.|invalid operands
// case 2: bytes are added to tokens | no match for .operator.|invalid operands
// case 3: a bare number becomes tokens | conversion from .int. to|no viable conversion
// case 4: a duration is passed where tokens are expected | could not convert|no matching function|cannot convert
// case 5: blocks are compared with tokens | no match for .operator.|invalid operands
// case 6: tokens are multiplied by tokens | no match for .operator.|invalid operands
// case 7: a fraction becomes a duration | narrowing|cannot be narrowed
// case 8: tokens become a bare number | cannot convert|no viable conversion
// case 9: dollars are added to dollars an hour | no match for .operator.|invalid operands
// case 10: watts are passed where joules are expected | could not convert|no matching function|cannot convert
// case 11: a rate is taken from a bare number | conversion from .double. to|no viable conversion
// case 12: an instant is scaled | no match for .operator.|invalid operands
// case 13: floating-point work is divided by a bandwidth | no match for .operator.|invalid operands
// case 14: an instant is compared with a duration | no match for .operator.|invalid operands
// case 15: a duration is taken for an instant | conversion from|no viable conversion
// clang-format on
#include "sim/units.h"

namespace headroom {

Tokens twice(Tokens tokens) { return 2 * tokens; }
double energy(Joules joules) { return joules.value(); }

bool allowed() {
  const Instant later = Instant(5) + Duration(3);
  const Tokens five{5};
  const PerSecond rate(2.0);
  const Duration between = later - Instant(1);
  return twice(five) > five && Bytes(1) + Bytes(2) == Bytes(3) && later < Instant::never() &&
         energy(Joules(1)) < rate.value() && between / Duration(2) == 3 &&
         Flops(6) / Flops(3) == 2.0 && (Usd(1) + Usd(2)).value() > 0;
}

#if CASE == 1
auto broken() { return Instant(1) + Instant(2); }
#elif CASE == 2
auto broken() { return Bytes(1) + Tokens(2); }
#elif CASE == 3
Tokens broken = 5;
#elif CASE == 4
auto broken() { return twice(Duration(1)); }
#elif CASE == 5
auto broken() { return Blocks(1) < Tokens(2); }
#elif CASE == 6
auto broken() { return Tokens(1) * Tokens(2); }
#elif CASE == 7
Duration broken{1.5};
#elif CASE == 8
std::int64_t broken() { return Tokens(1); }
#elif CASE == 9
auto broken() { return Usd(1) + UsdPerHour(2); }
#elif CASE == 10
double broken() { return energy(Watts(1)); }
#elif CASE == 11
PerSecond broken = 2.0;
#elif CASE == 12
auto broken() { return Instant(1) * 2; }
#elif CASE == 13
auto broken() { return Flops(1) / BytesPerSecond(2); }
#elif CASE == 14
auto broken() { return Instant(1) < Duration(2); }
#elif CASE == 15
Instant broken = Duration(1);
#endif

}  // namespace headroom
