#include "reports/watch.h"

#include "reports/text_layout.h"
#include "tests/catch.h"

using namespace headroom;

TEST_CASE("a live view is redrawn in place within 80 columns, and leaves nothing behind") {
  double clock = 0;
  std::vector<std::string> written;
  {
    Watch::Options options;
    options.title = "a title\nthat breaks" + std::string(200, 'x');
    options.requests = 1'000'000;
    options.clock = [&] { return clock; };
    options.write = [&](const std::string& text) { written.push_back(text); };
    Watch watch(options);
    FinishedRequest request;
    request.arrival = Instant(0);
    request.output = Tokens(11);
    for (int i = 0; i < 6400; ++i) {
      ClusterSample sample;
      sample.time = Instant(std::int64_t{i} * 1'000'000'000);
      sample.waiting = i;
      watch.on_sample(sample);
      request.first_token = Instant(100'000'000);
      request.finish = Instant(200'000'000);
      watch.on_finished(request);
      clock += 0.001;
    }
    const std::vector<std::string> lines = watch.picture(6.4);
    for (const std::string& line : lines) CHECK(display_width(line) <= 80);
    CHECK(lines[1].find("6400 of 1000000 requests (1 %), 1000 requests/s") != std::string::npos);
    CHECK(lines[5].find("TTFT      mean      100.0") != std::string::npos);
    CHECK(lines[6].find("TPOT      mean      10.00") != std::string::npos);
    REQUIRE(written.size() > 5);
    CHECK(written.size() < 30);
    CHECK(written[1].rfind("\033[7A", 0) == 0);
  }
  CHECK(written.back() == "\033[7A\033[J");
}

TEST_CASE("a short run draws nothing") {
  int calls = 0;
  {
    Watch watch({"t", 0, [] { return 0.0; }, [&](const std::string&) { ++calls; }});
    watch.on_sample({});
  }
  CHECK(calls == 0);
}
