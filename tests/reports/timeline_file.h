// A timeline that a test writes and reads back.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sim/scenario_json.h"

namespace headroom {

class TimelineFile {
 public:
  TimelineFile() {
    std::string name =
        (std::filesystem::temp_directory_path() / "headroom-timeline-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    folder_ = name;
  }
  ~TimelineFile() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TimelineFile(const TimelineFile&) = delete;
  TimelineFile& operator=(const TimelineFile&) = delete;
  [[nodiscard]] std::string path() const { return (folder_ / "t.json").string(); }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  [[nodiscard]] JsonNode document() const { return parse_json(text(), path()); }

 private:
  std::filesystem::path folder_;
};

}  // namespace headroom
