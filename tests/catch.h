// Catch2, version 2 (Debian 12, Ubuntu 22.04) or 3 (Ubuntu 24.04 and later): tests include this,
// never Catch2 itself.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>  // IWYU pragma: export
using Catch::Approx;
#else
#include <catch2/catch.hpp>  // IWYU pragma: export
#endif
