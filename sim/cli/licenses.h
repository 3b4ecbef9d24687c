// What others wrote of this program, under which licences, and the notices that these ask for.
//
// Law: every library that the build looks for is named (tests/cli/licenses_test.cpp).
#pragma once

#include <string>

namespace headroom {

/// What `headroom version --licenses` prints: a table, then notices.
[[nodiscard]] std::string licenses_text();

}  // namespace headroom
