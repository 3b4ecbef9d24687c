// The summary for people: at most 80 columns, words before colour.
//
// Law: no line is longer than kConsoleColumns, whatever the names in it; the same summary gives the
// same bytes; with Colour::off no escape sequence appears, and colour never carries what words do
// not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "reports/summary.h"

namespace headroom {

constexpr std::size_t kConsoleColumns = 80;

enum class Colour : std::uint8_t { off, on };

/// The whole report, ending in a line break.
[[nodiscard]] std::string console_report(const Summary& summary, Colour colour);

}  // namespace headroom
