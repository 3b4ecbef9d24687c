// The summary as one JSON document: every table of every other output, with a schema version.
//
// Law: the same summary gives the same bytes; keys keep their order; numbers hold nine significant
// digits; a figure that does not exist is null, never zero. Readers may rely on the keys of one
// schema_version; new keys may be added to it.
#pragma once

#include <string>

#include "reports/run_detail.h"
#include "reports/summary.h"

namespace headroom {

/// Raised whenever a key is renamed, removed or changes its meaning.
constexpr int kReportSchemaVersion = 1;

/// The document, indented by two spaces, ending in a line break; with `detail` where it is given.
[[nodiscard]] std::string json_report(const Summary& summary, const RunDetail* detail = nullptr);

}  // namespace headroom
