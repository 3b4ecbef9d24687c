#include "tests/validation/llama_cpp/store_calls.h"

#include <array>
#include <fstream>
#include <memory>

#include "models/cost_factory.h"
#include "models/step_cost.h"
#include "tests/catch.h"
#include "tests/scratch.h"
#include "tests/validation/llama_cpp/measure_calls.h"

using namespace headroom;
using namespace headroom::llama_cpp;

namespace {

constexpr double kUs = 1e3;

/// Three passes of calls that follow a law. Generation takes 1,000 us a row and 1 us a token of
/// mean context; behind a prompt 40 us more for each of its tokens, and in the second pass 300 on
/// top. A prompt takes 500 us a token, 2 more for each that it has beyond whole tiles, and 2 us a
/// cached token; two side by side save 1,500 us.
void write_calls(const std::string& path) {
  std::ofstream out(path);
  const auto generation = [](int rows, int context) { return 1000 * rows + context; };
  for (int pass = 0; pass < 3; ++pass) {
    for (const int rows : {1, 2, 4}) {
      for (const int before : {10, 500}) {
        const int prompt = 20 + 40 * pass;
        out << "behind," << rows << ',' << prompt << ','
            << generation(rows, before + 4) + 40 * prompt + (pass == 1 ? 300 : 0) << '\n';
        for (int step = 2; step <= 7; ++step)
          out << "decode," << rows << ',' << before + step << ',' << generation(rows, before + step)
              << '\n';
      }
    }
    for (const int tokens : {1, 2, 3, 4, 16, 17, 18, 19, 32, 42, 64, 128})
      for (const int cached : {0, 100})
        out << "prefill," << tokens << ',' << cached << ','
            << (500 + (tokens > 4 ? 2 * (tokens % kRowTile) : 0)) * tokens + 2 * cached << '\n';
    out << "silent,16,0,7300\nsilent,32,100,15500\n";
    for (const int tokens : {16, 64})
      out << "side," << tokens << ",0," << 1000 * tokens - 1500 << '\n';
  }
}

/// What a store of the folder's calls.csv charges.
std::unique_ptr<CostModel> cost_of_calls(const test::ScratchFolder& scratch) {
  std::ofstream(scratch.file("config.json"))
      << R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 512,
             "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4,
             "intermediate_size": 1536, "vocab_size": 8192, "max_position_embeddings": 4096,
             "hidden_act": "silu"})";
  Device device = find_device("h100-sxm", "test");
  device.name = "a-processor";
  ProfileStore store(scratch.file("s.db"), ProfileStore::Mode::read_write);
  store_calls(scratch.file("calls.csv"), scratch.file("config.json"), device.name, store);
  return make_step_cost(store, find_model(scratch.file("config.json"), "test"), device,
                        EngineDescription{}, "test");
}

}  // namespace

TEST_CASE("timed calls become a store whose prices are the law that they followed") {
  const test::ScratchFolder scratch;
  write_calls(scratch.file("calls.csv"));
  const auto cost = cost_of_calls(scratch);
  const auto us = [&](const BatchShape& shape) {
    return cost->price(shape).stage.as_double() / kUs;
  };
  BatchShape generation;
  generation.decodes = 2;
  generation.decode_context = 2 * 300;
  CHECK(us(generation) == Approx(2000 + 300).margin(1));
  // A line: a third of the 300 us everywhere.
  for (const std::int64_t before : {20, 50, 60, 100}) {
    generation.prefill_tokens_before = before;
    CHECK(us(generation) == Approx(2000 + 300 + 40 * before + 100).margin(1));
  }
  const auto prompt = [&](std::int32_t tokens, std::int32_t cached) {
    const PrefillChunk chunk{tokens, cached, 1};
    BatchShape shape;
    shape.prefills = {&chunk, 1};
    return us(shape);
  };
  CHECK(prompt(3, 0) == Approx(1500));
  CHECK(prompt(64, 100) == Approx(32'200));
  CHECK(prompt(96, 0) == Approx(48'000));
  for (const std::int32_t rest : {1, 2, 3}) {
    CHECK(prompt(16 + rest, 0) == Approx((500 + 2 * rest) * (16 + rest)));
    CHECK(prompt(80 + rest, 50) == Approx((500 + 2 * rest) * (80 + rest) + 100));
  }
  const PrefillChunk silent{64, 0, 0};
  BatchShape one;
  one.prefills = {&silent, 1};
  CHECK(us(one) == Approx(32'000 - 700));
  for (const std::int32_t tokens : {8, 16, 40, 128}) {
    const std::array<PrefillChunk, 2> two{{{tokens, 0, 1}, {tokens, 0, 1}}};
    BatchShape shape;
    shape.prefills = two;
    CHECK(us(shape) == Approx(1000 * tokens - 1500));
  }
}

TEST_CASE("a call that lost the processor counts as ten milliseconds longer, not as what it took") {
  const test::ScratchFolder scratch;
  std::ofstream(scratch.file("calls.csv"))
      << "behind,1,20,900000\ndecode,1,12,1012\nprefill,16,0,8000\n";
  BatchShape generation;
  generation.decodes = 1;
  generation.decode_context = 12;
  generation.prefill_tokens_before = 20;
  const auto cost = cost_of_calls(scratch);
  CHECK(cost->price(generation).stage.as_double() / kUs == Approx(1012 + 10'000).margin(1));
}

TEST_CASE("calls that cannot be read are refused, each with one line") {
  const test::ScratchFolder scratch;
  const auto refused = [&](const std::string& text, const std::string& finding) {
    std::ofstream(scratch.file("calls.csv")) << text;
    ProfileStore store(scratch.file("s.db"), ProfileStore::Mode::read_write);
    CHECK_THROWS_WITH(store_calls(scratch.file("calls.csv"), "llama-3.1-8b", "a-processor", store),
                      Catch::Contains(finding));
  };
  refused("decode,1,12,1012\nafter,1,20,900\n", "calls.csv:2: expected kind,rows,context,us");
  refused("prefill,16,0,nothing\n", "calls.csv:1: expected kind,rows,context,us");
  refused("prefill,16,0,8000\nprefill,17,0,9000\n", "both sides of chunks of 17 behind 0");
  refused("prefill,16,0,8000\nside,8,0,9000\n", "expected chunks of 8 behind 0 alone");
  refused("prefill,16,0,8000\nsilent,16,4,8000\n", "expected chunks of 16 behind 4 alone");
}
