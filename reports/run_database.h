// A SQLite file to which runs are appended: what `--db` writes and a later comparison reads.
//
// Tables: runs (one row a run), metrics (run, name, unit, value, better), digests (run, name,
// value), inputs (run, pointer, value), documents (run, document), gates (run, place, gate),
// labels (run, label); the file carries an application id and a schema version. A file of version
// 1, which has the first three, is read as it is and brought to this version by the next run. Law:
// a run is in all tables or in none (one transaction); no wall clock: dates and commits are what
// the caller says (`label`). Errors: InputError naming the file for anything that is no such
// database, is newer, locked, or cannot be written; a file that did not exist before is gone again
// then. Not for concurrent writers on a network file system.
#pragma once

#include <cstdint>
#include <string>

#include "reports/summary.h"

namespace headroom {

constexpr std::int32_t kRunDatabaseVersion = 2;

/// Appends `summary` to the database at `path`, created if absent; returns the run's id, from 1.
/// `label` is kept with it: a commit, a date.
std::int64_t record_run(const std::string& path, const Summary& summary,
                        const std::string& label = {});

/// "HDRM", by which a file is told from other SQLite files.
constexpr std::int64_t kRunDatabaseId = 0x4844524d;

}  // namespace headroom
