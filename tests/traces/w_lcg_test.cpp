#include "traces/w_lcg.h"

#include <cmath>

#include "tests/catch.h"

using namespace headroom;

TEST_CASE("W-LCG gives the published sums and first requests") {
  // 500 requests: sum of prompts 375,111 (mean 750.222), of outputs 97,779; first four (t * rate,
  // prompt, output) as an independent implementation printed them.
  WLcg generator(WLcg::Lengths::sharegpt, 1);
  std::int64_t prompts = 0;
  std::int64_t outputs = 0;
  const std::int64_t expected[4][2] = {{1858, 189}, {50, 46}, {1082, 26}, {135, 697}};
  const double times[4] = {0, 0.9915258574639174, 1.0160738, 2.1150246};
  for (int i = 0; i < 500; ++i) {
    const WLcg::Request request = generator.next();
    prompts += request.prompt.value();
    outputs += request.output.value();
    if (i >= 4) continue;
    CHECK(request.prompt.value() == expected[i][0]);
    CHECK(request.output.value() == expected[i][1]);
    CHECK(request.arrival_s == Approx(times[i]).margin(5e-8));
    if (i == 1) CHECK(request.arrival_s == Approx(times[1]).epsilon(1e-15));
  }
  CHECK(prompts == 375'111);
  CHECK(outputs == 97'779);
}

TEST_CASE("W-LCG's arrivals shrink with the rate and no request exceeds 2,047 tokens") {
  WLcg slow(WLcg::Lengths::sharegpt, 1);
  WLcg fast(WLcg::Lengths::sharegpt, 4);
  for (int i = 0; i < 2000; ++i) {
    const WLcg::Request a = slow.next();
    const WLcg::Request b = fast.next();
    REQUIRE(a.arrival_s == Approx(4 * b.arrival_s).epsilon(1e-12));
    REQUIRE(a.prompt + a.output <= Tokens(2047));
    REQUIRE(a.output >= Tokens(1));
  }
}

TEST_CASE("The 512/64 variant draws one number a request") {
  // The second uniform of the full workload is the up of its first request: prompt 1,858 =
  // quantile(u); here it times the second arrival. From x0 = 20240717 the recurrence gives x2 /
  // 2^31 and so t_1 = -ln(1 - u2).
  WLcg generator(WLcg::Lengths::constant_512_64, 2);
  std::uint64_t x = 20240717;
  double t = 0;
  for (int i = 0; i < 100; ++i) {
    x = (1103515245 * x + 12345) % 2147483648;
    if (i > 0) t -= std::log(1 - static_cast<double>(x) / 2147483648.0) / 2;
    const WLcg::Request request = generator.next();
    REQUIRE(request.prompt == Tokens(512));
    REQUIRE(request.output == Tokens(64));
    REQUIRE(request.arrival_s == Approx(t).epsilon(1e-12));
  }
}
