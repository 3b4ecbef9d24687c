// links: sim traces
// Any bytes, read as a trace whose format is detected, give rows within their laws or an
// InputError.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/check.h"
#include "traces/trace_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headroom;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto reader = read_trace(bytes, "fuzz");
    Duration last{0};
    while (const auto row = reader->next()) {
      SIM_CHECK(row->prompt >= Tokens(1) && row->prompt <= kMaxRequestTokens,
                "prompts are bounded");
      SIM_CHECK(row->output >= Tokens(1) && row->output <= kMaxRequestTokens,
                "outputs are bounded");
      SIM_CHECK(row->offset.has_value() == reader->has_arrivals(), "all rows have times or none");
      SIM_CHECK(!row->offset || *row->offset >= last, "times never go back");
      if (row->offset) last = *row->offset;
    }
  } catch (const InputError& error) {
    SIM_CHECK(std::string_view(error.what()).find('\n') == std::string_view::npos,
              "an error is one line");
  }
  return 0;
}
