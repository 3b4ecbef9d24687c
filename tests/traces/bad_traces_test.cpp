// Every wrong trace is answered with one line: place, expectation, finding, remedy.
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/check.h"
#include "tests/catch.h"
#include "traces/trace_reader.h"

using namespace headroom;

namespace {

const std::string kCsv = "arrival_s,prompt_tokens,output_tokens\n";
const std::string kMooncake =
    R"({"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]})"
    "\n";

struct Case {
  const char* name;
  std::string bytes;
  const char* place;  ///< how the message starts
  const char* says;   ///< what it must contain
  const char* format = "auto";
};

std::string answer(const std::string& bytes, const char* format) {
  try {
    const auto reader = read_trace(bytes, "f", format);
    while (reader->next()) {
    }
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

std::string packed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::vector<Case> cases() {
  const std::string good_zst = packed(kCsv + std::string(5000, ' ') + "\n");
  const std::string tar_name(257, 'a');
  return {
      {"empty file", "", "f: ", "got an empty file"},
      {"header only", kCsv, "f:1: ", "at least one request"},
      {"only failed calls", "Timestamp,Request tokens,Response tokens\n1,5,0\n",
       "f:2: ", "1 rows without tokens"},
      {"unknown columns", "a,b,c\n1,2,3\n", "f:1:1: ", "columns of a known trace format"},
      {"numbers without a header", "1,2,3\n", "f:1:1: ", "line of column names"},
      {"device log", "fps,inference_time,batch_size\n1,2,3\n", "f:1:1: ", "inference times"},
      {"binary",
       std::string("\x7f"
                   "ELF\0\0\0\0abc",
                   11),
       "f:1:5: ", "NUL byte"},
      {"gzip", "\x1f\x8b\x08rest of it", "f: ", "gzip"},
      {"parquet", "PAR1abcdefgh", "f: ", "Parquet"},
      {"UTF-16", std::string("\xff\xfe\x61\0", 4), "f: ", "UTF-16"},
      {"truncated zstd", good_zst.substr(0, good_zst.size() - 6), "f: ", "truncated"},
      {"broken zstd", good_zst.substr(0, 4) + "\xff\xff\xff\xff\xff\xff", "f: ", "zstd"},
      {"too few columns", kCsv + "0,1,2\n1,5\n", "f:3:4: ", "expected 3 columns"},
      {"too many columns", kCsv + "0,1,2,9\n", "f:2:7: ", "got 4"},
      {"truncated in a row", kCsv + "0,1,2\n1,5", "f:3:4: ", "truncated"},
      {"empty line inside", kCsv + "0,1,2\n\n1,2,3\n", "f:3:1: ", "empty line"},
      {"open quote", kCsv + "0,\"1,2\n", "f:2:3: ", "closed quote"},
      {"text after a quote", kCsv + "0,\"1\"x,2\n", "f:2:6: ", "closed quote"},
      {"NaN time", kCsv + "nan,1,2\n", "f:2:1: ", "arrival_s: expected a time in seconds"},
      {"negative time", kCsv + "-1,1,2\n", "f:2:1: ", "at least 0"},
      {"time in the wrong unit", kCsv + "1e18,1,2\n", "f:2:1: ", "below 146 years"},
      {"going back", kCsv + "0,1,2\n5,1,2\n4.999999999,1,2\n", "f:4:1: ", "sort the trace"},
      {"NaN tokens", kCsv + "0,nan,2\n", "f:2:3: ", "prompt_tokens: expected a whole number"},
      {"negative tokens", kCsv + "0,1,-2\n", "f:2:5: ", "output_tokens: expected a whole number"},
      {"half a token", kCsv + "0,1.5,2\n", "f:2:3: ", "whole number"},
      {"10^18 tokens", kCsv + "0,1000000000000000000,2\n", "f:2:3: ", "to 268435456"},
      {"10^400 tokens", kCsv + "0,1e400,2\n", "f:2:3: ", "to 268435456"},
      {"empty tokens", kCsv + "0,,2\n", "f:2:3: ", "got \"\""},
      {"text for tokens", kCsv + "0,many,2\n", "f:2:3: ", "got \"many\""},
      {"header again inside", kCsv + "0,1,2\n" + kCsv, "f:3:11: ", "got \"prompt_tokens\""},
      {"negative turn", "prompt_tokens,output_tokens,turn\n1,2,-1\n", "f:2:5: ", "turn"},
      {"class out of range", "prompt_tokens,output_tokens,class\n1,2,5000\n", "f:2:5: ", "class"},
      {"no date", "TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n",
       "f:2:1: ", "a time like"},
      {"impossible date", "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-30 00:00:00,1,2\n",
       "f:2:1: ", "a time like"},
      {"times hidden halfway",
       "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-02-03 00:00:00,1,2\nXXX,1,2\n",
       "f:3:1: ", "a time like"},
      {"times shown halfway",
       "TIMESTAMP,ContextTokens,GeneratedTokens\nXXX,1,2\n2023-02-03 00:00:00,1,2\n",
       "f:3:1: ", "XXX as in the first row"},
      {"wrong format named", kCsv + "0,1,2\n", "f:1:1: ", "columns of format burstgpt", "burstgpt"},
      {"unknown format named", kCsv + "0,1,2\n", "f: ", "expected a trace format", "parquet"},
      {"CSV named for JSON", kMooncake, "f:1:1: ", "columns of format azure", "azure"},
      {"JSON named for CSV", kCsv + "0,1,2\n", "f:1:1: ", "JSON object", "mooncake"},
      {"JSON cut off", kMooncake + R"({"timestamp": 1, "input_)", "f:2:", "JSON object"},
      {"JSON over several lines", "{\n\"timestamp\": 0}\n", "f:1:", "one record a line"},
      {"JSON of other keys", R"({"a": 1})", "f:1:1: ", "starts with \"/a\""},
      {"JSON without a key", kMooncake + R"({"timestamp": 1, "input_length": 5})" + "\n",
       "f:2:1: ", "expected a key output_length"},
      {"JSON negative", R"({"timestamp": 0, "input_length": -5, "output_length": 5})",
       "f:1:18: ", "input_length: expected a whole number"},
      {"JSON text", R"({"timestamp": "x", "input_length": 5, "output_length": 5})",
       "f:1:2: ", "timestamp: expected a time in milliseconds"},
      {"JSON NaN", R"({"timestamp": NaN, "input_length": 5, "output_length": 5})", "f:1:", "JSON"},
      {"JSON number beyond doubles",
       R"({"timestamp": 1e999, "input_length": 5, "output_length": 5})", "f:1:", "JSON"},
      {"JSON going back",
       R"({"timestamp": 9, "input_length": 5, "output_length": 5})"
       "\n" +
           kMooncake,
       "f:2:2: ", "sort the trace"},
      {"more ids than blocks",
       R"({"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [1, 2]})",
       "f:1:57: ", "at most 1 ids"},
      {"negative id",
       R"({"timestamp": 0, "input_length": 5, "output_length": 5, "hash_ids": [-1]})",
       "f:1:57: ", "hash_ids: expected"},
      {"ids without a block size",
       R"({"arrival_s": 0, "prompt_tokens": 5, "output_tokens": 5, "prefix_blocks": [1]})",
       "f:1:", "size of its blocks"},
      {"nested too deep", std::string(100, '[') + std::string(100, ']'), "f:1:", "deeper than 32"},
      {"a million brackets", std::string(1'000'000, '['), "f:1:", "deeper than 32"},
      {"empty line in JSON", kMooncake + "\n" + kMooncake, "f:2:1: ", "empty line"},
      {"session with a bad length", R"({"id": "s", "requests": [{"t": 0, "in": -1, "out": 1}]})",
       "f:1:1: ", "in: expected a whole number"},
      {"session without a length", R"({"id": "s", "requests": [{"t": 0, "in": 7}]})",
       "f:1:1: ", "out: expected a whole number"},
      {"session with too many ids",
       R"({"id": "s", "block_size": 64, "requests": [{"t": 0, "in": 1, "out": 1, "hash_ids": [1, 2]}]})",
       "f:1:1: ", "one id a block"},
      {"two sessions in a file",
       R"({"id": "s", "requests": [{"t": 0, "in": 1, "out": 1}]})"
       "\n{}\n",
       "f:2:1: ", "end of the session"},
      {"tar cut off", tar_name + "ustar" + std::string(300, '\0') + "xx", "f:1: ", "ustar header"},
  };
}

}  // namespace

TEST_CASE("Each of at least 50 wrong traces gets one line with its place and what was expected") {
  REQUIRE(cases().size() >= 50);
  for (const Case& wrong : cases()) {
    const std::string line = answer(wrong.bytes, wrong.format);
    INFO(wrong.name << " -> " << line);
    CHECK(line.rfind(wrong.place, 0) == 0);
    CHECK(line.find(wrong.says) != std::string::npos);
    CHECK(line.find("expected") != std::string::npos);
    CHECK(line.find(", got ") != std::string::npos);
    CHECK(line.find("; ") != std::string::npos);
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.size() < 400);
  }
}

TEST_CASE("A missing file and a directory are named as such") {
  CHECK_THROWS_WITH(open_trace("/no/such/file.csv"),
                    Catch::Contains("/no/such/file.csv: ") && Catch::Contains("No such file"));
  CHECK_THROWS_WITH(open_trace("/"), Catch::Contains("got a directory"));
}

TEST_CASE("A line beyond the bound is refused at the bound, before it is in memory") {
  const std::string head = kCsv + "0,1,2\n";
  const std::string line = answer(head + std::string(std::size_t{66} << 20, '1'), "auto");
  CHECK(line.rfind("f:3:67108865: ", 0) == 0);
}
