// What a page carries beside its content, made part of the program when it is built
// (cmake/report_assets.cmake).
#pragma once

#include <string_view>

namespace headroom {

/// reports/assets/page.css.
[[nodiscard]] std::string_view page_style();
/// reports/assets/loader.js: unpacks the charts' script inside a page.
[[nodiscard]] std::string_view page_loader();
/// Apache ECharts and reports/assets/charts.js, gzipped, as base64; empty in a program that was
/// built without npm.
[[nodiscard]] std::string_view page_charts();
/// Of each package in that script a line (name, version, licence, separated by tabs); after an
/// empty line their notices and licences. Empty where there is no script.
[[nodiscard]] std::string_view page_notices();

}  // namespace headroom
