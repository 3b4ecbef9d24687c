#include "models/step_cost.h"

#include <array>
#include <string>
#include <vector>

#include "models/cost_factory.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/scratch.h"

using namespace headroom;

namespace {

constexpr double kMs = 1e6;

Architecture model() { return find_model("llama-3.1-8b", "test"); }

Device device() {
  Device device = find_device("h100-sxm", "test");
  device.name = "a-processor";
  return device;
}

void put(ProfileStore& store, std::int64_t run, const KernelShape& shape, double ms) {
  KernelTimes times;
  times.median_ns = ms * kMs;
  store.insert_kernel(run, {shape, times});
}

ProfileRun made_up() {
  ProfileRun run;
  run.device = "a-processor";
  run.tool = "a test";
  run.source = "made up";
  return run;
}

/// Generation: batch 1 takes 4 ms at context 100 and 6 ms at 300; batch 4 takes 10 and 14 ms.
/// Prompts: 10 tokens 20 ms, 50 tokens 60 ms with nothing cached, 100 ms with 200.
void fill(const std::string& path) {
  ProfileStore store(path, ProfileStore::Mode::read_write);
  const std::int64_t id = store.insert_run(made_up());
  put(store, id, decode_step_shape(model(), 1, 100), 4);
  put(store, id, decode_step_shape(model(), 1, 300), 6);
  put(store, id, decode_step_shape(model(), 4, 100), 10);
  put(store, id, decode_step_shape(model(), 4, 300), 14);
  put(store, id, prefill_step_shape(model(), 10, 0), 20);
  put(store, id, prefill_step_shape(model(), 50, 0), 60);
  put(store, id, prefill_step_shape(model(), 50, 200), 100);
}

/// That store, to which more can be added.
class Filled {
 public:
  Filled() { fill(path_); }
  void add(const KernelShape& shape, double ms) { put(store_, run_, shape, ms); }
  [[nodiscard]] std::unique_ptr<CostModel> cost(const EngineDescription& engine = {}) const {
    return make_step_cost(store_, model(), device(), engine, "test");
  }

 private:
  headroom::test::ScratchFolder scratch_{};
  std::string path_ = scratch_.file("s.db");
  ProfileStore store_{path_, ProfileStore::Mode::read_write};
  std::int64_t run_ = store_.insert_run(made_up());
};

std::unique_ptr<CostModel> made(const EngineDescription& engine = {}) {
  return Filled().cost(engine);
}

/// Prompts take twice as long.
EngineDescription at_half_speed() {
  EngineDescription engine;
  engine.kernel_scale[static_cast<std::size_t>(OperatorClass::prefill_attention)] = 2;
  return engine;
}

double decode_ms(const CostModel& cost, std::int64_t rows, std::int64_t context,
                 std::int64_t padded = 0) {
  BatchShape shape;
  shape.decodes = rows;
  shape.padded_decodes = padded;
  shape.decode_context = rows * context;
  return cost.price(shape).stage.as_double() / kMs;
}

double prefill_ms(const CostModel& cost, std::int32_t tokens, std::int32_t cached) {
  const PrefillChunk chunk{tokens, cached, 1};
  BatchShape shape;
  shape.prefills = {&chunk, 1};
  return cost.price(shape).stage.as_double() / kMs;
}

std::int64_t sum_of(const CostLedger& ledger) {
  Int128 sum = 0;
  for (const auto& row : ledger.fixed_ns)
    for (const Int128 part : row) sum += part;
  return static_cast<std::int64_t>(sum >> kFixedBits);
}

}  // namespace

TEST_CASE("a measured call costs what was measured, others lie between their neighbours") {
  const auto cost = made();
  CHECK(decode_ms(*cost, 1, 100) == Approx(4));
  CHECK(decode_ms(*cost, 4, 300) == Approx(14));
  CHECK(decode_ms(*cost, 1, 200) == Approx(5));
  CHECK(decode_ms(*cost, 2, 100) == Approx(6));  // a third of the way from 4 to 10
  CHECK(decode_ms(*cost, 2, 300) == Approx(6 + 8.0 / 3));
  CHECK(decode_ms(*cost, 1, 20) == Approx(4));    // held below the first context
  CHECK(decode_ms(*cost, 1, 500) == Approx(8));   // 1 ms a hundred tokens goes on
  CHECK(decode_ms(*cost, 6, 100) == Approx(14));  // 2 ms a row goes on
  CHECK(prefill_ms(*cost, 10, 0) == Approx(20));
  CHECK(prefill_ms(*cost, 30, 0) == Approx(40));
  CHECK(prefill_ms(*cost, 50, 100) == Approx(80));
  CHECK(prefill_ms(*cost, 1, 0) == Approx(20));  // held below the shortest chunk
  // 120 tokens are computed as 50, 50 and 20: 60 + 70 (50 cached) + 30 + what 100 cached tokens add
  // to 20, of which the chunk of 10 shows nothing and that of 50 shows 20: a quarter.
  CHECK(prefill_ms(*cost, 120, 0) == Approx(60 + 70 + 30 + 5));
}

TEST_CASE("generation, with the first token of each prompt beside it, and all chunks add up") {
  const auto cost = made();
  const std::array<PrefillChunk, 2> chunks{PrefillChunk{30, 0, 1}, PrefillChunk{30, 100, 0}};
  BatchShape shape;
  shape.prefills = chunks;
  shape.decodes = 3;
  shape.decode_context = 3 * 100;
  // 3 rows and two take 2 ms a row more than 4; of each prompt 29 tokens are left, a millisecond a
  // token and 19/40 of 0.2 more a cached one, of which its first is one.
  const double first = 39 + 19 * 0.2 / 40 * 1, second = 39 + 19 * 0.2 / 40 * 101;
  CHECK(cost->price(shape).stage.as_double() / kMs == Approx(12 + first + second));
  shape.decodes = 8;
  shape.decode_context = 8 * 100;
  CHECK(cost->price(shape).stage.as_double() / kMs == Approx(22 + first + second));
  // A prompt of one token is a row among the others.
  const PrefillChunk last{1, 100, 1};
  shape.prefills = {&last, 1};
  CHECK(cost->price(shape).stage.as_double() / kMs == Approx(20));
}

TEST_CASE("prompts of one call are cut where shorter ones end") {
  const auto cost = made();
  const std::array<PrefillChunk, 3> chunks{PrefillChunk{10, 0, 1}, PrefillChunk{50, 0, 1},
                                           PrefillChunk{30, 0, 1}};
  BatchShape shape;
  shape.prefills = chunks;
  // 10; 10, 20 and 20 tokens behind 0, 10 and 30; 10 and 20 tokens. 20 tokens take 30 ms and, a
  // quarter of what 50 show, 0.05 ms more a cached token.
  CHECK(cost->price(shape).stage.as_double() / kMs ==
        Approx(20 + (20 + 30.5 + 31.5) + (20 + 30.5)));
}

TEST_CASE("generation behind a prompt takes longer by what was measured for the prompt's length") {
  Filled filled;
  filled.add(switch_step_shape(model(), 20), 1);
  filled.add(switch_step_shape(model(), 100), 6);  // noise: these two are taken as 5
  filled.add(switch_step_shape(model(), 120), 4);
  EngineDescription engine;
  engine.kernel_scale[static_cast<std::size_t>(OperatorClass::decode_attention)] = 2;
  const auto cost = filled.cost(engine);
  REQUIRE(cost->has_memory());
  BatchShape shape;
  shape.decodes = 4;
  shape.decode_context = 4 * 100;
  const auto behind = [&](std::int64_t tokens) {
    shape.prefill_tokens_before = tokens;
    CostLedger ledger;
    cost->charge(shape, ledger);
    CHECK(sum_of(ledger) == cost->price(shape).stage.value());
    return cost->price(shape).stage.as_double() / kMs - 2 * 10;
  };
  CHECK(behind(0) == 0);
  CHECK(behind(5) == Approx(2 * 1));  // held below the shortest
  CHECK(behind(60) == Approx(2 * 3));
  CHECK(behind(700) == Approx(2 * 5));  // and above the longest
  // A prompt behind a prompt is what was measured for a prompt.
  CHECK(prefill_ms(*cost, 50, 0) == Approx(60));
  const PrefillChunk chunk{50, 0, 1};
  shape = {};
  shape.prefills = {&chunk, 1};
  shape.prefill_tokens_before = 60;
  CHECK(cost->price(shape).stage.as_double() / kMs == Approx(60));
  CHECK_FALSE(made()->has_memory());
}

TEST_CASE("chunks that do not fill their last tile take a remainder longer") {
  Filled filled;
  filled.add(prefill_step_shape(model(), 1, 0), 2);
  filled.add(remainder_step_shape(model(), 10, 3), 0.2);
  filled.add(remainder_step_shape(model(), 10, 7), 0.1);
  const auto cost = filled.cost(at_half_speed());
  CHECK(prefill_ms(*cost, 50, 0) == Approx(2 * 60));
  CHECK(prefill_ms(*cost, 30, 0) == Approx(2 * 40));
  CHECK(prefill_ms(*cost, 33, 0) == Approx(2 * (43 + 33 * 0.2)));
  CHECK(prefill_ms(*cost, 27, 0) == Approx(2 * (37 + 27 * 0.1)));
  CHECK(prefill_ms(*cost, 28, 0) == Approx(2 * 38));  // of which nothing was measured
  CHECK(prefill_ms(*cost, 3, 0) == Approx(2 * (2 + 18 * 2 / 9.0)));  // not one whole tile
  // 73 tokens are computed as 50 and, behind them, 23: 33 ms, and 13/40 of 0.2 more a cached one.
  CHECK(prefill_ms(*cost, 73, 0) == Approx(2 * (60 + 33 + 23 * 0.2 + 50 * 0.2 * 13 / 40)));

  const auto with = GENERATE(std::pair(8, 3), std::pair(10, 10), std::pair(10, 0), std::pair(0, 0),
                             std::pair(1 << 20, 1));
  filled.add(remainder_step_shape(model(), with.first, with.second), 1);
  CHECK_THROWS_WITH(filled.cost(at_half_speed()),
                    Catch::Contains("expected remainder steps of one tile"));
}

/// Milliseconds of a call of these chunks beside so many rows, which is what it charges.
double call_ms(const CostModel& cost, const std::vector<PrefillChunk>& chunks,
               std::int64_t decodes = 0) {
  BatchShape shape;
  shape.prefills = chunks;
  shape.decodes = decodes;
  shape.decode_context = 100 * decodes;
  CostLedger ledger;
  cost.charge(shape, ledger);
  CHECK(sum_of(ledger) == cost.price(shape).stage.value());
  return cost.price(shape).stage.as_double() / kMs;
}

TEST_CASE("chunks side by side save what was measured of two, in each piece of a call") {
  Filled filled;
  filled.add(prefill_step_shape(model(), 1, 0), 2);
  filled.add(side_step_shape(model(), 20), 6);
  filled.add(side_step_shape(model(), 40), 10);
  const auto cost = filled.cost(at_half_speed());
  const PrefillChunk thirty{30, 0, 1}, fifty{50, 0, 1}, twelve{12, 0, 1}, one{1, 0, 1};
  CHECK(call_ms(*cost, {thirty}) == Approx(2 * 40));
  CHECK(call_ms(*cost, {thirty, thirty}) == Approx(2 * (2 * 40 - 8)));
  CHECK(call_ms(*cost, {thirty, thirty, thirty}) == Approx(2 * (3 * 40 - 2 * 8)));
  // 12 of each side by side; what is behind: 18 of two, 20 of the longest alone.
  const auto behind = [](int tokens, int cached) {
    return 10 + tokens + cached * 0.2 * (tokens - 10) / 40;
  };
  CHECK(call_ms(*cost, {fifty, twelve}) == Approx(2 * (2 * 22 - 6 + behind(38, 12))));
  CHECK(call_ms(*cost, {fifty, twelve, thirty}) ==
        Approx(2 * (3 * 22 - 2 * 6 + 2 * behind(18, 12) - 6 + behind(20, 30))));
  // Each with its own cached tokens.
  CHECK(call_ms(*cost, {{30, 0, 1}, {30, 50, 1}}) == Approx(2 * (40 + behind(30, 50) - 8)));
  // Held beyond the longest; two of one token take no less than one.
  CHECK(call_ms(*cost, {fifty, fifty}) == Approx(2 * (2 * 60 - 10)));
  CHECK(call_ms(*cost, {one, one}) == Approx(2 * 2));
  // Beside rows a prompt of one token is a row, and in no piece; others are without their first.
  const double rows = decode_ms(*cost, 4, 100);
  CHECK(call_ms(*cost, {{31, 0, 1}, one}, 2) == Approx(rows + 2 * behind(30, 1)));
  CHECK(call_ms(*cost, {{31, 0, 1}, {31, 0, 1}}, 2) == Approx(rows + 2 * (2 * behind(30, 1) - 8)));
}

TEST_CASE("a piece in which no prompt ends has no output") {
  Filled filled;
  filled.add(prefill_step_shape(model(), 1, 0), 2);
  filled.add(output_step_shape(model(), 0), 3);
  filled.add(output_step_shape(model(), 50), 5);
  auto cost = filled.cost(at_half_speed());
  CHECK(call_ms(*cost, {{30, 0, 1}}) == Approx(2 * 40));
  CHECK(call_ms(*cost, {{30, 0, 0}}) == Approx(2 * (40 - 3)));
  const auto output = [&cost](int cached) {
    return call_ms(*cost, {{30, cached, 1}}) - call_ms(*cost, {{30, cached, 0}});
  };
  CHECK(output(25) == Approx(2 * 4));
  CHECK(output(90) == Approx(2 * 5));                   // held
  CHECK(call_ms(*cost, {{1, 0, 0}}) == Approx(2 * 1));  // half of what it takes
  CHECK(call_ms(*cost, {{73, 0, 1}}) ==
        Approx(call_ms(*cost, {{50, 0, 0}}) + call_ms(*cost, {{23, 50, 1}})));

  // Side by side one output is shared, and one that nobody has is saved once.
  filled.add(side_step_shape(model(), 20), 6);
  cost = filled.cost(at_half_speed());
  CHECK(call_ms(*cost, {{30, 0, 1}, {30, 0, 1}}) == Approx(2 * (2 * 40 - 6)));
  CHECK(call_ms(*cost, {{30, 0, 1}, {30, 0, 0}}) == Approx(2 * (2 * 40 - 6)));
  CHECK(call_ms(*cost, {{30, 0, 0}, {30, 0, 0}}) == Approx(2 * (2 * 40 - 6 - 3)));
}

TEST_CASE("one chunk more never makes a call cheaper, and its parts are no longer as measured") {
  Filled filled;
  filled.add(prefill_step_shape(model(), 1, 0), 2);
  filled.add(side_step_shape(model(), 20), 25);
  filled.add(output_step_shape(model(), 0), 3);
  const auto cost = filled.cost();
  for (const std::int32_t tokens : {1, 5, 10, 50})
    for (const std::int32_t more : {0, 1})
      CHECK(call_ms(*cost, {{tokens, 0, 1}, {tokens, 0, more}}) >=
            call_ms(*cost, {{tokens, 0, 1}}));
  const auto measured = [&cost](const std::vector<PrefillChunk>& chunks) {
    BatchShape shape;
    shape.prefills = chunks;
    CostLedger ledger;
    cost->charge(shape, ledger);
    return ledger.fixed_ns[static_cast<std::size_t>(OperatorClass::prefill_attention)]
                          [static_cast<std::size_t>(Evidence::measured)] > 0;
  };
  CHECK(measured({{10, 0, 1}}));
  CHECK_FALSE(measured({{10, 0, 0}}));
  CHECK_FALSE(measured({{10, 0, 1}, {10, 0, 1}}));
}

TEST_CASE("a padded row is one piece more, the price the mean over the ways to cut the batch") {
  const auto cost = made();
  CHECK(decode_ms(*cost, 4, 100, 1) == Approx((2 * (4 + 8) + 2 * 6) / 3.0));  // 1+3, 3+1, 2+2
  CHECK(decode_ms(*cost, 4, 100, 2) == Approx(6 + 4 + 4));                    // 2 + 1 + 1
  CHECK(decode_ms(*cost, 4, 100, 9) == Approx(4 * 4));  // no more pieces than rows
}

TEST_CASE("a price of decodes equals its line, and no line falls with context") {
  // Noise: a longer context that took less, and one that took more.
  Filled filled;
  filled.add(decode_step_shape(model(), 4, 150), 13);
  filled.add(decode_step_shape(model(), 4, 200), 11);
  filled.add(decode_step_shape(model(), 3, 250), 13.7);
  const auto cost = filled.cost();
  CHECK(decode_ms(*cost, 4, 150) == Approx(12));  // the mean of 13 and 11
  CHECK(decode_ms(*cost, 4, 200) == Approx(12));
  for (std::int64_t rows = 1; rows <= 20; ++rows) {
    for (std::int64_t padded = 0; padded < 3; ++padded) {
      Duration before(0);
      for (std::int64_t context = rows; context < 500 * rows; ++context) {
        const DecodeLine line = cost->decode_line(rows, padded, context);
        BatchShape shape;
        shape.decodes = rows;
        shape.padded_decodes = padded;
        shape.decode_context = context;
        REQUIRE(line.last_context >= context);
        REQUIRE(line.slope >= 0);
        REQUIRE(cost->price(shape).stage == line.at(context));
        REQUIRE(line.at(context) >= before);
        before = line.at(context);
        // The line holds to its end.
        const DecodeLine same = cost->decode_line(rows, padded, line.last_context);
        REQUIRE((same.base == line.base && same.slope == line.slope));
      }
    }
  }
}

TEST_CASE("the ledger of calls sums to their price, and says what was measured") {
  const auto cost = made();
  const std::array<PrefillChunk, 2> chunks{PrefillChunk{10, 0, 1}, PrefillChunk{30, 0, 0}};
  BatchShape prompts, generation;
  prompts.prefills = chunks;
  generation.decodes = 3;
  generation.decode_context = 3 * 150;
  BatchShape both = prompts;
  both.decodes = generation.decodes;
  both.decode_context = generation.decode_context;
  CostLedger of_both;
  cost->charge(both, of_both);
  CHECK(sum_of(of_both) == cost->price(both).stage.value());
  CostLedger ledger;
  cost->charge(prompts, ledger);
  cost->charge(generation, ledger);
  CHECK(sum_of(ledger) == (cost->price(prompts).stage + cost->price(generation).stage).value());
  const auto of = [&](OperatorClass kind, Evidence evidence) {
    return static_cast<double>(ledger.fixed_ns[static_cast<std::size_t>(kind)]
                                              [static_cast<std::size_t>(evidence)]) /
           static_cast<double>(kFixedOne) / kMs;
  };
  CHECK(of(OperatorClass::prefill_attention, Evidence::measured) == Approx(20));
  CHECK(of(OperatorClass::prefill_attention, Evidence::interpolated) == Approx(20 + 30.5));
  CHECK(of(OperatorClass::decode_attention, Evidence::interpolated) == Approx(4.5 + 6.5 * 2 / 3));
  CostLedger many, once;
  cost->charge_decodes(2, 0, 300, 3, 300 + 302 + 304, many);
  for (const std::int64_t context : {300, 302, 304})
    cost->charge_decodes(2, 0, 300, 1, context, once);
  CHECK(many.fixed_ns == once.fixed_ns);
}

TEST_CASE("an engine's scales stretch generation and prompts apart") {
  EngineDescription engine;
  engine.kernel_scale[static_cast<std::size_t>(OperatorClass::decode_attention)] = 1.5;
  engine.kernel_scale[static_cast<std::size_t>(OperatorClass::prefill_attention)] = 0.5;
  const auto cost = made(engine);
  CHECK(decode_ms(*cost, 4, 100) == Approx(15));
  CHECK(prefill_ms(*cost, 50, 0) == Approx(30));
}

TEST_CASE("steps of another model or device are refused, naming what there is") {
  const headroom::test::ScratchFolder scratch;
  fill(scratch.file("s.db"));
  CostRequest request;
  request.model = model();
  request.device = device();
  request.cost = "steps:" + scratch.file("s.db");
  request.where = "test";
  CHECK(make_cost(request).source.starts_with("whole engine calls measured on a-processor"));
  request.model = find_model("llama-3.1-70b", "test");
  CHECK_THROWS_WITH(make_cost(request),
                    Catch::Contains("expected measured steps of llama-3.1-70b"));
  request.model = model();
  request.device = find_device("h100-sxm", "test");
  CHECK_THROWS_WITH(make_cost(request), Catch::Contains("a-processor"));
  request.device = device();
  request.parallel.tensor = 2;
  CHECK_THROWS_WITH(make_cost(request), Catch::Contains("one device a replica"));
}
