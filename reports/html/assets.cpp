#include "reports/html/assets.h"

#include <cstddef>

// Named by cmake/report_assets.cmake.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {
extern const char headroom_page_style_begin[], headroom_page_style_end[];
extern const char headroom_page_loader_begin[], headroom_page_loader_end[];
extern const char headroom_page_charts_begin[], headroom_page_charts_end[];
extern const char headroom_page_notices_begin[], headroom_page_notices_end[];
}
// NOLINTEND(readability-identifier-naming)

namespace headroom {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view page_style() {
  return between(headroom_page_style_begin, headroom_page_style_end);
}
std::string_view page_loader() {
  return between(headroom_page_loader_begin, headroom_page_loader_end);
}
std::string_view page_charts() {
  return between(headroom_page_charts_begin, headroom_page_charts_end);
}

std::string_view page_notices() {
  return between(headroom_page_notices_begin, headroom_page_notices_end);
}

}  // namespace headroom
