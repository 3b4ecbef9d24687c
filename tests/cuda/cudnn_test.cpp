// Whether cuDNN has engines for the planned decode attention, asked without a GPU.
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <vector>

#include "profiles/measure_plan.h"
#include "tests/catch.h"
#include "tests/cuda/shell.h"
#include "tests/paths.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom::cuda_test;

/// Writes the corners, by batch and context, of what the quick plan asks of cuDNN, for heads of 128
/// (its model's) and of 64: each compilation takes a second or two. Returns how many shapes.
int write_planned(const std::string& path) {
  std::vector<headroom::KernelShape> planned;
  std::set<std::int64_t> batches, contexts;
  for (const headroom::KernelShape& shape : headroom::quick_plan(headroom::PlanFor::gpu).points) {
    if (shape.op != "decode_attention" || !shape.variant.starts_with("cudnn")) continue;
    planned.push_back(shape);
    batches.insert(shape.batch);
    contexts.insert(shape.context);
  }
  const auto is_end = [](const std::set<std::int64_t>& of, std::int64_t value) {
    return value == *of.begin() || value == *of.rbegin();
  };
  std::ofstream file(path);
  int shapes = 0;
  for (const headroom::KernelShape& shape : planned) {
    if (!is_end(batches, shape.batch) || !is_end(contexts, shape.context)) continue;
    for (const std::int64_t head_dim : {shape.head_dim, shape.head_dim / 2}) {
      file << shape.batch << ' ' << shape.heads << ' ' << shape.kv_heads << ' ' << head_dim << ' '
           << shape.context << '\n';
      ++shapes;
    }
  }
  return shapes;
}

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
  const int shapes = write_planned(folder + "/shapes");
  REQUIRE(shapes == 8);
  const Finished asked = shell("LD_LIBRARY_PATH=" + folder + ":" + libraries + " " + folder +
                               "/engines <" + folder + "/shapes");
  fs::remove_all(folder);
  INFO(asked.text);
  REQUIRE(asked.code == 0);
  const std::regex line("sm_[0-9]+ batch=[^:]+: [1-9][0-9]* of [0-9]+ compiled");
  CHECK(std::distance(std::sregex_iterator(asked.text.begin(), asked.text.end(), line), {}) ==
        3 * shapes);
  WARN(asked.text << "in " << asked.seconds << " s");
}
