// Whether cuDNN has engines for the planned decode attention, asked without a GPU.
#include <filesystem>
#include <regex>

#include "tests/catch.h"
#include "tests/cuda/shell.h"
#include "tests/paths.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom::cuda_test;

}  // namespace

TEST_CASE("cuDNN has engines for the planned paged decode attention on A100, H100 and B200") {
  const fs::path toolkit = nvcc().empty() ? "" : fs::path(nvcc()).parent_path().parent_path();
  const fs::path stub = toolkit / "lib64/stubs/libcuda.so";
  if (toolkit.empty() || !fs::exists(toolkit / "include/cudnn_graph.h") || !fs::exists(stub)) {
    WARN("skipped: no cuDNN (cudnn_graph.h) and driver stub beside nvcc");
    return;
  }
  std::string folder = (fs::temp_directory_path() / "headroom-cudnn-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  // cuDNN compiles at run time only where it finds a driver; the stub answers every call with an
  // error, which comes after the compilation.
  fs::create_symlink(stub, fs::path(folder) / "libcuda.so.1");
  const std::string libraries = (toolkit / "lib64").string();
  const Finished compiled = shell(
      "cd " + std::string(HEADROOM_SOURCE_DIR) +
      " && g++ -x c++ -std=c++20 -O1 -DHEADROOM_CUDNN -I. -isystem " +
      (toolkit / "include").string() + " profiles/cuda_cudnn.cu tests/cuda/cudnn_engines.cpp -o " +
      folder + "/engines -L" + libraries + " -lcudnn -lcudnn_graph -lcudart");
  INFO(compiled.text);
  REQUIRE(compiled.code == 0);
  const Finished asked =
      shell("LD_LIBRARY_PATH=" + folder + ":" + libraries + " " + folder + "/engines");
  fs::remove_all(folder);
  INFO(asked.text);
  REQUIRE(asked.code == 0);
  // Three GPUs, two shapes each.
  const std::regex line("sm_[0-9]+ batch=[0-9]+ context=[0-9]+: ([1-9][0-9]*) of [0-9]+ compiled");
  CHECK(std::distance(std::sregex_iterator(asked.text.begin(), asked.text.end(), line), {}) == 6);
  WARN(asked.text << "in " << asked.seconds << " s");
}
