#include "models/calibrated_cost.h"

#include <rapidcheck.h>

#include <array>

#include "models/cost_factory.h"
#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

const std::string kFile = R"({
  "calibration": 1, "model": "m", "date": "2026-01-02", "tool": "t", "requests": 7,
  "step": {"base_ns": {"value": 8e6, "low": 7e6, "high": 9e6},
           "per_decode_ns": {"value": 1e6}, "per_context_token_ns": {"value": 2000}, "levels": []},
  "prompt": {"alone_ns": {"value": 24e6}, "alone_per_token_ns": {"value": 80000},
             "beside_ns": {"value": 15e6}, "beside_per_token_ns": {"value": 70000},
             "per_token_squared_ns": {"value": 3}},
  "observed": {"decodes": 8, "context": 4096, "prompt": 1024},
  "held_out": [{"decodes": 3, "context": 100, "measured_ns": 100, "predicted_ns": 95}]
})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::unique_ptr<CostModel> cost_of(const std::string& text) {
  return make_calibrated_cost(parse_calibrated_json(text, "f"), BytesPerSecond(25e9));
}

double ms(const CostModel& cost, const BatchShape& shape) {
  return milliseconds(cost.price(shape).stage);
}

Int128 total(const CostLedger& ledger) {
  Int128 sum = 0;
  for (const auto& row : ledger.fixed_ns)
    for (const Int128 amount : row) sum += amount;
  return sum;
}

}  // namespace

// Four decodes over 1,000 tokens: 8 + 4 x 1 + 1000 x 0.002 = 14 ms. A prompt of 100 tokens alone:
// 24 + 100 x 0.08 + 100^2 x 3e-6 = 32.03 ms; beside them: 14 + 15 + 100 x 0.07 + 0.03 = 36.03 ms.
TEST_CASE("an iteration takes what the calibration's formula says") {
  const auto cost = cost_of(kFile);
  const std::array<PrefillChunk, 1> prompt{PrefillChunk{100, 0, 1}};
  BatchShape shape;
  shape.decodes = 4;
  shape.decode_context = 1000;
  CHECK(ms(*cost, shape) == Approx(14));
  shape.prefills = prompt;
  CHECK(ms(*cost, shape) == Approx(36.03));
  shape.decodes = shape.decode_context = 0;
  CHECK(ms(*cost, shape) == Approx(32.03));
}

// Levels 2: 10 ms, 4: 30 ms: three lie in the middle, one is as two, six are 30 + 2 x 1 ms.
TEST_CASE("levels hold where there are some, straight lines between them, the slope beyond") {
  const auto cost = cost_of(
      replaced(kFile, R"("levels": [])",
               R"("levels": [{"decodes": 2, "base_ns": 10e6}, {"decodes": 4, "base_ns": 30e6}])"));
  const auto base = [&](std::int64_t decodes) {
    BatchShape shape;
    shape.decodes = decodes;
    return ms(*cost, shape);
  };
  CHECK(base(1) == Approx(10));
  CHECK(base(2) == Approx(10));
  CHECK(base(3) == Approx(20));
  CHECK(base(4) == Approx(30));
  CHECK(base(6) == Approx(32));
}

TEST_CASE("decodes are priced as their line says, and booked as they are priced") {
  const auto cost = cost_of(kFile);
  CHECK(rc::check([&] {
    BatchShape shape;
    shape.decodes = *rc::gen::inRange(1, 20);
    shape.padded_decodes = *rc::gen::inRange(0, 3);
    shape.decode_context = *rc::gen::inRange(0, 9000);
    const DecodeLine line =
        cost->decode_line(shape.decodes, shape.padded_decodes, shape.decode_context);
    RC_ASSERT(shape.decode_context <= line.last_context);
    RC_ASSERT(line.at(shape.decode_context) == cost->price(shape).stage);
    CostLedger once, run;
    cost->charge(shape, once);
    RC_ASSERT(Duration(static_cast<std::int64_t>(total(once) >> kFixedBits)) ==
              cost->price(shape).stage);
    cost->charge(shape, once);
    cost->charge_decodes(shape.decodes, shape.padded_decodes, shape.decode_context, 2,
                         2 * shape.decode_context, run);
    RC_ASSERT(once.fixed_ns == run.fixed_ns);
  }));
}

TEST_CASE("what lies beyond the observed counts as extrapolated") {
  const auto cost = cost_of(kFile);
  const auto extrapolated = [&](std::int64_t decodes, std::int64_t context, std::int32_t prompt) {
    const std::array<PrefillChunk, 1> chunk{PrefillChunk{prompt, 0, 1}};
    BatchShape shape;
    shape.decodes = decodes;
    shape.decode_context = context;
    if (prompt > 0) shape.prefills = chunk;
    return evidence_shares(*cost, shape)[static_cast<std::size_t>(Evidence::extrapolated)];
  };
  CHECK(extrapolated(8, 4096, 0) == 0);
  CHECK(extrapolated(9, 4096, 0) == 1);
  CHECK(extrapolated(8, 4097, 0) == 1);
  CHECK(extrapolated(0, 0, 1024) == 0);
  CHECK(extrapolated(0, 0, 1025) == 1);
}

TEST_CASE("the source says where the steps come from and how far off held-out ones were") {
  CHECK(
      describe(parse_calibrated_json(kFile, "f")) ==
      "steps calibrated on a live server (m, 7 requests, 2026-01-02; held-out steps within 5.0 %)");
}

TEST_CASE("a file that is none, or is changed beyond sense, is one line with its place") {
  const auto refused = [](const std::string& text, const std::string& start) {
    CHECK_THROWS_WITH(parse_calibrated_json(text, "f"), Catch::StartsWith(start));
  };
  refused("", "f:1:1: ");
  refused("{}", "f: /: expected the key \"calibration\"");
  refused(replaced(kFile, "\"calibration\": 1", "\"calibration\": 2"), "f: /calibration: ");
  refused(replaced(kFile, "8e6", "-8e6"), "f: /step/base_ns/value: ");
  refused(replaced(kFile, "7e6", "8.5e6"), "f: /step/base_ns/low: expected a band around");
  refused(replaced(kFile, "\"levels\": []",
                   R"("levels": [{"decodes": 2, "base_ns": 1}, {"decodes": 2, "base_ns": 1}])"),
          "f: /step/levels/1/decodes: expected more than 2");
  refused(replaced(kFile, "\"observed\"", "\"obserwed\""), "f: /: expected the key \"observed\"");
}

TEST_CASE("calibrated steps are whole iterations: stages of a pipeline are refused") {
  CostRequest request;
  request.model = find_model("llama-3.1-8b", "");
  request.device = find_device("h100-sxm", "");
  request.engine = find_engine("vllm", "");
  request.parallel.pipeline = 2;
  request.cost = "calibrated:nowhere.json";
  request.where = "here";
  CHECK_THROWS_WITH(make_cost(request), Catch::StartsWith("here: expected pipeline_parallel 1"));
  request.parallel.pipeline = 1;
  CHECK_THROWS_WITH(make_cost(request), Catch::Contains("nowhere.json"));
}
