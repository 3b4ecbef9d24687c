#include "traces/trace_info.h"

#include <filesystem>
#include <sstream>

#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/convert.h"
#include "traces/make_source.h"

using namespace headroom;

namespace {
const std::string kShared = std::string(HEADROOM_SOURCE_DIR) + "/../shared/traces/";

TraceInfo info_of(const std::string& text) {
  const auto reader = read_trace(text, "t");
  return trace_info(*reader, "t");
}
}  // namespace

TEST_CASE("Counts, rates and gaps of a small trace are those of the hand") {
  // Gaps 1, 1, 3, 5 s: mean 2.5, variance (2.25 + 2.25 + 0.25 + 6.25) / 4 = 2.75, cv sqrt(2.75)
  // / 2.5 = 0.6633.
  const TraceInfo info = info_of(
      "arrival_s,prompt_tokens,output_tokens,session\n0,10,1,a\n1,20,2,b\n2,30,3,a\n5,40,4,\n"
      "10,50,5,0\n");
  CHECK(info.requests == 5);
  CHECK(info.sessions == 2);
  CHECK(info.requests_in_sessions == 3);
  REQUIRE(info.arrivals);
  CHECK(info.arrivals->span == kSecond * 10);
  CHECK(info.arrivals->mean_rate.value() == Approx(0.4));
  CHECK(info.arrivals->gap_cv == Approx(0.66332).epsilon(1e-4));
  CHECK(info.arrivals->peak_second.value() == 1);
  CHECK(info.arrivals->peak_minute.value() == Approx(5.0 / 60));
  // Whole seconds 0 to 9 hold 1 1 1 0 0 1 0 0 0 0: mean 0.4, variance 0.24, ratio 0.6.
  CHECK(*info.arrivals->dispersion_second == Approx(0.6));
  CHECK_FALSE(info.arrivals->dispersion_minute);
  CHECK(info.prompt.sum == 150);
  CHECK(info.prompt.mean == 30);
  CHECK(info.prompt.p50 == 30);
  CHECK(info.prompt.p90 == 50);
  CHECK(info.output.largest == 5);
  CHECK_FALSE(info.prefix);
}

TEST_CASE("Reuse counts the leading blocks that an earlier prompt had, in tokens of the prompt") {
  // Second prompt: blocks 1, 2 hit, 9 new, 3 behind it does not count: 1,024 tokens. Third: 1
  // alone, 100 tokens.
  const TraceInfo info = info_of(
      R"({"timestamp": 0, "input_length": 2048, "output_length": 1, "hash_ids": [1, 2, 3, 4]})"
      "\n"
      R"({"timestamp": 0, "input_length": 2048, "output_length": 1, "hash_ids": [1, 2, 9, 3]})"
      "\n"
      R"({"timestamp": 0, "input_length": 100, "output_length": 1, "hash_ids": [1]})");
  REQUIRE(info.prefix);
  CHECK(info.prefix->blocks == 9);
  CHECK(info.prefix->distinct_blocks == 5);
  CHECK(info.prefix->hit_blocks == 3);
  CHECK(info.prefix->hit_tokens == Tokens(1124));
  CHECK(info.prefix->hit_share_tokens == Approx(1124.0 / 4196));
}

TEST_CASE("Mooncake's prompts hit an unbounded cache as its table says") {
  if (!std::filesystem::exists(kShared)) {
    WARN("skipped: the shared traces are not here");
    return;
  }
  const auto conversation = open_trace(kShared + "mooncake-fast25/conversation_trace.jsonl.zst");
  CHECK(trace_info(*conversation, "c").prefix->hit_share_tokens == Approx(0.3736).margin(0.00005));
  const auto head = open_trace(kShared + "mooncake-fast25/mooncake_trace_1000.jsonl");
  CHECK(trace_info(*head, "h").prefix->hit_share_tokens == Approx(0.3907).margin(0.00005));
}

TEST_CASE("Burstiness is 1 for Poisson arrivals and larger for clumped ones") {
  const auto measured = [](const char* arrivals, double cv) {
    WorkloadSpec spec;
    spec.requests = 100'000;
    spec.rate = PerSecond(10);
    spec.arrivals = arrivals;
    spec.arrival_cv = cv;
    spec.prompt.mean = spec.output.mean = 10;
    std::string text;
    TraceWriter writer([&](std::string_view piece) { text += piece; }, TraceWriter::Format::csv);
    static_cast<void>(write_arrivals(*make_source(spec, 1), writer));
    return *info_of(text).arrivals;
  };
  const ArrivalSummary poisson = measured("poisson", 1);
  CHECK(poisson.gap_cv == Approx(1).epsilon(0.02));
  CHECK(*poisson.dispersion_second == Approx(1).epsilon(0.06));
  CHECK(*poisson.dispersion_minute == Approx(1).epsilon(0.5));
  CHECK(poisson.mean_rate.value() == Approx(10).epsilon(0.02));
  const ArrivalSummary clumped = measured("gamma", 3);
  CHECK(clumped.gap_cv == Approx(3).epsilon(0.05));
  // A renewal process' counts over long windows have dispersion cv^2 = 9.
  CHECK(*clumped.dispersion_minute == Approx(9).epsilon(0.5));
}

TEST_CASE("The text fits 80 columns and tells what was passed over") {
  std::string text = "Timestamp,Session ID,Request tokens,Response tokens\n";
  for (int i = 0; i < 1000; ++i) text += std::to_string(i * 1000) + ",s,268435456,268435456\n";
  text += "2000000,,5,0\n";
  const std::string printed = to_text(info_of(text));
  std::istringstream lines(printed);
  std::string line;
  while (std::getline(lines, line)) CHECK(line.size() <= 80);
  CHECK(printed.find("1 without output tokens") != std::string::npos);
  CHECK(printed.find("268,435,456,000") != std::string::npos);
}
