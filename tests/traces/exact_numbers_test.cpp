#include "traces/exact_numbers.h"

#include <rapidcheck.h>

#include <string>

#include "tests/catch.h"

using namespace headroom;

namespace {
std::int64_t ns(std::string_view text) {
  const ExactNumber number = parse_decimal(text, 9);
  REQUIRE(number.fault == NumberFault::none);
  return number.value;
}
}  // namespace

TEST_CASE("Decimal seconds become the nearest nanosecond without passing through a double") {
  CHECK(ns("0") == 0);
  CHECK(ns("-0.0") == 0);
  CHECK(ns("3501.721937") == 3'501'721'937'000);
  CHECK(ns("19440110.0") == 19'440'110'000'000'000);
  CHECK(ns("0.20793754160099873") == 207'937'542);
  CHECK(ns("1e-9") == 1);
  CHECK(ns("9.6e-05") == 96'000);
  CHECK(ns("1.5E3") == 1'500'000'000'000);
  CHECK(ns("0.0000000004999999999999") == 0);
  CHECK(ns("0.0000000005") == 1);
  CHECK(ns("1e-9999") == 0);
  CHECK(ns("0e9999") == 0);
  // 1787267980.0827403 is not a double: the nearest ones lie 238 ns apart.
  CHECK(ns("1787267980.0827403") == 1'787'267'980'082'740'300);
}

TEST_CASE("What is no number, negative or out of range is told apart") {
  for (const char* text : {"", ".", "-", "e5", "nan", "NaN", "inf", "1e", "1e+", "1,5", "0x10",
                           "1 ", " 1", "1.2.3", "--1"}) {
    INFO(text);
    CHECK(parse_decimal(text, 9).fault == NumberFault::not_a_number);
  }
  CHECK(parse_decimal("-1", 9).fault == NumberFault::negative);
  CHECK(parse_decimal("-0.0000001", 9).fault == NumberFault::negative);
  CHECK(parse_decimal("1e18", 9).fault == NumberFault::too_large);
  CHECK(parse_decimal("1e9999999999999", 9).fault == NumberFault::too_large);
  CHECK(parse_decimal(std::string(1000, '9'), 0).fault == NumberFault::too_large);
}

TEST_CASE("Whole numbers may be written with a zero fraction, as data frames write them") {
  CHECK(parse_whole("63").value == 63);
  CHECK(parse_whole("63.0").value == 63);
  CHECK(parse_whole("6.3e1").value == 63);
  CHECK(parse_whole("63.5").fault == NumberFault::not_a_number);
  CHECK(parse_whole("-63").fault == NumberFault::negative);
  CHECK(parse_whole("99999999999999999999").fault == NumberFault::too_large);
}

TEST_CASE("Seconds written by write_seconds read back as the same nanoseconds") {
  CHECK(rc::check([] {
    const auto value = *rc::gen::inRange<std::int64_t>(0, kLargestExact);
    char text[40];
    const std::size_t size = write_seconds(value, text);
    RC_ASSERT(parse_decimal({text, size}, 9).value == value);
  }));
}

TEST_CASE("Dates follow the calendar, fractions of any length and the zone") {
  // `date -u -d '2024-05-10 00:00:00' +%s` gives 1715299200.
  constexpr std::int64_t kMay = 1'715'299'200'000'000'000;
  CHECK(*parse_date_time("2024-05-10 00:00:00.009930+00:00") == kMay + 9'930'000);
  CHECK(*parse_date_time("2024-05-10T00:00:00Z") == kMay);
  CHECK(*parse_date_time("2024-05-10 02:30:00+02:30") == kMay);
  CHECK(*parse_date_time("2024-05-09 23:00:00-0100") == kMay);
  CHECK(*parse_date_time("2024-05-10 00:00:00.1234567895") == kMay + 123'456'790);
  CHECK(*parse_date_time("1970-01-01 00:00:00") == 0);
  CHECK(*parse_date_time("2024-03-01 00:00:00") - *parse_date_time("2024-02-29 00:00:00") ==
        86'400'000'000'000);
  CHECK(*parse_date_time("2023-11-16 18:15:50.9951690") -
            *parse_date_time("2023-11-16 18:15:46.6805900") ==
        4'314'579'000);
}

TEST_CASE("What is no date and time is refused") {
  for (const char* text :
       {"", "XXX", "2023-02-29 00:00:00", "2024-13-01 00:00:00", "2024-00-01 00:00:00",
        "2024-05-10", "2024-05-10 24:00:00", "2024-05-10 00:60:00", "2024-05-10 00:00:60",
        "2024-05-10 00:00:00.", "2024-05-10 00:00:00 ", "2024-05-10 00:00:00+1:00",
        "1969-12-31 23:59:59", "1970-01-01 00:00:00+01:00", "9999-01-01 00:00:00",
        "24-05-10 00:00:00"}) {
    INFO(text);
    CHECK_FALSE(parse_date_time(text).has_value());
  }
}
