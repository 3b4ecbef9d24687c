#include "traces/csv_fields.h"

#include <rapidcheck.h>

#include "tests/catch.h"

using namespace headroom;

TEST_CASE("A line splits at commas outside quotes, blanks around fields aside") {
  CsvFields fields;
  REQUIRE(fields.split(R"(1, two ,"three, four","a ""b""",)"));
  REQUIRE(fields.size() == 5);
  CHECK(fields[0] == "1");
  CHECK(fields[1] == "two");
  CHECK(fields[2] == "three, four");
  CHECK(fields[3] == "a \"b\"");
  CHECK(fields[4].empty());
  CHECK(fields.offset(1) == 3);
  CHECK(fields.offset(2) == 8);
}

TEST_CASE("An empty line is one empty field") {
  CsvFields fields;
  REQUIRE(fields.split(""));
  CHECK(fields.size() == 1);
}

TEST_CASE("A quote that is not closed, or followed by text, is refused at its place") {
  CsvFields fields;
  CHECK_FALSE(fields.split(R"(1,"two)"));
  CHECK(fields.fault_offset() == 2);
  CHECK_FALSE(fields.split(R"(1,"two"x,3)"));
  CHECK(fields.fault_offset() == 7);
}

TEST_CASE("Fields written with quotes come back") {
  CHECK(rc::check([](const std::vector<std::string>& values) {
    RC_PRE(!values.empty());
    std::string line;
    for (std::size_t i = 0; i < values.size(); ++i) {
      line += i > 0 ? ",\"" : "\"";
      for (const char c : values[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
      line += '"';
    }
    CsvFields fields;
    RC_ASSERT(fields.split(line));
    RC_ASSERT(fields.size() == values.size());
    for (std::size_t i = 0; i < values.size(); ++i) RC_ASSERT(fields[i] == values[i]);
  }));
}
