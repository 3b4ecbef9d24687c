#include "sim/quantity_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

/// One accepted unit: amount in base units = number * times / per.
struct Unit {
  std::string_view name;
  double times = 1;
  double per = 1;
};

/// What one kind of quantity accepts. `most` is in base units.
struct Kind {
  std::string_view noun;     ///< with its article
  std::string_view example;  ///< a text that is accepted
  std::span<const Unit> units;
  double most;
  std::string_view most_text;
};

// SI prefixes are powers of 1000, IEC prefixes powers of 1024 (IEC 80000-13).
constexpr double kKi = 0x1p10, kMi = 0x1p20, kGi = 0x1p30, kTi = 0x1p40, kPi = 0x1p50;

constexpr Unit kDurationUnits[] = {{"ns"},        {"us", 1e3},   {"ms", 1e6},   {"s", 1e9},
                                   {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}};
constexpr Unit kByteUnits[] = {{"B"},        {"kB", 1e3},  {"MB", 1e6},  {"GB", 1e9},
                               {"TB", 1e12}, {"PB", 1e15}, {"KiB", kKi}, {"MiB", kMi},
                               {"GiB", kGi}, {"TiB", kTi}, {"PiB", kPi}};
constexpr Unit kBandwidthUnits[] = {{"B/s"},
                                    {"kB/s", 1e3},
                                    {"MB/s", 1e6},
                                    {"GB/s", 1e9},
                                    {"TB/s", 1e12},
                                    {"KiB/s", kKi},
                                    {"MiB/s", kMi},
                                    {"GiB/s", kGi},
                                    {"TiB/s", kTi},
                                    {"bit/s", 1, 8},
                                    {"kbit/s", 1e3, 8},
                                    {"Mbit/s", 1e6, 8},
                                    {"Gbit/s", 1e9, 8},
                                    {"Tbit/s", 1e12, 8},
                                    {"Mb/s", 1e6, 8},
                                    {"Gb/s", 1e9, 8},
                                    {"Tb/s", 1e12, 8},
                                    {"Mbps", 1e6, 8},
                                    {"Gbps", 1e9, 8},
                                    {"Tbps", 1e12, 8}};
constexpr Unit kRateUnits[] = {{"req/s"}, {"req/min", 1, 60}, {"req/h", 1, 3600},
                               {"/s"},    {"/min", 1, 60},    {"/h", 1, 3600}};
constexpr Unit kMoneyUnits[] = {{"USD"}};
constexpr Unit kPriceUnits[] = {{"USD/h"}};
constexpr Unit kPowerUnits[] = {{"W"}, {"mW", 1, 1e3}, {"kW", 1e3}, {"MW", 1e6}};
constexpr Unit kEnergyUnits[] = {{"J"},          {"kJ", 1e3},     {"MJ", 1e6},
                                 {"Wh", 3600.0}, {"kWh", 3600e3}, {"MWh", 3600e6}};
constexpr Unit kFlopUnits[] = {{"FLOP"},        {"MFLOP", 1e6},  {"GFLOP", 1e9},
                               {"TFLOP", 1e12}, {"PFLOP", 1e15}, {"EFLOP", 1e18}};
constexpr Unit kFlopRateUnits[] = {{"FLOP/s"},        {"MFLOP/s", 1e6},  {"GFLOP/s", 1e9},
                                   {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}, {"EFLOP/s", 1e18}};

// 100 years of nanoseconds and 2^60 bytes leave sums of a few of them within 63 bits.
constexpr double kMostNs = 36525 * 86400e9;
constexpr double kMostBytes = 0x1p60;
// Far above every machine, and far from where products of doubles overflow.
constexpr double kMostReal = 1e30;
constexpr std::string_view kMostRealText = "1e30 of the base unit";

constexpr Kind kDuration{"a duration", "200 ms", kDurationUnits, kMostNs, "36525 d"};
constexpr Kind kBytes{"an amount of memory", "80 GiB", kByteUnits, kMostBytes, "1024 PiB"};
constexpr Kind kBandwidth{"a bandwidth", "900 GB/s", kBandwidthUnits, kMostReal, kMostRealText};
constexpr Kind kRate{"a rate", "8 req/s", kRateUnits, kMostReal, kMostRealText};
constexpr Kind kMoney{"an amount of money", "2.5 USD", kMoneyUnits, kMostReal, kMostRealText};
constexpr Kind kPrice{"a price", "2.5 USD/h", kPriceUnits, kMostReal, kMostRealText};
constexpr Kind kPower{"a power", "700 W", kPowerUnits, kMostReal, kMostRealText};
constexpr Kind kEnergy{"an energy", "3.6 MJ", kEnergyUnits, kMostReal, kMostRealText};
constexpr Kind kFlops{"an amount of work", "14 GFLOP", kFlopUnits, kMostReal, kMostRealText};
constexpr Kind kFlopRate{"a compute rate", "989 TFLOP/s", kFlopRateUnits, kMostReal, kMostRealText};

/// Spellings that people use and we do not take, with the unit that they mean. Some are nearer to a
/// wrong unit by letters ("hours" to "us"), so they are looked up before letters are compared.
constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
    {"sec", "s"},           {"second", "s"},       {"seconds", "s"},       {"msec", "ms"},
    {"milliseconds", "ms"}, {"usec", "us"},        {"microseconds", "us"}, {"\xc2\xb5s", "us"},
    {"nanoseconds", "ns"},  {"m", "min"},          {"mins", "min"},        {"minute", "min"},
    {"minutes", "min"},     {"hr", "h"},           {"hour", "h"},          {"hours", "h"},
    {"day", "d"},           {"days", "d"},         {"byte", "B"},          {"bytes", "B"},
    {"rps", "req/s"},       {"qps", "req/s"},      {"RPS", "req/s"},       {"QPS", "req/s"},
    {"Hz", "req/s"},        {"rpm", "req/min"},    {"$/h", "USD/h"},       {"$/hr", "USD/h"},
    {"$/hour", "USD/h"},    {"USD/hr", "USD/h"},   {"USD/hour", "USD/h"},  {"$", "USD"},
    {"dollars", "USD"},     {"watts", "W"},        {"watt", "W"},          {"GBps", "GB/s"},
    {"TFLOPS", "TFLOP/s"},  {"PFLOPS", "PFLOP/s"}, {"GFLOPS", "GFLOP/s"},  {"joules", "J"}};

[[noreturn]] void refuse(const Kind& kind, std::string_view text, const std::string& where,
                         const std::string& remedy) {
  std::string units;
  for (const Unit& unit : kind.units) {
    if (!units.empty()) units += ", ";
    units += unit.name;
  }
  throw InputError(where, "expected " + std::string(kind.noun) + " such as \"" +
                              std::string(kind.example) + "\" (units: " + units + "), got " +
                              quoted(text) + "; " + remedy);
}

// Reading
// -----------------------------------------------------------------------------------------------------------

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Length of the decimal number at the front of `text`: digits[.digits][e[+-]digits]; 0 when there
/// is none.
std::size_t number_length(std::string_view text) {
  const auto digits_from = [text](std::size_t at) {
    while (at < text.size() && is_digit(text[at])) ++at;
    return at;
  };
  std::size_t end = digits_from(0);
  if (end == 0) return 0;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
    end = digits_from(end + 1);
  }
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    std::size_t at = end + 1;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (at < text.size() && is_digit(text[at])) end = digits_from(at);
  }
  return end;
}

/// The number as a double, to nearest; nothing when out of range.
std::optional<double> real_value(std::string_view number) {
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  return value;
}

/// number = mantissa * 10^exponent.
struct Decimal {
  Int128 mantissa = 0;
  int exponent = 0;
};

/// Nothing when the number has more than 19 significant digits (what the largest 63-bit amount has)
/// or an exponent beyond four digits.
std::optional<Decimal> exact_value(std::string_view number) {
  Decimal value;
  int digits = 0;
  std::size_t fraction = 0;
  bool after_point = false;
  std::size_t i = 0;
  for (; i < number.size() && number[i] != 'e' && number[i] != 'E'; ++i) {
    if (number[i] == '.') {
      after_point = true;
      continue;
    }
    if (after_point) ++fraction;
    if (digits == 0 && number[i] == '0') continue;
    if (++digits > 19) return std::nullopt;
    value.mantissa = value.mantissa * 10 + (number[i] - '0');
  }
  int exponent = 0;
  if (i < number.size()) {
    ++i;
    if (number[i] == '+') ++i;
    const auto result = std::from_chars(number.data() + i, number.data() + number.size(), exponent);
    if (result.ec != std::errc() || exponent > 9999 || exponent < -9999) return std::nullopt;
  }
  if (fraction > 9999) return std::nullopt;
  value.exponent = exponent - static_cast<int>(fraction);
  return value;
}

/// value * scale to the nearest integer, halves up; nothing when above `most`. Requires scale <=
/// 2^50.
std::optional<std::int64_t> scaled(Decimal value, std::int64_t scale, std::int64_t most) {
  // At most 10^19 * 2^50 < 2^114.
  Int128 amount = value.mantissa * scale;
  if (amount == 0) return 0;
  for (int e = value.exponent; e > 0; --e) {
    amount *= 10;
    if (amount > most) return std::nullopt;
  }
  if (value.exponent < -36) return 0;  // below 2^114 / 10^37 < 1/2
  Int128 divisor = 1;
  for (int e = value.exponent; e < 0; ++e) divisor *= 10;
  amount = (amount + divisor / 2) / divisor;
  if (amount > most) return std::nullopt;
  return static_cast<std::int64_t>(amount);
}

/// Number and unit of a text.
struct Reading {
  std::string_view number;
  const Unit* unit = nullptr;
};

[[noreturn]] void refuse_unit(const Kind& kind, std::string_view text, std::string_view word,
                              const std::string& where) {
  std::vector<std::string> names;
  for (const Unit& unit : kind.units) names.emplace_back(unit.name);
  for (const auto& [spelling, meant] : kSpellings) {
    if (spelling == word && std::find(names.begin(), names.end(), meant) != names.end()) {
      refuse(kind, text, where, "write '" + std::string(meant) + "' for the unit");
    }
  }
  refuse(kind, text, where, "unknown unit " + quoted(word) + did_you_mean(word, names));
}

Reading read(const Kind& kind, std::string_view text, const std::string& where) {
  if (!text.empty() && text[0] == '-') refuse(kind, text, where, "it cannot be negative");
  const std::size_t length = number_length(text);
  if (length == 0) refuse(kind, text, where, "start with a number");
  std::string_view word = text.substr(length);
  while (!word.empty() && word[0] == ' ') word.remove_prefix(1);
  if (word.empty()) refuse(kind, text, where, "add the unit");
  for (const Unit& unit : kind.units) {
    if (unit.name == word) return {text.substr(0, length), &unit};
  }
  refuse_unit(kind, text, word, where);
}

/// Whole base units.
std::int64_t read_whole(const Kind& kind, std::string_view text, const std::string& where) {
  const Reading reading = read(kind, text, where);
  const auto scale = static_cast<std::int64_t>(reading.unit->times);
  const auto most = static_cast<std::int64_t>(kind.most);
  const std::optional<Decimal> exact = exact_value(reading.number);
  const std::optional<double> real = real_value(reading.number);
  std::optional<std::int64_t> amount;
  if (exact) {
    amount = scaled(*exact, scale, most);
  } else if (real && *real * reading.unit->times <= kind.most) {
    amount = static_cast<std::int64_t>(*real * reading.unit->times + 0.5);
  }
  // from_chars calls both too large and too small numbers out of range; the exact reading tells
  // them apart.
  if (!amount) refuse(kind, text, where, "it may be at most " + std::string(kind.most_text));
  const bool zero = exact ? exact->mantissa == 0 : real && *real == 0;
  if (*amount == 0 && !zero) {
    refuse(kind, text, where, "it is less than half of 1 " + std::string(kind.units[0].name));
  }
  return *amount;
}

double read_real(const Kind& kind, std::string_view text, const std::string& where) {
  const Reading reading = read(kind, text, where);
  const std::optional<double> number = real_value(reading.number);
  const double amount = number ? *number * reading.unit->times / reading.unit->per : kind.most * 2;
  if (!(amount <= kind.most)) {
    refuse(kind, text, where, "it is out of range: at most " + std::string(kind.most_text));
  }
  if (*number > 0 && amount < 1e-30) refuse(kind, text, where, "it is too small to tell from 0");
  return amount;
}

// Printing
// ----------------------------------------------------------------------------------------------------------

std::string shortest(double value) {
  char buffer[32];  // the longest shortest form of a double has 24 characters
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, result.ptr);
}

/// The first of `names` (largest unit first, base unit last) that is not above the amount and reads
/// back exactly.
std::string print_real(const Kind& kind, std::span<const std::string_view> names, double amount) {
  for (const std::string_view name : names) {
    const auto unit = std::find_if(kind.units.begin(), kind.units.end(),
                                   [name](const Unit& known) { return known.name == name; });
    if (amount * unit->per < unit->times) continue;
    const std::string digits = shortest(amount / unit->times * unit->per);
    const std::optional<double> back = real_value(digits);
    if (back && *back * unit->times / unit->per == amount) return digits + " " + std::string(name);
  }
  return shortest(amount) + " " + std::string(names.back());
}

constexpr std::string_view kPrintBandwidth[] = {"TB/s", "GB/s", "MB/s", "kB/s", "B/s"};
constexpr std::string_view kPrintRate[] = {"req/s"};
constexpr std::string_view kPrintMoney[] = {"USD"};
constexpr std::string_view kPrintPrice[] = {"USD/h"};
constexpr std::string_view kPrintPower[] = {"MW", "kW", "W"};
constexpr std::string_view kPrintEnergy[] = {"MJ", "kJ", "J"};
constexpr std::string_view kPrintFlops[] = {"EFLOP", "PFLOP", "TFLOP", "GFLOP", "MFLOP", "FLOP"};
constexpr std::string_view kPrintFlopRate[] = {"EFLOP/s", "PFLOP/s", "TFLOP/s",
                                               "GFLOP/s", "MFLOP/s", "FLOP/s"};

}  // namespace

Duration parse_duration(std::string_view text, const std::string& where) {
  return Duration(read_whole(kDuration, text, where));
}
Bytes parse_bytes(std::string_view text, const std::string& where) {
  return Bytes(read_whole(kBytes, text, where));
}
BytesPerSecond parse_bandwidth(std::string_view text, const std::string& where) {
  return BytesPerSecond(read_real(kBandwidth, text, where));
}
PerSecond parse_rate(std::string_view text, const std::string& where) {
  return PerSecond(read_real(kRate, text, where));
}
Usd parse_money(std::string_view text, const std::string& where) {
  return Usd(read_real(kMoney, text, where));
}
UsdPerHour parse_price(std::string_view text, const std::string& where) {
  return UsdPerHour(read_real(kPrice, text, where));
}
Watts parse_power(std::string_view text, const std::string& where) {
  return Watts(read_real(kPower, text, where));
}
Joules parse_energy(std::string_view text, const std::string& where) {
  return Joules(read_real(kEnergy, text, where));
}
Flops parse_flops(std::string_view text, const std::string& where) {
  return Flops(read_real(kFlops, text, where));
}
FlopsPerSecond parse_flop_rate(std::string_view text, const std::string& where) {
  return FlopsPerSecond(read_real(kFlopRate, text, where));
}

double parse_number(std::string_view text, double least, double most, const std::string& where) {
  const bool negative = !text.empty() && text[0] == '-';
  const std::string_view digits = negative ? text.substr(1) : text;
  const std::optional<double> value =
      number_length(digits) == digits.size() ? real_value(digits) : std::nullopt;
  const double signed_value = negative ? -value.value_or(0) : value.value_or(0);
  if (!value || digits.empty() || signed_value < least || signed_value > most) {
    throw InputError(where, "expected a number from " + shortest(least) + " to " + shortest(most) +
                                ", got " + quoted(text) + "; choose one within these bounds");
  }
  return signed_value;
}

std::int64_t parse_integer(std::string_view text, std::int64_t least, std::int64_t most,
                           const std::string& where) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    throw InputError(where, "expected a whole number from " + std::to_string(least) + " to " +
                                std::to_string(most) + ", got " + quoted(text) +
                                "; choose one within these bounds");
  }
  return value;
}

std::string to_text(Duration duration) {
  const std::int64_t ns = duration.value();
  if (ns == 0) return "0 s";
  if (ns == std::numeric_limits<std::int64_t>::min()) return std::to_string(ns) + " ns";
  if (ns < 0) return "-" + to_text(-duration);
  constexpr std::pair<std::string_view, std::int64_t> kWhole[] = {
      {"d", 86'400'000'000'000}, {"h", 3'600'000'000'000}, {"min", 60'000'000'000}};
  for (const auto& [name, unit] : kWhole) {
    if (ns % unit == 0) return std::to_string(ns / unit) + " " + std::string(name);
  }
  constexpr std::pair<std::string_view, std::int64_t> kDecimal[] = {
      {"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}};
  for (const auto& [name, unit] : kDecimal) {
    const std::int64_t thousandth = unit / 1000;
    if (ns < unit || ns % thousandth != 0) continue;
    std::string text = std::to_string(ns / unit);
    std::string decimals = std::to_string(1000 + ns % unit / thousandth).substr(1);
    while (!decimals.empty() && decimals.back() == '0') decimals.pop_back();
    if (!decimals.empty()) text += "." + decimals;
    return text + " " + std::string(name);
  }
  return std::to_string(ns) + " ns";
}

std::string to_text(Bytes bytes) {
  if (bytes.value() == std::numeric_limits<std::int64_t>::min()) {
    return std::to_string(bytes.value()) + " B";
  }
  if (bytes < Bytes(0)) return "-" + to_text(-bytes);
  constexpr std::string_view kLargestFirst[] = {"PiB", "PB",  "TiB", "TB",  "GiB",
                                                "GB",  "MiB", "MB",  "KiB", "kB"};
  for (const std::string_view name : kLargestFirst) {
    for (const Unit& unit : kByteUnits) {
      const auto size = static_cast<std::int64_t>(unit.times);
      if (unit.name == name && bytes.value() != 0 && bytes.value() % size == 0) {
        return std::to_string(bytes.value() / size) + " " + std::string(name);
      }
    }
  }
  return std::to_string(bytes.value()) + " B";
}

std::string to_text(BytesPerSecond bandwidth) {
  return print_real(kBandwidth, kPrintBandwidth, bandwidth.value());
}
std::string to_text(PerSecond rate) { return print_real(kRate, kPrintRate, rate.value()); }
std::string to_text(Usd money) { return print_real(kMoney, kPrintMoney, money.value()); }
std::string to_text(UsdPerHour price) { return print_real(kPrice, kPrintPrice, price.value()); }
std::string to_text(Watts power) { return print_real(kPower, kPrintPower, power.value()); }
std::string to_text(Joules energy) { return print_real(kEnergy, kPrintEnergy, energy.value()); }
std::string to_text(Flops flops) { return print_real(kFlops, kPrintFlops, flops.value()); }
std::string to_text(FlopsPerSecond flop_rate) {
  return print_real(kFlopRate, kPrintFlopRate, flop_rate.value());
}
std::string to_text(double number) { return shortest(number); }

}  // namespace headroom
