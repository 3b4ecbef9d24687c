// links: profiles
// Any bytes, taken as a completions server's answer in two cuts, give tokens or one line; the cut
// changes nothing.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "profiles/calibrate_stream.h"
#include "sim/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace headroom;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CompletionStream whole, cut;
  static_cast<void>(whole.feed(bytes, 1));
  static_cast<void>(cut.feed(bytes.substr(0, size / 2), 1));
  static_cast<void>(cut.feed(bytes.substr(size / 2), 1));
  const bool good = whole.finish();
  SIM_CHECK(good == cut.finish(), "a cut changes nothing");
  SIM_CHECK(whole.fault() == cut.fault(), "a cut changes nothing");
  SIM_CHECK(whole.times_s() == cut.times_s(), "a cut changes nothing");
  SIM_CHECK(good == whole.fault().empty(), "what is not used says why");
  SIM_CHECK(whole.fault().find('\n') == std::string::npos, "an error is one line");
  SIM_CHECK(whole.prompt_tokens() >= 0 && whole.completion_tokens() >= 0, "counts are counts");
  return 0;
}
