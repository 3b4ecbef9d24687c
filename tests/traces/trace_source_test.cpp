#include "traces/trace_source.h"

#include <rapidcheck.h>

#include <cmath>

#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

const std::string kText =
    "arrival_s,prompt_tokens,output_tokens,session,turn,class\n"
    "100,10,1,7,0,2\n100,11,2,0,0,0\n101.000000001,12,3,0,0,0\n104,13,4,0,0,0\n110,14,5,0,0,0\n";

std::vector<RequestSpec> all(const WorkloadSpec& spec, std::string_view text = kText) {
  TraceSource source(read_trace(text, "t"), spec);
  std::vector<RequestSpec> out;
  while (source.next_arrival() < Instant::never()) {
    const Instant promised = source.next_arrival();
    out.push_back(source.take());
    CHECK(out.back().arrival == promised);
  }
  return out;
}

}  // namespace

TEST_CASE("A replayed trace arrives as recorded, counted from its first row") {
  const auto got = all({});
  REQUIRE(got.size() == 5);
  CHECK(got[0].arrival == Instant(0));
  CHECK(got[0].session == 7);
  CHECK(got[0].class_index == 2);
  CHECK(got[2].arrival == Instant(1'000'000'001));
  CHECK(got[4].arrival == Instant(10'000'000'000));
  CHECK(got[4].prompt == Tokens(14));
}

TEST_CASE(
    "Limit keeps the first rows; a window keeps those inside and starts the clock at its start") {
  WorkloadSpec spec;
  spec.limit = 2;
  CHECK(all(spec).size() == 2);
  spec.limit = 0;
  spec.window_start = kSecond;
  spec.window_end = kSecond * 10;
  const auto got = all(spec);
  REQUIRE(got.size() == 2);
  CHECK(got[0].arrival == Instant(1));
  CHECK(got[1].arrival == Instant(3'000'000'000));
  spec.rate_scale = 2;
  CHECK(all(spec)[1].arrival == Instant(1'500'000'000));
  spec.window_start = kSecond * 20;
  spec.window_end.reset();
  CHECK_THROWS_AS(all(spec), InputError);
}

TEST_CASE("Windows cut a trace without losing or doubling a row") {
  std::size_t rows = 0;
  for (int i = 0; i < 11; ++i) {
    WorkloadSpec spec;
    spec.window_start = kSecond * i;
    spec.window_end = kSecond * (i + 1);
    try {
      rows += all(spec).size();
    } catch (const InputError&) {  // an empty window
    }
  }
  CHECK(rows == 5);
}

TEST_CASE("A rate scale of 1 changes nothing, and small integers divide exactly") {
  CHECK(rc::check([] {
    const auto offset = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 61);
    RC_ASSERT(scaled(Duration(offset), 1) == Duration(offset));
    const auto k = *rc::gen::inRange<std::int64_t>(2, 1000);
    const std::int64_t floor = offset / k;
    const std::int64_t rest = offset % k;
    RC_ASSERT(scaled(Duration(offset), static_cast<double>(k)) ==
              Duration(floor + (2 * rest >= k ? 1 : 0)));
    const std::int64_t small = offset >> 20;
    RC_ASSERT(scaled(Duration(small), 0.25) == Duration(small * 4));
  }));
}

TEST_CASE("Scaling keeps order and is the nearest nanosecond of the real quotient") {
  CHECK(rc::check([] {
    const double scale = std::exp(*rc::gen::inRange(-1000, 1000) * 0.01);
    const auto a = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40);
    const auto b = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40);
    const std::int64_t x = scaled(Duration(a), scale).value();
    const std::int64_t y = scaled(Duration(b), scale).value();
    RC_ASSERT((a <= b ? x <= y : y <= x));
    const long double exact = static_cast<long double>(a) / static_cast<long double>(scale);
    RC_ASSERT(std::fabs(static_cast<long double>(x) - exact) <= 0.5L + exact * 1e-18L);
  }));
}

TEST_CASE("Scales without a meaning are refused") {
  for (const double scale : {0.0, -1.0, 1e7, 1e-7, std::nan("")}) {
    WorkloadSpec spec;
    spec.rate_scale = scale;
    CHECK_THROWS_AS(all(spec), InputError);
  }
}

TEST_CASE("A request's prefix hashes stay valid until the next is taken") {
  const std::string text =
      R"({"timestamp": 0, "input_length": 1024, "output_length": 5, "hash_ids": [1, 2]})"
      "\n"
      R"({"timestamp": 1, "input_length": 1024, "output_length": 5, "hash_ids": [3, 4]})"
      "\n";
  TraceSource source(read_trace(text, "t"), {});
  const RequestSpec first = source.take();
  REQUIRE(first.prefix_blocks.size() == 2);
  CHECK(first.prefix_blocks[0] == 1);
  CHECK(first.prefix_blocks[1] == 2);
  CHECK(first.prefix_block_tokens == Tokens(512));
  const RequestSpec second = source.take();
  CHECK(second.prefix_blocks[1] == 4);
}

TEST_CASE("prompts of token ids are hashed by whole blocks, each over all before it") {
  // Blocks of 4: the first two prompts share 1 2 3 4 and differ in their second block; the third
  // has the second block of the first behind another first. Seven tokens are one block.
  const auto record = [](const char* ids, const char* more = R"(, "prefix_block_tokens": 4)") {
    return std::string(R"({"arrival_s": 0, "output_tokens": 5, "prompt_token_ids": [)") + ids +
           "]" + more + "}\n";
  };
  const std::string text = record("1, 2, 3, 4, 5, 6, 7, 8") + record("1, 2, 3, 4, 5, 6, 7, 9, 9") +
                           record("4, 3, 2, 1, 5, 6, 7, 8") + record("1, 2, 3, 4, 5, 6, 7") +
                           record("1, 2, 3, 4, 5, 6, 7", "");
  TraceSource source(read_trace(text, "t"), {});
  std::vector<std::vector<std::uint64_t>> blocks;
  std::vector<std::int64_t> prompts;
  while (source.next_arrival() < Instant::never()) {
    const RequestSpec spec = source.take();
    blocks.emplace_back(spec.prefix_blocks.begin(), spec.prefix_blocks.end());
    prompts.push_back(spec.prompt.value());
  }
  CHECK(prompts == std::vector<std::int64_t>{8, 9, 8, 7, 7});
  REQUIRE(blocks[0].size() == 2);
  REQUIRE(blocks[1].size() == 2);
  CHECK(blocks[1][0] == blocks[0][0]);
  CHECK(blocks[1][1] != blocks[0][1]);
  CHECK(blocks[2][1] != blocks[0][1]);
  CHECK(blocks[3] == std::vector<std::uint64_t>{blocks[0][0]});
  CHECK(blocks[4].empty());  // 16 tokens a block where the record says nothing
}
