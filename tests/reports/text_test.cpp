#include <rapidcheck.h>

#include <limits>
#include <string>
#include <vector>

#include "reports/number_text.h"
#include "reports/sparkline.h"
#include "reports/text_layout.h"
#include "tests/catch.h"

namespace headroom {
namespace {

TEST_CASE(
    "numbers print with the asked significant digits and no scientific notation in everyday "
    "range") {
  CHECK(significant(0) == "0");
  CHECK(significant(1234567) == "1234567");
  CHECK(significant(12.3456) == "12.35");
  CHECK(significant(0.00123456) == "0.001235");
  CHECK(significant(9.99996) == "10.00");
  CHECK(significant(-2.5, 2) == "-2.5");
  CHECK(significant(1e12) == "1.000e+12");
  CHECK(significant(std::numeric_limits<double>::infinity()) == "n/a");
  CHECK(significant(std::numeric_limits<double>::quiet_NaN()) == "n/a");
}

TEST_CASE("a percentage is 100 only when nothing is missing and 0 only when nothing is there") {
  CHECK(percent(1) == "100.00 %");
  CHECK(percent(0.999999) == "99.99 %");
  CHECK(percent(0) == "0.00 %");
  CHECK(percent(1e-9) == "<0.01 %");
  CHECK(percent(0.9721) == "97.21 %");
  CHECK(percent(1.5) == "150.00 %");
}

TEST_CASE("nanoseconds print as exact decimals") {
  CHECK(exact_decimal(1'234'567'890, 9) == "1.234567890");
  CHECK(exact_decimal(1, 6) == "0.000001");
  CHECK(exact_decimal(-5, 9) == "-0.000000005");
  CHECK(exact_decimal(std::numeric_limits<std::int64_t>::min(), 9) == "-9223372036.854775808");
}

TEST_CASE("nine digits survive and the tenth does not") {
  CHECK(nine_digits(1.0 / 3) == 0.333333333);
  CHECK(nine_digits(123456789.4) == 123456789.0);
}

TEST_CASE("printable text has no control characters and no broken UTF-8") {
  CHECK(printable("a\033[31mb\nc\x7f") == "a?[31mb c?");
  CHECK(printable("\xff\xc0\xaf") == "???");
  CHECK(printable("\xe6\x97\xa5") == "\xe6\x97\xa5");
  CHECK(printable("\xe2\x80\xae"
                  "x") == "???x");            // U+202E would turn the line around
  CHECK(printable("\xed\xa0\x80") == "???");  // half of a surrogate pair
}

TEST_CASE("cells and wrapped lines hold their width for any bytes") {
  CHECK(rc::check([](const std::string& text) {
    const std::size_t width = *rc::gen::inRange<std::size_t>(4, 40);
    RC_ASSERT(display_width(left_cell(text, width)) == width);
    RC_ASSERT(display_width(right_cell(text, width)) == width);
    for (const std::string& line : wrapped(text, width)) RC_ASSERT(display_width(line) <= width);
  }));
}

TEST_CASE("wide characters count two columns") {
  CHECK(display_width("\xe6\x97\xa5\xe6\x9c\xac") == 4);
  CHECK(shortened("\xe6\x97\xa5\xe6\x9c\xac\xe6\x97\xa5", 5) == "\xe6\x97\xa5...");
}

TEST_CASE("wrapping keeps every word") {
  CHECK(wrapped("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrapped("abcdefghij k", 4) == std::vector<std::string>{"abcd", "efgh", "ij k"});
  CHECK(wrapped("", 4).empty());
}

TEST_CASE("a sparkline shows zero as blank, anything above it, and the top as @") {
  const std::vector<double> values{0, 1e-9, 0.5, 1};
  // Ten levels ".,:;-=+*#@": a half of the top is the fifth.
  CHECK(sparkline(values, 1, 10) == " .-@");
  // Eight values in four columns: means 0, 1, 1, 0.
  const std::vector<double> many{0, 0, 1, 1, 1, 1, 0, 0};
  CHECK(sparkline(many, 1, 4) == " @@ ");
  CHECK(sparkline({}, 1, 4).empty());
  CHECK(sparkline(many, 0, 4) == "    ");
}

}  // namespace
}  // namespace headroom
