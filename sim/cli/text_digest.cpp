#include "sim/cli/text_digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <fstream>
#include <iterator>

#include "reports/number_text.h"

namespace headroom {

std::string text_digest(std::string_view text) {
  return hex64(XXH3_64bits(text.data(), text.size()));
}

std::string file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace headroom
