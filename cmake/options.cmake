# Compiler settings for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
# Assertions of ours are SIM_CHECK, always on; frame pointers keep profiles readable.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -fno-omit-frame-pointer")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(headroom_options INTERFACE)
target_include_directories(headroom_options INTERFACE ${PROJECT_SOURCE_DIR})
# Same input, same bytes: no contraction of a*b+c, no fast-math, no -march=native.
set(cxx_flags -ffp-contract=off
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  $<$<BOOL:${HEADROOM_WERROR}>:-Werror>)
target_compile_options(headroom_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${cxx_flags}>")
set(HEADROOM_SANITIZE "" CACHE STRING "Sanitizers, separated by commas: address,undefined or thread")
if(HEADROOM_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "HEADROOM_FUZZ needs clang, which brings libFuzzer; set -DCMAKE_CXX_COMPILER=clang++-14")
  endif()
  set(fuzz_flags -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
  target_compile_options(headroom_options INTERFACE -O1 -fsanitize=fuzzer-no-link ${fuzz_flags})
  target_link_options(headroom_options INTERFACE ${fuzz_flags})
elseif(HEADROOM_SANITIZE)
  target_compile_options(headroom_options INTERFACE -fsanitize=${HEADROOM_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(headroom_options INTERFACE -fsanitize=${HEADROOM_SANITIZE})
endif()

include(cmake/cuda.cmake)

find_package(Threads REQUIRED)
find_package(Boost CONFIG REQUIRED COMPONENTS graph program_options)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
# Not every system's Snappy comes with a pkg-config file.
find_path(SNAPPY_INCLUDE snappy-c.h REQUIRED)
find_library(SNAPPY_LIBRARY snappy REQUIRED)
file(STRINGS ${SNAPPY_INCLUDE}/snappy-stubs-public.h SNAPPY_VERSION REGEX "define SNAPPY_(MAJOR|MINOR|PATCHLEVEL) [0-9]+")
string(REGEX REPLACE "[^;]* ([0-9]+)" "\\1" SNAPPY_VERSION "${SNAPPY_VERSION}")
string(REPLACE ";" "." SNAPPY_VERSION "${SNAPPY_VERSION}")
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)  # used as a header only
