#include "models/linear_cost.h"

#include <rapidcheck.h>

#include <array>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

double prefill_ms(const CostModel& cost, std::int32_t tokens) {
  const std::array<PrefillChunk, 1> chunks{PrefillChunk{tokens, 0, 1}};
  BatchShape shape;
  shape.prefills = chunks;
  return milliseconds(cost.price(shape).stage);
}

/// simdistserve lets a request run `output` decode iterations, the first at context = prompt.
double decodes_ms(const CostModel& cost, std::int64_t prompt, std::int64_t output) {
  double sum = 0;
  for (std::int64_t i = 0; i < output; ++i) {
    BatchShape shape;
    shape.decodes = 1;
    shape.decode_context = prompt + i + 1;
    sum += milliseconds(cost.price(shape).stage);
  }
  return sum;
}

struct Single {
  const char* name;
  std::int64_t tensor;
  std::int32_t prompt;
  std::int64_t output;
  double ttft_ms;
  double decode_ms;
};

Int128 total(const CostLedger& ledger) {
  Int128 sum = 0;
  for (const auto& row : ledger.fixed_ns)
    for (const Int128 amount : row) sum += amount;
  return sum;
}

}  // namespace

// Times of a lone request as simdistserve itself prints them. By hand for vllm-13b with 512/10:
// prefill 22.05220479 + .1405092387 x 512 + 8.0765848e-6 x 512^2 + 1 (one stage) + 2 + 1e-4 x 512
// = 99.16136; decodes 10 x (23.47504101 + .0607268613 + 2) + .000592934466 x (513 + .. + 522) +
// 1e-4 x (512 + .. + 521) = 258.94261.
TEST_CASE("a lone request takes the times simdistserve prints for it") {
  const Single rows[] = {
      {"vllm-13b", 1, 1858, 189, 314.18587, 5082.01512},
      {"vllm-13b", 1, 512, 10, 99.16136, 258.94261},
      {"vllm-13b", 1, 64, 1, 34.08428, 25.58071},
      {"vllm-13b", 1, 2000, 2, 338.57702, 53.84515},
      {"distserve-13b", 1, 1858, 189, 235.22854, 4421.24202},
      {"distserve-13b", 1, 512, 10, 75.19988, 223.49299},
      {"distserve-13b", 1, 64, 1, 27.66050, 22.02036},
      {"distserve-13b", 2, 512, 10, 53.54784, 0},
  };
  for (const Single& row : rows) {
    CAPTURE(row.name, row.tensor, row.prompt);
    const auto cost = make_linear_cost(find_linear_step(row.name, row.tensor, ""), 1, 0);
    CHECK(prefill_ms(*cost, row.prompt) == Approx(row.ttft_ms).margin(1e-5));
    if (row.decode_ms > 0)
      CHECK(decodes_ms(*cost, row.prompt, row.output) == Approx(row.decode_ms).margin(1e-4));
  }
}

// 66B, prefill at tensor 4, decode at tensor 2 in two stages; 13B with two prefill stages:
// simdistserve's own output.
TEST_CASE("the stages of a pipeline add up to the times simdistserve prints") {
  const LinearStep& small = find_linear_step("distserve-13b", 1, "");
  const auto first = make_linear_cost(small, 2, 0);
  const auto second = make_linear_cost(small, 2, 1);
  CHECK(prefill_ms(*first, 512) + prefill_ms(*second, 512) == Approx(78.19988).margin(1e-5));
  CHECK(decodes_ms(*first, 512, 10) + decodes_ms(*second, 512, 10) ==
        Approx(223.49299).margin(1e-4));

  const LinearStep& prefill = find_linear_step("distserve-opt-66b", 4, "");
  const LinearStep& decode = find_linear_step("distserve-opt-66b", 2, "");
  CHECK(prefill_ms(*make_linear_cost(prefill, 1, 0), 512) == Approx(112.16553).margin(1e-5));
  CHECK(decodes_ms(*make_linear_cost(decode, 2, 0), 512, 10) +
            decodes_ms(*make_linear_cost(decode, 2, 1), 512, 10) ==
        Approx(509.54925).margin(1e-4));
}

// distserve-13b at S = 30,000: n = 94: 19.9347026 + .00062693565 x 30000 + .0385069774 x 94
// = 42.3624, and n = 95: 7.1661889 + .00057980004 x 30000 + .1583109619 x 95 = 39.5997; the extras
// add 2 + 1e-4 x (30000 - n).
TEST_CASE("the coefficient set switches at 95 requests, jump included") {
  const auto cost = make_linear_cost(find_linear_step("distserve-13b", 1, ""), 1, 0);
  CHECK(milliseconds(cost->decode_line(94, 0, 30000).at(30000)) ==
        Approx(42.362428 + 2 + 2.9906).margin(1e-4));
  CHECK(milliseconds(cost->decode_line(95, 0, 30000).at(30000)) ==
        Approx(39.599731 + 2 + 2.9905).margin(1e-4));
}

TEST_CASE("chunks of one prompt cost the same squares as the whole prompt") {
  const auto cost = make_linear_cost(find_linear_step("vllm-13b", 1, ""), 1, 0);
  const std::array<PrefillChunk, 1> whole{PrefillChunk{1000, 0, 1}};
  const std::array<PrefillChunk, 2> parts{PrefillChunk{300, 0, 0}, PrefillChunk{700, 300, 1}};
  BatchShape one, two;
  one.prefills = whole;
  two.prefills = parts;
  CHECK(cost->price(one).stage == cost->price(two).stage);
}

TEST_CASE("every linear model prices a decode batch as its line does and books what it prices") {
  CHECK(rc::check([] {
    const LinearStep& step =
        linear_steps()[*rc::gen::inRange<std::size_t>(0, linear_steps().size())];
    const std::int64_t pipeline = *rc::gen::inRange<std::int64_t>(1, 5);
    const auto cost =
        make_linear_cost(step, pipeline, *rc::gen::inRange<std::int64_t>(0, pipeline));
    BatchShape shape;
    shape.decodes = *rc::gen::inRange<std::int64_t>(1, 300);
    shape.padded_decodes = *rc::gen::inRange<std::int64_t>(0, 20);
    shape.decode_context = shape.decodes * *rc::gen::inRange<std::int64_t>(1, 4000);
    const DecodeLine line =
        cost->decode_line(shape.decodes, shape.padded_decodes, shape.decode_context);
    RC_ASSERT(cost->price(shape).stage == line.at(shape.decode_context));
    RC_ASSERT(line.slope >= 0);
    RC_ASSERT(line.last_context > shape.decode_context);

    CostLedger one, many, closed;
    cost->charge(shape, one);
    RC_ASSERT((total(one) >> kFixedBits) == cost->price(shape).stage.value());
    std::int64_t context_sum = 0;
    for (int i = 0; i < 5; ++i) {
      BatchShape next = shape;
      next.decode_context += i * shape.decodes;
      context_sum += next.decode_context;
      cost->charge(next, many);
    }
    cost->charge_decodes(shape.decodes, shape.padded_decodes, shape.decode_context, 5, context_sum,
                         closed);
    RC_ASSERT(many.fixed_ns == closed.fixed_ns);
  }));
}

TEST_CASE("a longer prompt never takes less time, not even with the negative square of one fit") {
  for (const LinearStep& step : linear_steps()) {
    const auto cost = make_linear_cost(step, 1, 0);
    CHECK(prefill_ms(*cost, 1) > 0);
    CHECK(prefill_ms(*cost, 2000) > prefill_ms(*cost, 1000));
    CHECK(prefill_ms(*cost, 1 << 20) > 0);
  }
}

TEST_CASE("an unknown linear model names the nearest, an unprofiled split the profiled ones") {
  CHECK_THROWS_WITH(find_linear_step("vlm-13b", 1, "s.json: /deployment/0/cost"),
                    Catch::StartsWith("s.json: /deployment/0/cost: ") &&
                        Catch::Contains("did you mean 'vllm-13b'?"));
  CHECK_THROWS_WITH(find_linear_step("vllm-13b", 8, ""), Catch::Contains("1, 2, 4"));
}
