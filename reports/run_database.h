// A SQLite file to which runs are appended: what `--db` writes and a later comparison reads.
//
// Tables: runs (one row a run), metrics (run, name, unit, value, better), digests (run, name,
// value); the file carries an application id and a schema version.
// Law: a run is in all three tables or in none (one transaction); no wall clock. Errors: InputError
// naming the file for anything that is no such database, is newer, locked, or cannot be written; a
// file that did not exist before is gone again then. Not for concurrent writers on a network file
// system.
#pragma once

#include <cstdint>
#include <string>

#include "reports/summary.h"

namespace headroom {

constexpr std::int32_t kRunDatabaseVersion = 1;

/// Appends `summary` to the database at `path`, created if absent; returns the run's id, from 1.
std::int64_t record_run(const std::string& path, const Summary& summary);

}  // namespace headroom
