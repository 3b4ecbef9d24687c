// Fingerprint of a text, for telling whether two files say the same.
#pragma once

#include <string>
#include <string_view>

namespace headroom {

/// XXH3, 64 bits, as 16 hex digits.
[[nodiscard]] std::string text_digest(std::string_view text);

}  // namespace headroom
