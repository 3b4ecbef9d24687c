// A sweep as one JSON document.
//
// Law: holds every table of the other outputs; a figure that does not exist is null. Renaming or
// removing a key raises the version.
#pragma once

#include <string>

#include "reports/sweep.h"

namespace headroom {

constexpr int kSweepSchemaVersion = 1;

[[nodiscard]] std::string sweep_json(const SweepResults& results);

}  // namespace headroom
