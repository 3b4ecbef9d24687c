#include "reports/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

namespace headroom {
namespace {

/// Decimal exponent of `value` after rounding to `digits` significant digits.
int rounded_exponent(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);
  std::string_view exponent(text);
  exponent.remove_prefix(text.find('e') + 1);
  if (exponent.front() == '+') exponent.remove_prefix(1);
  int result = 0;
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), result);
  return result;
}

}  // namespace

std::string significant(double value, int digits) {
  if (!std::isfinite(value)) return "n/a";
  if (value == 0) return "0";
  const int exponent = rounded_exponent(value, digits);
  if (exponent >= 9 || exponent < -6) return fmt::format("{:.{}e}", value, digits - 1);
  return fmt::format("{:.{}f}", value, std::max(0, digits - 1 - exponent));
}

std::string or_dash(const std::optional<double>& value) {
  return value ? significant(*value) : "-";
}

std::string percent(double share) {
  if (!std::isfinite(share)) return "n/a";
  const double hundred = share * 100;
  if (share > 0 && hundred < 0.005) return "<0.01 %";
  if (share < 1 && hundred >= 99.995) return "99.99 %";
  return fmt::format("{:.2f} %", hundred);
}

double nine_digits(double value) {
  if (!std::isfinite(value)) return value;
  const std::string text = fmt::format("{:.8e}", value);
  double result = 0;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

std::string exact_decimal(std::int64_t ns, int decimals) {
  std::uint64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  // Negated as unsigned, so that the most negative value has a magnitude too.
  const auto bits = static_cast<std::uint64_t>(ns);
  const std::uint64_t magnitude = ns < 0 ? ~bits + 1 : bits;
  return fmt::format("{}{}.{:0{}}", ns < 0 ? "-" : "", magnitude / unit, magnitude % unit,
                     decimals);
}

std::string hex64(std::uint64_t value) { return fmt::format("{:016x}", value); }

}  // namespace headroom
