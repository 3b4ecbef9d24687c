#include "sim/cli/text_digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reports/number_text.h"

namespace headroom {

std::string text_digest(std::string_view text) {
  return hex64(XXH3_64bits(text.data(), text.size()));
}

}  // namespace headroom
