#include "traces/trace_reader.h"

#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "traces/line_reader.h"

using namespace headroom;

namespace {

const std::string kShared = std::string(HEADROOM_SOURCE_DIR) + "/../shared/traces/";

struct Totals {
  std::uint64_t rows = 0;
  std::int64_t prompt = 0, output = 0, last_ns = -1, largest_prompt = 0;
  std::uint64_t block_refs = 0;
  std::set<std::uint64_t> blocks, sessions;
  std::set<std::uint32_t> classes;
  SkippedRows skipped;
};

Totals totals(TraceReader& reader, std::size_t most_blocks = 1'000'000) {
  Totals out;
  while (const auto row = reader.next()) {
    ++out.rows;
    out.prompt += row->prompt.value();
    out.output += row->output.value();
    out.largest_prompt = std::max(out.largest_prompt, row->prompt.value());
    if (row->offset) out.last_ns = row->offset->value();
    out.block_refs += row->prefix_blocks.size();
    if (out.blocks.size() < most_blocks) {
      out.blocks.insert(row->prefix_blocks.begin(), row->prefix_blocks.end());
    }
    if (row->session != 0) out.sessions.insert(row->session);
    out.classes.insert(row->class_index);
  }
  out.skipped = reader.skipped();
  return out;
}

/// A row of the shared data's own table of what an importer must find. Skipped rows count as
/// records there.
struct Expected {
  const char* file;
  const char* format;
  std::uint64_t records;
  std::int64_t prompt, output;
  std::int64_t last_ns;  ///< of the last request that is not skipped; -1: no arrivals
};

const Expected kTable[] = {
    {"azure-llm-2023/AzureLLMInferenceTrace_conv.csv", "azure", 19366, 22'361'870, 4'088'665,
     3'501'721'937'000},
    {"azure-llm-2023/AzureLLMInferenceTrace_code.csv", "azure", 8819, 18'059'974, 245'896,
     3'435'948'056'000},
    {"azure-llm-2023/vidur-format/splitwise_conv.csv", "vidur", 19366, 22'361'870, 4'088'665,
     3'501'721'937'000},
    {"azure-llm-2023/vidur-format/splitwise_code.csv", "vidur", 8819, 18'059'974, 245'896,
     3'435'948'056'000},
    {"mooncake-fast25/conversation_trace.jsonl.zst", "mooncake", 12031, 144'793'823, 4'122'048,
     3'536'999'000'000},
    {"mooncake-fast25/mooncake_trace_1000.jsonl", "mooncake", 1000, 9'792'030, 199'084,
     177'098'000'000},
    // Times 5 to 37,274 s and 19,440,110 to 19,481,563 s.
    {"burstgpt/BurstGPT_1_first400.csv", "burstgpt", 400, 208'189, 110'612, 37'269'000'000'000},
    {"burstgpt/BurstGPT_3_first400.csv", "burstgpt", 400, 246'941, 68'350, 41'453'000'000'000},
    {"chatbot-arena-vtc/arena_real_trace.csv", "arena-vtc", 1500, 204'398, 384'297,
     600'000'000'000},
    // First request received at Unix ms 1779163048815, last at 1779163210962.
    {"dynamo/pi_request_trace.jsonl", "dynamo", 17, 66'520, 8'094, 162'147'000'000},
    {"lengths/arxiv_summarization_llama2.csv", "lengths", 28257, 73'131'321, 8'234'948, -1},
    {"lengths/sharegpt_8k_llama2.csv", "lengths", 30731, 71'911'571, 13'481'988, -1},
    {"lengths/lmsys_chat.csv.zst", "azure", 100'000, 9'220'294, 20'739'722, -1},
    {"llmservingsim/RTX4090_Llama-3.1-8B/requests.jsonl", "llmservingsim", 300, 257'239, 195'753,
     29'100'521'300},
    {"llmservingsim/RTXPRO6000_Llama-3.1-8B/requests.jsonl", "llmservingsim", 300, 257'239, 195'753,
     29'121'193'300},
    {"llmservingsim/RTXPRO6000_Qwen3-30B-A3B-Instruct-2507/requests.jsonl", "llmservingsim", 300,
     258'691, 199'486, 29'117'271'700},
    {"llmservingsim/sharegpt-llama-3.1-8b-300-sps10.jsonl.zst", "llmservingsim", 300, 257'239,
     195'753, 29'136'836'395},
};

bool shared_present() {
  if (std::filesystem::exists(kShared + "README.md")) return true;
  WARN("skipped: the shared traces are not here");
  return false;
}

std::string packed(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

}  // namespace

TEST_CASE("Every shared trace holds the records and sums that its table states") {
  if (!shared_present()) return;
  for (const Expected& expected : kTable) {
    INFO(expected.file);
    const auto reader = open_trace(kShared + expected.file);
    CHECK(reader->format().name == expected.format);
    CHECK(reader->has_arrivals() == (expected.last_ns >= 0));
    const Totals got = totals(*reader);
    CHECK(got.rows + got.skipped.failed + got.skipped.empty == expected.records);
    CHECK(got.prompt + got.skipped.prompt_tokens.value() == expected.prompt);
    CHECK(got.output + got.skipped.output_tokens.value() == expected.output);
    CHECK(got.last_ns == expected.last_ns);
  }
}

TEST_CASE("Prefix ids, sessions, adapters and failed calls of the shared traces are all there") {
  if (!shared_present()) return;
  const Totals mooncake = totals(*open_trace(kShared + kTable[4].file));
  CHECK(mooncake.block_refs == 288'500);
  CHECK(mooncake.blocks.size() == 182'790);
  const Totals first = totals(*open_trace(kShared + kTable[5].file));
  CHECK(first.block_refs == 19'686);
  CHECK(first.blocks.size() == 12'207);
  const Totals burst1 = totals(*open_trace(kShared + kTable[6].file));
  CHECK(burst1.rows == 383);
  CHECK(burst1.skipped.failed == 17);
  const Totals burst3 = totals(*open_trace(kShared + kTable[7].file));
  CHECK(burst3.skipped.failed == 1);
  CHECK(burst3.sessions.size() == 134);  // 135 in the file; one has only the failed call
  CHECK(totals(*open_trace(kShared + kTable[8].file)).classes.size() == 27);
  CHECK(totals(*open_trace(kShared + kTable[9].file)).sessions.size() == 5);
}

TEST_CASE("A bundle of coding sessions gives every session's requests and its sub-agents'") {
  if (!shared_present()) return;
  // 120 conversations and 24 sub-agents, 6,507 + 271 requests; top-level sums 655,313,158 and
  // 2,760,294.
  const auto reader = open_trace(kShared + "claude-code-weka/set-a.tar.zst");
  CHECK(reader->format().name == "coding-session");
  CHECK_FALSE(reader->has_arrivals());
  const Totals got = totals(*reader, 1);
  CHECK(got.rows + got.skipped.failed == 6507 + 271);
  CHECK(got.sessions.size() == 120 + 24);
  CHECK(got.largest_prompt == 868'539);
  CHECK(got.prompt + got.skipped.prompt_tokens.value() > 655'313'158);
  CHECK(got.output > 2'760'294);
}

TEST_CASE("Files of other kinds are answered with one line that says what they are") {
  if (!shared_present()) return;
  int refused = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kShared)) {
    if (!entry.is_regular_file()) continue;
    try {
      const auto reader = open_trace(entry.path().string());
      const Totals got = totals(*reader, 1);
      CHECK(got.rows > 0);
    } catch (const InputError& error) {
      const std::string line = error.what();
      INFO(line);
      CHECK(line.find('\n') == std::string::npos);
      CHECK(line.find("expected") != std::string::npos);
      ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("Times are exact: one 100 ns digit is 100 ns, whatever the date") {
  const auto reader = read_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n"
      "2023-11-16 18:15:46.6805901,396,109",
      "t");
  CHECK(reader->next()->offset == Duration(0));
  const auto second = reader->next();
  CHECK(second->offset == Duration(100));
  CHECK(second->output == Tokens(109));
  CHECK_FALSE(reader->next());
}

TEST_CASE("Azure's 2024 form with a zone is read, across midnight and a leap day") {
  const auto reader = read_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-02-29 23:59:59.999999+00:00,1,2\n"
      "2024-03-01 00:00:00.000001+00:00,3,4\n",
      "t");
  static_cast<void>(reader->next());
  CHECK(reader->next()->offset == Duration(2000));
}

TEST_CASE("The format is the same plain, packed, with a byte order mark, and named") {
  const std::string text = "arrival_s,prompt_tokens,output_tokens\n0,10,20\n1.5,11,21\n";
  for (const std::string& bytes :
       {text, packed(text), packed(text.substr(0, 50)) + packed(text.substr(50)),
        "\xef\xbb\xbf" + text}) {
    for (const char* format : {"auto", "headroom-csv"}) {
      const auto reader = read_trace(bytes, "t", format);
      const Totals got = totals(*reader);
      CHECK(got.rows == 2);
      CHECK(got.last_ns == 1'500'000'000);
    }
  }
}

TEST_CASE("Reading keeps memory constant: lines pass through one buffer") {
  // A source of 50 MB that is never in memory; the reader's buffer is its only store, and it stays
  // at its first size.
  class Endless : public ByteSource {
   public:
    std::size_t read(char* out, std::size_t size) override {
      constexpr std::string_view kRow = "1,100,200\n";
      const std::size_t got = std::min(size, left_);
      for (std::size_t i = 0; i < got; ++i) out[i] = kRow[(done_ + i) % kRow.size()];
      done_ += got;
      left_ -= got;
      return got;
    }

   private:
    std::size_t left_ = 50'000'000;
    std::size_t done_ = 0;
  };
  LineReader lines(std::make_unique<Endless>(), "endless", 1000);
  std::uint64_t count = 0;
  const char* low = nullptr;
  const char* high = nullptr;
  while (const auto line = lines.next()) {
    if (count == 0) low = high = line->data();
    low = std::min(low, line->data());
    high = std::max(high, line->data());
    ++count;
  }
  CHECK(count == 5'000'000);
  CHECK(high - low < (1 << 18));
}
