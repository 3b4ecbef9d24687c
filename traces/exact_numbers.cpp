#include "traces/exact_numbers.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace headroom {
namespace {

[[nodiscard]] bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A number as digits with a point somewhere: value = 0.d1d2d3... * 10^point.
struct DecimalText {
  std::string_view whole, fraction;
  std::int64_t exponent = 0;
  bool negative = false;

  [[nodiscard]] std::size_t digits() const { return whole.size() + fraction.size(); }
  [[nodiscard]] int digit(std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    if (at < whole.size()) return whole[at] - '0';
    return at < digits() ? fraction[at - whole.size()] - '0' : 0;
  }
};

std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

/// "e-05" and the like; false when malformed. Exponents are clamped: beyond 10,000 nothing changes.
bool take_exponent(std::string_view& text, std::int64_t& exponent) {
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return true;
  text.remove_prefix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty()) return false;
  for (const char c : digits) exponent = std::min<std::int64_t>(10'000, exponent * 10 + (c - '0'));
  if (negative) exponent = -exponent;
  return true;
}

std::optional<DecimalText> split_decimal(std::string_view text) {
  DecimalText number;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  number.whole = take_digits(text);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    number.fraction = take_digits(text);
  }
  if (number.digits() == 0) return std::nullopt;
  if (!take_exponent(text, number.exponent) || !text.empty()) return std::nullopt;
  return number;
}

[[nodiscard]] bool all_zero(const DecimalText& number) {
  const auto zero = [](char c) { return c == '0'; };
  return std::all_of(number.whole.begin(), number.whole.end(), zero) &&
         std::all_of(number.fraction.begin(), number.fraction.end(), zero);
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level
/// date algorithms").
[[nodiscard]] std::int64_t days_since_1970(std::int64_t year, std::int64_t month,
                                           std::int64_t day) {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = y / 400;
  const std::int64_t year_of_era = y - era * 400;
  const std::int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

[[nodiscard]] std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

/// A fixed number of digits; false when they are not there.
bool take_fixed(std::string_view& text, std::size_t width, std::int64_t& value) {
  if (text.size() < width) return false;
  value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (!is_digit(text[i])) return false;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return true;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// Seconds east of UTC; none when malformed.
std::optional<std::int64_t> take_zone(std::string_view& text) {
  if (text.empty() || take_char(text, "Z")) return 0;
  const std::int64_t sign = text.front() == '-' ? -1 : 1;
  std::int64_t hours = 0;
  std::int64_t minutes = 0;
  if (!take_char(text, "+-") || !take_fixed(text, 2, hours)) return std::nullopt;
  static_cast<void>(take_char(text, ":"));
  if (!take_fixed(text, 2, minutes) || hours > 14 || minutes > 59) return std::nullopt;
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

ExactNumber parse_decimal(std::string_view text, int scale) {
  const std::optional<DecimalText> number = split_decimal(text);
  if (!number) return {0, NumberFault::not_a_number};
  if (all_zero(*number)) return {0, NumberFault::none};
  if (number->negative) return {0, NumberFault::negative};
  const std::int64_t point =
      static_cast<std::int64_t>(number->whole.size()) + number->exponent + scale;
  if (point < 0) return {0, NumberFault::none};
  std::int64_t value = 0;
  for (std::int64_t i = 0; i < point; ++i) {
    if (value > kLargestExact / 10 - 1) return {0, NumberFault::too_large};
    value = value * 10 + number->digit(i);
  }
  if (number->digit(point) >= 5) ++value;
  return {value, NumberFault::none};
}

ExactNumber parse_whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value >= 0) {
    return {value, NumberFault::none};
  }
  constexpr std::int64_t kBillion = 1'000'000'000;
  const ExactNumber scaled = parse_decimal(text, 9);
  if (scaled.fault != NumberFault::none) return scaled;
  if (scaled.value % kBillion != 0) return {0, NumberFault::not_a_number};
  return {scaled.value / kBillion, NumberFault::none};
}

std::optional<std::int64_t> parse_date_time(std::string_view text) {
  std::int64_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!take_fixed(text, 4, year) || !take_char(text, "-") || !take_fixed(text, 2, month) ||
      !take_char(text, "-") || !take_fixed(text, 2, day) || !take_char(text, " T") ||
      !take_fixed(text, 2, hour) || !take_char(text, ":") || !take_fixed(text, 2, minute) ||
      !take_char(text, ":") || !take_fixed(text, 2, second)) {
    return std::nullopt;
  }
  if (year < 1970 || year > 2100 || month < 1 || month > 12 || day < 1 ||
      day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  std::int64_t fraction = 0;
  if (take_char(text, ".")) {
    const std::string_view digits = take_digits(text);
    if (digits.empty()) return std::nullopt;
    for (std::size_t i = 0; i < 9; ++i) {
      fraction = fraction * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    }
    if (digits.size() > 9 && digits[9] >= '5') ++fraction;
  }
  const std::optional<std::int64_t> zone = take_zone(text);
  if (!zone || !text.empty()) return std::nullopt;
  const std::int64_t at =
      days_since_1970(year, month, day) * 86'400 + hour * 3600 + minute * 60 + second - *zone;
  if (at < 0) return std::nullopt;
  return at * 1'000'000'000 + fraction;
}

std::size_t write_seconds(std::int64_t ns, char* out) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  char* end = std::to_chars(out, out + 20, ns / kBillion).ptr;
  std::int64_t fraction = ns % kBillion;
  if (fraction != 0) {
    *end++ = '.';
    for (std::int64_t place = kBillion / 10; fraction != 0; place /= 10) {
      *end++ = static_cast<char>('0' + fraction / place);
      fraction %= place;
    }
  }
  return static_cast<std::size_t>(end - out);
}

}  // namespace headroom
