// The first decision in which two recorded runs differ.
//
// Both are run again from the scenarios that their reports keep, up to the end of the window that
// their checkpoints name, and every milestone inside it is set side by side.
// Law: a run that this program does not reproduce (another version, another trace) is said to be
// so; nothing is concluded from it.
// Cost: two simulations up to the end of the window; memory for its milestones.
#pragma once

#include <string>

#include "reports/run_record.h"

namespace headroom {

/// A paragraph for each scenario of both files whose decisions differ. Throws InputError where the
/// records cannot be run again.
[[nodiscard]] std::string first_difference(const RecordFile& base, const RecordFile& candidate);

}  // namespace headroom
