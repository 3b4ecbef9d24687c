// Text of any origin made safe inside HTML, SVG and the JSON that a page carries.
//
// Law: what comes out can neither end an element, an attribute or a script nor reverse the reading
// of what stands around it, so hostile names are shown as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headroom {

/// Printable `text` with & < > " ' as character references: for elements and attributes.
[[nodiscard]] std::string html_text(std::string_view text);

/// Printable `text` as a JSON string, quotes included, with nothing in it that HTML reads.
[[nodiscard]] std::string json_text(std::string_view text);

/// `value` as a JSON number of at most nine significant digits; null where it is not finite.
[[nodiscard]] std::string json_number(double value);

/// "1,062,456": counts that people read.
[[nodiscard]] std::string grouped(std::uint64_t count);
[[nodiscard]] std::string grouped(std::int64_t count);

}  // namespace headroom
