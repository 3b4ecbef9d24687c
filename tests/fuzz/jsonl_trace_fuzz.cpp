// links: sim traces
// Any bytes behind a valid first record of each JSON format give rows within their laws or an
// InputError.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/check.h"
#include "traces/trace_reader.h"

namespace {
constexpr std::array<const char*, 6> kHeads{
    R"({"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]})",
    R"({"arrival_s": 0, "prompt_tokens": 9, "output_tokens": 5})",
    R"({"input_toks": 9, "output_toks": 5, "arrival_time": 0.5})",
    R"({"event": {"event_type": "tool_end"}})",
    R"({"session_id": "s", "round_index": 0, "input_tokens_total": 5, "output_tokens": 5,)"
    R"( "timing_events": [{"event_type": "user_message", "timestamp": "2026-06-01T05:40:20Z"}]})",
    R"({"requests": [{"t": 0, "in": 64, "out": 1, "hash_ids": [1]}]})",
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headroom;
  if (size == 0) return 0;
  // The first byte chooses a format and whether the record or the rest of the input comes first.
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) text = std::string(kHeads[(data[0] >> 1) % kHeads.size()]) + "\n" + text;
  if (text.empty() || text.front() != '{') text.insert(text.begin(), '{');
  try {
    const auto reader = read_trace(text, "fuzz");
    Duration last{0};
    while (const auto row = reader->next()) {
      SIM_CHECK(row->prompt >= Tokens(1) && row->prompt <= kMaxRequestTokens,
                "prompts are bounded");
      SIM_CHECK(row->output >= Tokens(1) && row->output <= kMaxRequestTokens,
                "outputs are bounded");
      SIM_CHECK(row->prefix_blocks.empty() || row->prefix_block_tokens >= Tokens(1),
                "prefix blocks have a size");
      SIM_CHECK(!row->offset || *row->offset >= last, "times never go back");
      if (row->offset) last = *row->offset;
    }
  } catch (const InputError& error) {
    SIM_CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos,
              "an error is one line");
  }
  return 0;
}
