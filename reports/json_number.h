// A figure in a JSON document of ours.
//
// Law: nine significant digits; a figure that does not exist is null, never zero.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "reports/number_text.h"

namespace headroom {

/// `value` as the machine-readable outputs hold it; null where it is not finite.
[[nodiscard]] inline nlohmann::ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return nine_digits(value);
}

/// The same; null where there is none.
template <class Value>
[[nodiscard]] nlohmann::ordered_json number(const std::optional<Value>& value) {
  if (!value) return nullptr;
  return number(static_cast<double>(*value));
}

}  // namespace headroom
