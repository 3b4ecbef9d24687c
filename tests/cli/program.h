// Runs the built program in a folder of its own and holds what it said.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/scratch.h"

namespace headroom::cli_test {

namespace fs = std::filesystem;

inline std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// What one call said.
struct Outcome {
  int code = -1;
  std::string out, err;
  [[nodiscard]] std::size_t error_lines() const {
    return static_cast<std::size_t>(std::count(err.begin(), err.end(), '\n'));
  }
};

/// A folder of this test's own, in which the program runs.
class Folder : public test::ScratchFolder {
 public:
  [[nodiscard]] std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(path())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  /// Runs `command` with the shell inside the folder; HEADROOM stands for the program.
  [[nodiscard]] Outcome shell(const std::string& command) const {
    const Folder captured;
    const std::string out = (captured.path() / "out").string();
    const std::string err = (captured.path() / "err").string();
    const std::string line = "cd '" + path().string() +
                             "' && HEADROOM='" HEADROOM_PROGRAM "' && export HEADROOM && { " +
                             command + "\n} >'" + out + "' 2>'" + err + "'";
    const int status = std::system(line.c_str());
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = read_file(out);
    outcome.err = read_file(err);
    return outcome;
  }
  /// Runs the program with these arguments (as the shell reads them).
  [[nodiscard]] Outcome headroom(const std::string& arguments) const {
    return shell("\"$HEADROOM\" " + arguments);
  }
};

/// Each call (arguments of the program, message) must exit 2 with one line that holds its message.
inline void check_bad_calls(const Folder& folder,
                            const std::vector<std::pair<std::string, std::string>>& calls) {
  for (const auto& [call, message] : calls) {
    const Outcome outcome = folder.headroom(call);
    INFO(call << "\n" << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(message) != std::string::npos);
  }
}

/// A small scenario that is right: 20 requests on one H100.
inline std::string small_scenario() {
  return R"({
  "model": "llama-3.1-8b",
  "cluster": {"nodes": [{"device": "h100-sxm", "devices_per_node": 8}]},
  "deployment": [{"replicas": 1}],
  "workload": {"rate": "8 /s", "requests": 20, "prompt": 500, "output": 20},
  "slo": {"ttft": "1 s"}
})";
}

/// `text` with its first `from` replaced; the text as it is where there is none (the test then
/// fails by its outcome).
inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace headroom::cli_test
