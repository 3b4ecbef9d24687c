// Text of any origin made fit for a terminal of fixed width.
//
// Law: what comes out holds no control character and no broken UTF-8, so a scenario's name can
// neither move the cursor nor break a table. Width counts columns: wide East Asian characters and
// everything beyond as two, so that a line is never longer than promised.
// Not here: colour, numbers.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// `text` with line breaks and tabs as spaces, other control characters and broken UTF-8 as '?'.
[[nodiscard]] std::string printable(std::string_view text);

/// Printable `text` as a JSON string, quotes included.
[[nodiscard]] std::string json_string(std::string_view text);

/// Columns that printable text takes at most.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// `text` cut to `width` columns, the cut marked by "..."; requires width >= 3.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

/// Printable `text` padded with spaces on the right, or shortened, to exactly `width` columns (or
/// one less, where a wide character had to go).
[[nodiscard]] std::string left_cell(std::string_view text, std::size_t width);

/// As `left_cell`, padded on the left.
[[nodiscard]] std::string right_cell(std::string_view text, std::size_t width);

/// Printable `text` broken at spaces into lines of at most `width` columns; longer words are broken
/// anywhere.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t width);

}  // namespace headroom
