// A chart drawn as SVG: the layer that needs no script, and the one that prints.
//
// Law: well-formed, self-contained, the same bytes on every machine; colours are presentation
// attributes, so that it reads without any style, and classes that a style may override.
// Cost: a few bytes a point.
#pragma once

#include <string>

#include "reports/html/chart.h"

namespace headroom {

/// `id` is unique in its document and made of letters, digits and '-'.
[[nodiscard]] std::string svg_chart(const Chart& chart, const std::string& id);

}  // namespace headroom
