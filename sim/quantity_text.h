// Quantities as people write them: "200 ms", "80 GiB", "400 Gbit/s", "8 req/s", "2.5 USD/h".
//
// Law: a text is one non-negative decimal number and one unit that the kind knows; the space
// between them is optional, nothing else is. NaN, infinities, negatives, a missing or unknown unit,
// amounts out of range, and amounts above 0 that round to 0 are refused with InputError, whose
// message names the accepted units and the nearest one.
// Law: parsing what `to_text` printed gives the same value back. Durations and bytes with up to 19
// digits are computed in integers: exact, else rounded to nearest, halves up.
// Cost: load time only. No locale, no errno. Memory is bounded by the length of the text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/units.h"

namespace headroom {

/// ns, us, ms, s, min, h, d. At most 100 years.
[[nodiscard]] Duration parse_duration(std::string_view text, const std::string& where);
/// B, kB, MB, GB, TB, PB (powers of 1000), KiB, MiB, GiB, TiB, PiB (powers of 1024). At most 2^60
/// bytes.
[[nodiscard]] Bytes parse_bytes(std::string_view text, const std::string& where);
/// Bytes as above per second ("900 GB/s"), or bits per second: bit/s to Tbit/s, also written Gb/s
/// and Gbps (IEEE 1541: small b is a bit, capital B a byte).
[[nodiscard]] BytesPerSecond parse_bandwidth(std::string_view text, const std::string& where);
/// /s, /min, /h, each also with req in front.
[[nodiscard]] PerSecond parse_rate(std::string_view text, const std::string& where);
/// USD.
[[nodiscard]] Usd parse_money(std::string_view text, const std::string& where);
/// USD/h.
[[nodiscard]] UsdPerHour parse_price(std::string_view text, const std::string& where);
/// mW, W, kW, MW.
[[nodiscard]] Watts parse_power(std::string_view text, const std::string& where);
/// J, kJ, MJ, Wh, kWh, MWh.
[[nodiscard]] Joules parse_energy(std::string_view text, const std::string& where);
/// FLOP, MFLOP, GFLOP, TFLOP, PFLOP, EFLOP.
[[nodiscard]] Flops parse_flops(std::string_view text, const std::string& where);
/// The same with /s.
[[nodiscard]] FlopsPerSecond parse_flop_rate(std::string_view text, const std::string& where);
/// A number without a unit in [least, most]; may be negative where the bounds allow.
[[nodiscard]] double parse_number(std::string_view text, double least, double most,
                                  const std::string& where);
/// A whole number in [least, most]: digits, perhaps with a sign. No exponent, no fraction.
[[nodiscard]] std::int64_t parse_integer(std::string_view text, std::int64_t least,
                                         std::int64_t most, const std::string& where);

/// The largest unit in which at most 3 decimals are exact, else the smallest unit: "1.5 s", "200
/// ms", "1000001 ns".
[[nodiscard]] std::string to_text(Duration duration);
/// The largest unit of which it is a multiple: "80 GiB", "4 GB", "1025 B".
[[nodiscard]] std::string to_text(Bytes bytes);
/// Shortest digits that give the same value back, in the largest unit at or below it.
[[nodiscard]] std::string to_text(BytesPerSecond bandwidth);
[[nodiscard]] std::string to_text(PerSecond rate);
[[nodiscard]] std::string to_text(Usd money);
[[nodiscard]] std::string to_text(UsdPerHour price);
[[nodiscard]] std::string to_text(Watts power);
[[nodiscard]] std::string to_text(Joules energy);
[[nodiscard]] std::string to_text(Flops flops);
[[nodiscard]] std::string to_text(FlopsPerSecond flop_rate);
/// Shortest digits that give the same number back: "0.1", "1e+300".
[[nodiscard]] std::string to_text(double number);

// Words
// ------------------------------------------------------------------------------------------

/// The candidate with the least edit distance (insert, delete, replace, swap of neighbours; letter
/// case counts half), the first of equals; empty when even that differs in more than a third of the
/// longer word's letters, rounded up. O(letters^2) a candidate; words beyond 64 bytes are not
/// compared.
[[nodiscard]] std::string nearest_name(std::string_view word,
                                       std::span<const std::string> candidates);
/// "; did you mean 'x'?", or nothing when no candidate is near: the end of a message.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string> candidates);
/// The text with small letters in place of A to Z; all other bytes stay.
[[nodiscard]] std::string lower_case(std::string text);
/// The text in double quotes, at most 60 bytes of it, bytes that are not printable ASCII as \xNN.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace headroom
