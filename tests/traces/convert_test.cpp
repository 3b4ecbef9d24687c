#include "traces/convert.h"

#include <rapidcheck.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/make_source.h"

using namespace headroom;

namespace {

struct Row {
  std::optional<Duration> offset;
  Tokens prompt, output;
  std::uint64_t session;
  std::uint32_t turn, class_index;
  std::vector<std::uint64_t> blocks;
  Tokens block_tokens;
  friend bool operator==(const Row&, const Row&) = default;
};

Row copy(const TraceRow& row) {
  return {row.offset,
          row.prompt,
          row.output,
          row.session,
          row.turn,
          row.class_index,
          {row.prefix_blocks.begin(), row.prefix_blocks.end()},
          row.prefix_block_tokens};
}

std::vector<Row> rows(const std::string& text) {
  const auto reader = read_trace(text, "written");
  std::vector<Row> out;
  while (const auto row = reader->next()) out.push_back(copy(*row));
  return out;
}

TraceRow view(const Row& row) {
  return {row.offset, row.prompt,      row.output, row.session,
          row.turn,   row.class_index, row.blocks, row.block_tokens};
}

std::string written(const std::vector<Row>& all, TraceWriter::Format format) {
  std::string text;
  TraceWriter writer([&](std::string_view piece) { text += piece; }, format);
  for (const Row& row : all) writer.write(view(row));
  writer.finish();
  return text;
}

std::vector<Row> some_rows(bool timed) {
  std::vector<Row> out;
  std::int64_t at = 0;
  const auto count = *rc::gen::inRange(1, 50);
  for (int i = 0; i < count; ++i) {
    Row row;
    if (timed) row.offset = Duration(at);
    at += *rc::gen::inRange<std::int64_t>(0, 3'000'000'000);
    row.prompt = Tokens(*rc::gen::inRange<std::int64_t>(1, kMaxRequestTokens.value() + 1));
    row.output = Tokens(*rc::gen::inRange<std::int64_t>(1, kMaxRequestTokens.value() + 1));
    row.session = *rc::gen::arbitrary<std::uint64_t>();
    row.turn = row.session == 0 ? 0 : *rc::gen::inRange<std::uint32_t>(0, 1000);
    row.class_index = *rc::gen::inRange<std::uint32_t>(0, 4096);
    row.block_tokens = Tokens(0);
    out.push_back(row);
  }
  return out;
}

}  // namespace

TEST_CASE("Reading what was written gives the same rows, as CSV and as JSON lines") {
  CHECK(rc::check([] {
    std::vector<Row> all = some_rows(*rc::gen::arbitrary<bool>());
    RC_ASSERT(rows(written(all, TraceWriter::Format::csv)) == all);
    for (Row& row : all) {
      row.blocks = *rc::gen::container<std::vector<std::uint64_t>>(
          std::min<std::size_t>(5, static_cast<std::size_t>((row.prompt.value() + 15) / 16)),
          rc::gen::arbitrary<std::uint64_t>());
      row.block_tokens = Tokens(row.blocks.empty() ? 0 : 16);
    }
    RC_ASSERT(rows(written(all, TraceWriter::Format::jsonl)) == all);
  }));
}

TEST_CASE("A converted public trace reads as the original does") {
  const std::string shared = std::string(HEADROOM_SOURCE_DIR) + "/../shared/traces/";
  if (!std::filesystem::exists(shared)) {
    WARN("skipped: the shared traces are not here");
    return;
  }
  for (const char* file :
       {"azure-llm-2023/AzureLLMInferenceTrace_code.csv", "burstgpt/BurstGPT_3_first400.csv",
        "lengths/sharegpt_8k_llama2.csv", "mooncake-fast25/mooncake_trace_1000.jsonl",
        "dynamo/pi_request_trace.jsonl", "tracelab/round_trace_sanitized.jsonl",
        "claude-code-weka/samples/trace_0291.json"}) {
    INFO(file);
    std::vector<Row> original;
    const auto first = open_trace(shared + file);
    while (const auto row = first->next()) original.push_back(copy(*row));
    std::string text;
    TraceWriter writer([&](std::string_view piece) { text += piece; }, TraceWriter::Format::jsonl);
    const auto reader = open_trace(shared + file);
    const ConvertSummary summary = convert_trace(*reader, writer);
    CHECK(summary.rows == original.size());
    CHECK((rows(text) == original));
  }
}

TEST_CASE("CSV tells how many rows lost their prefix hashes") {
  const std::string text =
      R"({"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [1]})";
  std::string out;
  TraceWriter writer([&](std::string_view piece) { out += piece; }, TraceWriter::Format::csv);
  const auto reader = read_trace(text, "t");
  CHECK(convert_trace(*reader, writer).rows_without_prefix == 1);
  CHECK(out == "arrival_s,prompt_tokens,output_tokens,session,turn,class\n0,5,5,0,0,0\n");
}

TEST_CASE("Generated arrivals, written and replayed, are the generator's") {
  WorkloadSpec spec;
  spec.preset = "burstgpt-like";
  spec.requests = 2000;
  spec.rate = PerSecond(3);
  std::string text;
  TraceWriter writer([&](std::string_view piece) { text += piece; }, TraceWriter::Format::csv);
  const auto generated = make_source(spec, 8);
  CHECK(write_arrivals(*generated, writer).rows == 2000);
  const auto again = make_source(spec, 8);
  for (const Row& row : rows(text)) {
    const RequestSpec request = again->take();
    REQUIRE(*row.offset == request.arrival - Instant());
    REQUIRE(row.prompt == request.prompt);
    REQUIRE(row.output == request.output);
  }
  CHECK(again->next_arrival() == Instant::never());
}

TEST_CASE("A trace of lengths takes its arrivals from the process and its lengths in order") {
  const auto path = std::filesystem::temp_directory_path() / "headroom_lengths_test.csv";
  std::ofstream(path) << "num_prefill_tokens,num_decode_tokens\n10,1\n20,2\n30,3\n";
  WorkloadSpec spec;
  spec.trace = path.string();
  spec.arrivals = "constant";
  spec.rate = PerSecond(4);
  const auto source = make_source(spec, 1);
  for (int i = 0; i < 3; ++i) {
    const RequestSpec request = source->take();
    CHECK(request.arrival == Instant(250'000'000 * i));
    CHECK(request.prompt == Tokens(10 * (i + 1)));
  }
  CHECK(source->next_arrival() == Instant::never());
  spec.window_end = kSecond;
  CHECK_THROWS(make_source(spec, 1));
  spec.window_end.reset();
  spec.clients = 2;
  const auto closed = make_source(spec, 1);
  CHECK(closed->take().prompt == Tokens(10));
  CHECK(closed->take().prompt == Tokens(20));
  CHECK(closed->next_arrival() == Instant::never());
  std::filesystem::remove(path);
}
