// Recorded failures of replicas: a CSV with time_s, replica, down_s; rows in order of time.
//
// Law: any bytes give rows or one InputError `file:line:column`.
#pragma once

#include <vector>

#include "sim/scenario.h"
#include "traces/line_reader.h"

namespace headroom {

/// Throws InputError; `replicas` bounds the column replica.
[[nodiscard]] std::vector<DynamicsSpec::Outage> read_outages(LineReader reader,
                                                             std::int64_t replicas);

}  // namespace headroom
