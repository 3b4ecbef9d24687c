// Commands run by tests of the CUDA build, with their output and time, and where nvcc is.
//
// Law: output and errors come in the order they were written. Not here: what they should say.
#pragma once

#include <sys/wait.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace headroom::cuda_test {

struct Finished {
  int code = -1;
  std::string text{};  ///< stdout and stderr together
  double seconds = 0;
};

[[nodiscard]] inline Finished shell(const std::string& command) {
  Finished finished;
  const auto begin = std::chrono::steady_clock::now();
  std::FILE* const pipe = ::popen(("{ " + command + "; } 2>&1 </dev/null").c_str(), "r");
  if (pipe == nullptr) return finished;
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr)
    finished.text += part.data();
  const int status = ::pclose(pipe);
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  finished.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return finished;
}

/// Empty where there is none.
[[nodiscard]] inline std::string nvcc() {
  const char* const home = std::getenv("CUDA_HOME");
  const std::string there = (home == nullptr ? std::string("/usr/local/cuda") : home) + "/bin/nvcc";
  if (std::filesystem::exists(there)) return there;
  return shell("command -v nvcc").code == 0 ? "nvcc" : "";
}

}  // namespace headroom::cuda_test
