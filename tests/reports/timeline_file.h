// A timeline that a test writes and reads back.
#pragma once

#include <string>

#include "sim/scenario_json.h"
#include "tests/scratch.h"

namespace headroom {

class TimelineFile {
 public:
  [[nodiscard]] std::string path() const { return folder_.file("t.json"); }
  [[nodiscard]] std::string text() const { return folder_.read("t.json"); }
  [[nodiscard]] JsonNode document() const { return parse_json(text(), path()); }

 private:
  test::ScratchFolder folder_;
};

}  // namespace headroom
