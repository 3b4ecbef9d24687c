// A figure in a JSON document of ours.
//
// Law: nine significant digits; a figure that does not exist is null, never zero.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

#include "reports/number_text.h"

namespace headroom {

/// `value` as the machine-readable outputs hold it; null where it is not finite.
[[nodiscard]] inline nlohmann::ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return nine_digits(value);
}

}  // namespace headroom
