// Numbers as text, the same bytes on every machine.
//
// Law: no locale, no wall clock; a number that is not finite prints as "n/a", never as a zero.
// Cost: one short string a call. Not for parsing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace headroom {

/// `value` rounded to `digits` significant digits, in plain decimals where 1e-6 <= |value| < 1e9
/// and in scientific notation elsewhere. Digits before the decimal point are never dropped. "n/a"
/// when not finite.
[[nodiscard]] std::string significant(double value, int digits = 4);

/// `significant` of the value, "-" where there is none.
[[nodiscard]] std::string or_dash(const std::optional<double>& value);

/// A share as a percentage with two decimals: "97.21 %". Only a share of exactly 1 prints as
/// "100.00 %" and only a share of exactly 0 as "0.00 %", so that one failure in a million stays
/// visible.
[[nodiscard]] std::string percent(double share);

/// `value` rounded to nine significant digits: what the machine-readable outputs hold.
[[nodiscard]] double nine_digits(double value);

/// Nanoseconds as an exact decimal of a unit of 10^`decimals` ns: 9 for seconds, 6 for
/// milliseconds.
[[nodiscard]] std::string exact_decimal(std::int64_t ns, int decimals);

/// 16 lower-case hex digits.
[[nodiscard]] std::string hex64(std::uint64_t value);

}  // namespace headroom
