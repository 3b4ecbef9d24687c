// Fingerprint of a text or a file, for telling whether two files say the same.
#pragma once

#include <string>
#include <string_view>

namespace headroom {

/// XXH3, 64 bits, as 16 hex digits.
[[nodiscard]] std::string text_digest(std::string_view text);

/// A file's bytes; none where it cannot be read.
[[nodiscard]] std::string file_bytes(const std::string& path);

}  // namespace headroom
