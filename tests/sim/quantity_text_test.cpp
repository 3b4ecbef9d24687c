#include "sim/quantity_text.h"

#include <rapidcheck.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

std::string refusal(const std::function<void()>& parse) {
  try {
    parse();
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

std::string duration_refusal(const std::string& text) {
  return refusal([&] { (void)parse_duration(text, "s.json: /slo/ttft"); });
}

}  // namespace

TEST_CASE("Durations are read exactly") {
  CHECK(parse_duration("200 ms", "") == kMillisecond * 200);
  CHECK(parse_duration("200ms", "") == kMillisecond * 200);
  CHECK(parse_duration("1.5 h", "") == kSecond * 5400);
  CHECK(parse_duration("2 min", "") == kSecond * 120);
  CHECK(parse_duration("1 d", "") == kHour * 24);
  CHECK(parse_duration("3 us", "") == Duration(3000));
  CHECK(parse_duration("0 s", "") == Duration(0));
  CHECK(parse_duration("1e3 ns", "") == Duration(1000));
  CHECK(parse_duration("1.5E-3 s", "") == Duration(1'500'000));
  // 10^18 + 1 ns takes 60 bits, more than a double has, and 19 digits.
  CHECK(parse_duration("1000000000.000000001 s", "") == Duration(1'000'000'000'000'000'001));
  // Halves up: 0.5 ns is 1 ns, 1.4 ns is 1 ns.
  CHECK(parse_duration("0.5 ns", "") == Duration(1));
  CHECK(parse_duration("1.4 ns", "") == Duration(1));
  // More than 19 digits fall back to doubles: 1/8 s to far more digits than matter.
  CHECK(parse_duration("0.12500000000000000000000 s", "") == Duration(125'000'000));
}

TEST_CASE("Bytes know powers of 1000 and of 1024") {
  CHECK(parse_bytes("80 GiB", "") == Bytes(85'899'345'920));
  CHECK(parse_bytes("80 GB", "") == Bytes(80'000'000'000));
  CHECK(parse_bytes("4 kB", "") == Bytes(4000));
  CHECK(parse_bytes("4 KiB", "") == Bytes(4096));
  CHECK(parse_bytes("141.2 GB", "") == Bytes(141'200'000'000));
  CHECK(parse_bytes("1024 PiB", "") == Bytes(std::int64_t{1} << 60));
}

TEST_CASE("Rates of every kind are read in base units") {
  CHECK(parse_bandwidth("900 GB/s", "").value() == 9e11);
  CHECK(parse_bandwidth("400 Gbit/s", "").value() == 5e10);  // 400e9 / 8
  CHECK(parse_bandwidth("400 Gb/s", "").value() == 5e10);
  CHECK(parse_bandwidth("400 Gbps", "").value() == 5e10);
  CHECK(parse_bandwidth("3.35 TB/s", "").value() == Approx(3.35e12).epsilon(1e-15));
  CHECK(parse_rate("8 req/s", "").value() == 8);
  CHECK(parse_rate("8/s", "").value() == 8);
  CHECK(parse_rate("480/min", "").value() == 8);
  CHECK(parse_rate("28800 req/h", "").value() == 8);
  CHECK(parse_price("2.5 USD/h", "").value() == 2.5);
  CHECK(parse_money("12 USD", "").value() == 12);
  CHECK(parse_power("700 W", "").value() == 700);
  CHECK(parse_power("10.2 kW", "").value() == Approx(10200).epsilon(1e-15));
  CHECK(parse_energy("1 kWh", "").value() == 3.6e6);
  CHECK(parse_flops("14 GFLOP", "").value() == 14e9);
  CHECK(parse_flop_rate("989 TFLOP/s", "").value() == 989e12);
}

TEST_CASE("A refusal names place, expectation, units, finding and remedy") {
  const std::string start =
      "s.json: /slo/ttft: expected a duration such as \"200 ms\" (units: ns, us, ms, s, min, h, "
      "d), "
      "got ";
  CHECK(duration_refusal("200") == start + "\"200\"; add the unit");
  CHECK(duration_refusal("-1 s") == start + "\"-1 s\"; it cannot be negative");
  CHECK(duration_refusal("2 hours") == start + "\"2 hours\"; write 'h' for the unit");
  CHECK(duration_refusal("2 Ms") == start + "\"2 Ms\"; unknown unit \"Ms\"; did you mean 'ms'?");
  CHECK(duration_refusal("nan s") == start + "\"nan s\"; start with a number");
  CHECK(duration_refusal("36526 d") == start + "\"36526 d\"; it may be at most 36525 d");
  CHECK(duration_refusal("0.4 ns") == start + "\"0.4 ns\"; it is less than half of 1 ns");
}

TEST_CASE("What is not one number and one unit is refused") {
  for (const char* text : {"",
                           " ",
                           "s",
                           "inf s",
                           "NaN ms",
                           "infinity s",
                           " 1 s",
                           "1 s ",
                           "1 s 2 ms",
                           "1,5 s",
                           "1. s",
                           ".5 s",
                           "+1 s",
                           "--1 s",
                           "0x10 s",
                           "1e s",
                           "1e+ s",
                           "1_000 s",
                           "1\ts",
                           "1 s\n",
                           "1e400 s",
                           "1e-400 s",
                           "1e99999999999 s",
                           "99999999999999999999999 s",
                           "1 GB",
                           "5 m"}) {
    CAPTURE(text);
    CHECK(duration_refusal(text).find("s.json: /slo/ttft: expected a duration") == 0);
  }
  CHECK(duration_refusal(std::string("1 s\0", 4)) != "accepted");
  for (const char* text : {"4 KB", "80", "80 Gb", "-1 B", "1e30 B", "0.2 B", "1025 PiB"}) {
    CAPTURE(text);
    CHECK(refusal([&] { (void)parse_bytes(text, ""); }).find("expected an amount of memory") == 0);
  }
  for (const char* text : {"900 GB", "1e40 B/s", "1e-40 B/s", "nan B/s", "-3 GB/s", "1e999 B/s"}) {
    CAPTURE(text);
    CHECK(refusal([&] { (void)parse_bandwidth(text, ""); }).find("expected a bandwidth") == 0);
  }
  for (const char* text : {"8", "8 rps", "-8/s", "8 per s"}) {
    CAPTURE(text);
    CHECK(refusal([&] { (void)parse_rate(text, ""); }).find("expected a rate") == 0);
  }
  CHECK(refusal([] { (void)parse_price("2.5 USD", ""); }).find("did you mean 'USD/h'?") !=
        std::string::npos);
}

TEST_CASE("Plain numbers are read within their bounds") {
  CHECK(parse_number("0.25", 0, 1, "") == 0.25);
  CHECK(parse_number("-3e2", -1000, 0, "") == -300);
  CHECK(parse_integer("-7", -10, 10, "") == -7);
  CHECK(parse_integer("9223372036854775807", 0, std::numeric_limits<std::int64_t>::max(), "") ==
        std::numeric_limits<std::int64_t>::max());
  for (const char* text : {"", "-", "nan", "inf", "1.5x", "2", "-0.1", "1e999", "0x1p-1"}) {
    CAPTURE(text);
    CHECK(refusal([&] {
            (void)parse_number(text, 0, 1, "f");
          }).find("f: expected a number from 0") == 0);
  }
  for (const char* text : {"", "-", "1.0", "11", "-11", "1e0", "9223372036854775808", " 1"}) {
    CAPTURE(text);
    CHECK(refusal([&] { (void)parse_integer(text, -10, 10, "f"); }).find("f: expected a whole") ==
          0);
  }
}

TEST_CASE("Durations and bytes print in the unit that suits them") {
  CHECK(to_text(Duration(0)) == "0 s");
  CHECK(to_text(kMillisecond * 200) == "200 ms");
  CHECK(to_text(kMillisecond * 1500) == "1.5 s");
  CHECK(to_text(kSecond * 90) == "90 s");
  CHECK(to_text(kSecond * 7200) == "2 h");
  CHECK(to_text(Duration(1'000'001)) == "1000.001 us");
  CHECK(to_text(Duration(999)) == "999 ns");
  CHECK(to_text(Duration(-1500)) == "-1.5 us");
  CHECK(to_text(Bytes(85'899'345'920)) == "80 GiB");
  CHECK(to_text(Bytes(4'000'000'000)) == "4 GB");
  CHECK(to_text(Bytes(1025)) == "1025 B");
  CHECK(to_text(Bytes(0)) == "0 B");
  CHECK(to_text(BytesPerSecond(9e11)) == "900 GB/s");
  CHECK(to_text(PerSecond(8)) == "8 req/s");
  CHECK(to_text(UsdPerHour(2.5)) == "2.5 USD/h");
  CHECK(to_text(Watts(700)) == "700 W");
  CHECK(to_text(FlopsPerSecond(989e12)) == "989 TFLOP/s");
  CHECK(to_text(0.1) == "0.1");
}

TEST_CASE("Parsing what was printed gives the same value back") {
  CHECK(rc::check("durations and bytes", [] {
    const auto shift = *rc::gen::inRange(2, 62);
    const auto value =
        static_cast<std::int64_t>(*rc::gen::arbitrary<std::uint64_t>() >> 2 >> (shift - 2));
    if (value <= std::int64_t{36525} * 86'400'000'000'000) {
      RC_ASSERT(parse_duration(to_text(Duration(value)), "") == Duration(value));
    }
    if (value <= std::int64_t{1} << 60) {
      RC_ASSERT(parse_bytes(to_text(Bytes(value)), "") == Bytes(value));
    }
  }));
  CHECK(rc::check("real quantities", [] {
    const auto mantissa = static_cast<double>(*rc::gen::arbitrary<std::uint32_t>());
    const double value = mantissa / 7 * std::pow(10.0, *rc::gen::inRange(-15, 15));
    RC_ASSERT(parse_bandwidth(to_text(BytesPerSecond(value)), "").value() == value);
    RC_ASSERT(parse_flop_rate(to_text(FlopsPerSecond(value)), "").value() == value);
    RC_ASSERT(parse_energy(to_text(Joules(value)), "").value() == value);
    RC_ASSERT(parse_rate(to_text(PerSecond(value)), "").value() == value);
    RC_ASSERT(parse_number(to_text(value), 0, 1e300, "") == value);
  }));
}

TEST_CASE("Any bytes give a value or an InputError") {
  CHECK(rc::check("random text over the letters of quantities", [] {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::oneOf(rc::gen::element('0', '1', '9', '.', 'e', '-', '+', ' ', 's', 'm', 'G', 'i',
                                        'B', '/', 'b', 'U'),
                       rc::gen::arbitrary<char>()));
    for (const auto& parse : std::vector<std::function<void()>>{
             [&] { (void)parse_duration(text, ""); }, [&] { (void)parse_bytes(text, ""); },
             [&] { (void)parse_bandwidth(text, ""); }, [&] { (void)parse_price(text, ""); },
             [&] { (void)parse_number(text, -1, 1, ""); },
             [&] { (void)parse_integer(text, -1, 1, ""); }}) {
      const std::string message = refusal(parse);
      RC_ASSERT(message == "accepted" || message.find("expected ") == 0);
      RC_ASSERT(message.size() < 700);  // however long the text
    }
  }));
}

TEST_CASE("A text in lower case keeps all that is not A to Z") {
  CHECK(lower_case("NVIDIA H100_SXM-80\xc3\x84") == "nvidia h100_sxm-80\xc3\x84");
}

TEST_CASE("The nearest name is the one with the fewest edits, the first of equals") {
  const std::vector<std::string> names{"round-robin", "random", "least-outstanding",
                                       "power-of-two"};
  CHECK(nearest_name("round_robin", names) == "round-robin");
  CHECK(nearest_name("roundrobin", names) == "round-robin");
  CHECK(nearest_name("randmo", names) == "random");  // two neighbours swapped: one edit
  CHECK(nearest_name("Random", names) == "random");  // case: half an edit
  CHECK(nearest_name("power-of-2", names) == "power-of-two");
  CHECK(nearest_name("fastest", names).empty());
  CHECK(nearest_name("", names).empty());
  CHECK(nearest_name("x", std::vector<std::string>{"y"}).empty());
  CHECK(nearest_name("bat", std::vector<std::string>{"cat", "hat"}) == "cat");
  CHECK(nearest_name(std::string(100'000, 'a'), names).empty());
  CHECK(did_you_mean("randm", names) == "; did you mean 'random'?");
  CHECK(did_you_mean("fastest", names).empty());
}

TEST_CASE("Quoted text is bounded and printable") {
  CHECK(quoted("abc") == "\"abc\"");
  CHECK(quoted("a\"b\\") == "\"a\\\"b\\\\\"");
  CHECK(quoted("\x01\xff\n") == "\"\\x01\\xff\\x0a\"");
  CHECK(quoted(std::string(61, 'a')) == "\"" + std::string(60, 'a') + "\"...");
}
