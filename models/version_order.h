// The order of library versions.
//
// Law: runs of digits compare as numbers, so "1.3.0rc20" comes after "1.3.0rc5" and "0.5.14" after
// "0.5.6.post2". Cost: a few allocations. Not here: which version answers (models/kernel_place.h,
// models/pack_fit.h).
#pragma once

#include <string>
#include <vector>

namespace headroom {

/// Whether `a` is the newer one.
[[nodiscard]] bool newer_version(const std::string& a, const std::string& b);

}  // namespace headroom
