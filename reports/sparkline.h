// A series as one line of characters: ' ' for zero, then ten levels up to '@' for the scale's top.
//
// Law: any value above zero is visible; plain ASCII. Points are averaged where there are more of
// them than columns.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace headroom {

/// At most `columns` characters. Requires `top` > 0 for anything but blanks, columns >= 1.
[[nodiscard]] std::string sparkline(std::span<const double> values, double top,
                                    std::size_t columns);

}  // namespace headroom
