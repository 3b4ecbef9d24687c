// Numbers and times of traces, read exactly.
//
// Law: the answer is the integer nearest to the text's value times 10^scale, halves up, whatever
// its length: no value passes through a double.
// Cost: O(length); no allocation.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace headroom {

enum class NumberFault : std::uint8_t { none, not_a_number, negative, too_large };

struct ExactNumber {
  std::int64_t value = 0;
  NumberFault fault = NumberFault::none;
};

/// Largest answer of the functions below: times fit with room to add two.
constexpr std::int64_t kLargestExact = std::int64_t{1} << 62;

/// `text` (digits, optional sign, point and exponent; no blanks) times 10^scale, rounded. NaN,
/// infinities and empty text are not numbers; values below zero are `negative` ("-0" is 0).
[[nodiscard]] ExactNumber parse_decimal(std::string_view text, int scale);

/// A whole number; "63.0" counts, "63.5" does not.
[[nodiscard]] ExactNumber parse_whole(std::string_view text);

/// Nanoseconds since 1970-01-01T00:00:00 of "YYYY-MM-DD hh:mm:ss[.digits][Z|+hh:mm|-hh:mm]" (blank
/// or T between date and time; no zone means UTC). Years 1970 to 2100. None for anything else.
[[nodiscard]] std::optional<std::int64_t> parse_date_time(std::string_view text);

/// `ns` as seconds with as many decimal digits as needed (at most 9): "3501.721937", "0".
/// Writes to `out` (at least 24 bytes), returns the length. Requires ns >= 0.
[[nodiscard]] std::size_t write_seconds(std::int64_t ns, char* out);

}  // namespace headroom
