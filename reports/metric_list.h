// Every figure of a summary as one flat list of named numbers, for the run record and for
// comparisons.
//
// Law: names are stable and unique ("latency.ttft.p99"), in a fixed order; a figure that does not
// exist is left out, so that it can be reported as missing and never taken for a zero. Each figure
// says which direction is better.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/summary.h"

namespace headroom {

enum class Better : std::uint8_t { lower, higher, neither };
[[nodiscard]] const char* to_string(Better better);
/// The one called `word`; neither where none is.
[[nodiscard]] Better better_from(std::string_view word);

struct NamedMetric {
  std::string name;
  std::string unit;  ///< "ms", "1/s", "share", "USD", ..., "1" for counts
  double value = 0;  ///< finite
  Better better = Better::neither;
};

[[nodiscard]] std::vector<NamedMetric> metric_list(const Summary& summary);

/// "ttft.p99" for "latency.ttft.p99": without the family that its unit tells anyway.
[[nodiscard]] std::string short_head(const std::string& name);

}  // namespace headroom
