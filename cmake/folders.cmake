# One target a folder; what each links is the layering; tests/laws/layers_test.cpp checks includes.
# Sources are globbed: a new policy is one new file.
function(headroom_folder name)
  cmake_parse_arguments(FOLDER "OBJECT" "" "LINKS" ${ARGN})
  set(patterns ${PROJECT_SOURCE_DIR}/${name}/*.cpp)
  if(HEADROOM_CUDA)
    list(APPEND patterns ${PROJECT_SOURCE_DIR}/${name}/*.cu)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  string(REPLACE "/" "_" target ${name})
  if(FOLDER_OBJECT)
    add_library(${target} OBJECT ${sources})
  else()
    add_library(${target} STATIC ${sources})
  endif()
  target_link_libraries(${target} PUBLIC headroom_options ${FOLDER_LINKS})
endfunction()

headroom_folder(sim LINKS Boost::graph nlohmann_json::nlohmann_json fmt::fmt)
headroom_folder(profiles LINKS sim nlohmann_json::nlohmann_json CURL::libcurl SQLite::SQLite3 PkgConfig::ZSTD Threads::Threads ${SNAPPY_LIBRARY})
if(HEADROOM_CUDA)
  headroom_add_cuda(profiles)
endif()
# Loops over rows of a softmax and the like: only with these do compilers use vector instructions for them. Nothing that
# a simulation computes comes from here.
set_source_files_properties(${PROJECT_SOURCE_DIR}/profiles/measure_cpu_kernels.cpp PROPERTIES
  COMPILE_OPTIONS "-O3;-fno-trapping-math")
headroom_folder(models LINKS sim profiles)
# models/engines/*.json, as texts of models/engine_files.h.
file(GLOB engine_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models/engines/*.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${engine_files})
set(engine_texts "")
foreach(engine_file ${engine_files})
  get_filename_component(engine_name ${engine_file} NAME)
  file(READ ${engine_file} engine_text)
  string(APPEND engine_texts "      {\"${engine_name}\", R\"engine(${engine_text})engine\"},\n")
endforeach()
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/engine_files.cpp CONTENT "#include \"models/engine_files.h\"

namespace headroom {

const std::vector<EngineFile>& engine_files() {
  static const std::vector<EngineFile> files{
${engine_texts}  };
  return files;
}

}  // namespace headroom
")
target_sources(models PRIVATE ${PROJECT_BINARY_DIR}/engine_files.cpp)
# Self-registering objects: an object library keeps every file of policies/ in whatever links it.
headroom_folder(policies OBJECT LINKS sim)
headroom_folder(traces LINKS sim PkgConfig::ZSTD)
headroom_folder(reports LINKS sim SQLite::SQLite3)
file(GLOB html_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/reports/html/*.cpp)
target_sources(reports PRIVATE ${html_sources})
include(cmake/report_assets.cmake)

file(GLOB cli_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sim/cli/*.cpp)
list(FILTER cli_sources EXCLUDE REGEX "/main\\.cpp$")
add_library(cli STATIC ${cli_sources})
set_source_files_properties(${PROJECT_SOURCE_DIR}/sim/cli/licenses.cpp PROPERTIES COMPILE_DEFINITIONS
  "HEADROOM_BOOST_VERSION=\"${Boost_VERSION}\";HEADROOM_NLOHMANN_JSON_VERSION=\"${nlohmann_json_VERSION}\";\
HEADROOM_FMT_VERSION=\"${fmt_VERSION}\";HEADROOM_SQLITE_VERSION=\"${SQLite3_VERSION}\";\
HEADROOM_ZSTD_VERSION=\"${ZSTD_VERSION}\";HEADROOM_SNAPPY_VERSION=\"${SNAPPY_VERSION}\";\
HEADROOM_CURL_VERSION=\"${CURL_VERSION_STRING}\"")
if(HEADROOM_CUDA)
  set_property(SOURCE ${PROJECT_SOURCE_DIR}/sim/cli/licenses.cpp APPEND PROPERTY COMPILE_DEFINITIONS
    "HEADROOM_CUDA_VERSION=\"${CUDAToolkit_VERSION}\"")
endif()
target_link_libraries(cli PUBLIC sim models traces reports profiles Boost::program_options Threads::Threads)

add_executable(headroom sim/cli/main.cpp)
target_link_libraries(headroom PRIVATE cli policies)
