// Recorded coding sessions: one JSON document a session, with sub-agents nested, or a tar of such
// documents.
//
// Law: one session is one trace, in order of time; a bundle's sessions share no clock, so its rows
// have no offsets and come session by session. Block ids mean something inside one session only:
// they are chained with its name.
// Cost: one session in memory at a time. Format: kv-cache-tester's conversation files (block size
// 64).
#pragma once

#include <memory>
#include <string>

#include "traces/row_builder.h"

namespace headroom {

/// A session on one line, `head`. Throws InputError.
[[nodiscard]] std::unique_ptr<TraceReader> open_coding_session(LineReader lines, std::string head);

}  // namespace headroom
