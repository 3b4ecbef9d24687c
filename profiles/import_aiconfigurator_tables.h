// What the columns of AIConfigurator's tables mean: one layout a kind of table.
//
// Law: a column that no layout knows is an error, since it may tell otherwise equal rows apart.
// Cost: one pass over the columns. Not here: where tables lie (profiles/import_aiconfigurator.cpp).
#pragma once

#include <string>

#include "profiles/import_rows.h"
#include "profiles/parquet.h"

namespace headroom {

/// Whether a table of that name ("gemm_perf") can be read.
[[nodiscard]] bool has_aiconfigurator_layout(const std::string& table);
/// Appends a table's rows. Throws InputError: missing, unknown or incomplete columns, unknown
/// words, times or shapes that cannot be.
void read_aiconfigurator_rows(const std::string& table, const ParquetTable& from, ImportTable& to);

}  // namespace headroom
