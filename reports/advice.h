// From figures to sentences: what a planner should notice, and what to change.
//
// Law: every sentence names the figure that called for it; a healthy run gets none.
// Not here: the figures themselves (reports/summary.h).
#pragma once

namespace headroom {

struct Summary;

/// Fills `notes`, `warnings` and `advice` from the context and the figures of `summary`.
void add_remarks(Summary& summary);

}  // namespace headroom
