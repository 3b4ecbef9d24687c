// The engine files that ship, models/engines/*.json, as texts; the build writes the source that
// holds them (cmake/folders.cmake).
//
// Law: in the order of their names. Cost: none.
// Not here: what a file means (models/engine.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom {

struct EngineFile {
  std::string name;  ///< "vllm.json"
  std::string_view text;
};

[[nodiscard]] const std::vector<EngineFile>& engine_files();

}  // namespace headroom
