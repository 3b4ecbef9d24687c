// Documents of a validation that need what reports/ may not include: JSON, and a scatter plot.
#pragma once

#include <string>

#include "reports/validation.h"

namespace headroom {

/// Every table and every point, "schema_version" 1.
[[nodiscard]] std::string validation_json(const Validation& validation);
/// Predicted over measured, logarithmic axes, one panel a metric; an SVG document.
[[nodiscard]] std::string validation_svg(const Validation& validation);

}  // namespace headroom
