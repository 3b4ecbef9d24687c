// The summary as GitHub-flavoured Markdown, for job summaries and documents: verdict first, then
// tables.
//
// Law: a name can break neither a table nor the page: '|' and everything that Markdown or HTML
// would read as markup is escaped, line breaks become spaces. The same summary gives the same
// bytes.
#pragma once

#include <string>
#include <string_view>

#include "reports/summary.h"

namespace headroom {

[[nodiscard]] std::string markdown_report(const Summary& summary);

/// `text` as it must stand in a cell to be shown as it is.
[[nodiscard]] std::string markdown_cell(std::string_view text);

}  // namespace headroom
