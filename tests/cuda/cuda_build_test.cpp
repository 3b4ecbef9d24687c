// The program with its CUDA half, compiled and linked for three GPUs beside the one without.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/catch.h"
#include "tests/cuda/shell.h"
#include "tests/paths.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom::cuda_test;

const std::string kSource = HEADROOM_SOURCE_DIR;
/// Beside this build: as deep as it, so that ccache knows its objects.
const std::string kBuild = std::string(HEADROOM_BINARY_DIR) + "-cuda";

/// The one line and the exit code of a program that is asked to measure a GPU it does not see.
void check_refusal(const std::string& program, const std::string& expected) {
  const Finished run =
      shell("cd " + fs::temp_directory_path().string() + " && CUDA_VISIBLE_DEVICES= " + program +
            " profile measure headroom-no-gpu.db --device cuda:0");
  INFO(run.text);
  CHECK(run.code == 2);
  CHECK(std::count(run.text.begin(), run.text.end(), '\n') == 1);
  CHECK(run.text.find("--device cuda:0: expected " + expected) != std::string::npos);
  CHECK_FALSE(fs::exists(fs::temp_directory_path() / "headroom-no-gpu.db"));
}

}  // namespace

TEST_CASE("with the CUDA toolkit the program compiles and links for A100, H100 and B200") {
  const std::string cache = std::string(HEADROOM_BINARY_DIR) + "/CMakeCache.txt";
  const bool with_cuda = shell("grep -q '^HEADROOM_CUDA:[A-Z]*=ON' " + cache).code == 0;
  check_refusal(HEADROOM_PROGRAM, with_cuda ? "an NVIDIA GPU with its driver, got none ("
                                            : "a program built with CUDA, got one without; ");
  if (nvcc().empty()) {
    WARN("skipped: no nvcc here (looked in CUDA_HOME, /usr/local/cuda and PATH)");
    return;
  }
  if (shell("command -v ccache").code != 0) {
    WARN("skipped: no ccache here, without which a second build takes as long as the first");
    CHECK(std::getenv("HEADROOM_CI") == nullptr);
    return;
  }
  const Finished configured =
      shell("cmake -S " + kSource + " -B " + kBuild +
            " -G Ninja -DCMAKE_BUILD_TYPE=Release -DHEADROOM_WERROR=ON -DHEADROOM_CUDA=ON "
            "-DHEADROOM_TESTS=OFF");
  INFO(configured.text);
  REQUIRE(configured.code == 0);
  const Finished built =
      shell("export CCACHE_BASEDIR=" + kSource + " CCACHE_NOHASHDIR=1 && cmake --build " + kBuild +
            " --parallel 2 --target headroom");
  INFO(built.text);
  REQUIRE(built.code == 0);
  WARN("configured in " << configured.seconds << " s, compiled and linked in " << built.seconds
                        << " s for sm_80, sm_90 and sm_100");
  check_refusal(kBuild + "/headroom", "an NVIDIA GPU with its driver, got none (");
  CHECK(shell(kBuild + "/headroom run quickstart --quiet").code == 0);
}

TEST_CASE("our declarations of NCCL are those of its header, where that is") {
  const std::string include = fs::path(nvcc()).parent_path().parent_path() / "include";
  if (nvcc().empty() || !fs::exists(include + "/nccl.h")) {
    WARN("skipped: no nccl.h beside nvcc");
    return;
  }
  // Functions whose arguments an int, a pointer or a size stands for.
  const std::string program =
      "#include <nccl.h>\n"
      "#include <type_traits>\n"
      "#include \"profiles/cuda_nccl.h\"\n"
      "using namespace headroom::gpu;\n"
      "static_assert(kNcclSum == ncclSum && kNcclInt8 == ncclInt8);\n"
      "static_assert(kNcclFloat32 == ncclFloat32 && kNcclBf16 == ncclBfloat16);\n"
      "static_assert(sizeof(ncclComm_t) == sizeof(Nccl::Communicator));\n"
      "static_assert(sizeof(ncclDataType_t) == sizeof(int) && sizeof(ncclRedOp_t) == "
      "sizeof(int));\n"
      "template <class... A> constexpr unsigned long count(ncclResult_t (*)(A...)) { return "
      "sizeof...(A); }\n"
      "template <class... A> constexpr unsigned long count(int (*)(A...)) { return sizeof...(A); "
      "}\n"
      "static_assert(count(&ncclAllReduce) == count(decltype(Nccl::all_reduce){}));\n"
      "static_assert(count(&ncclAllGather) == count(decltype(Nccl::all_gather){}));\n"
      "static_assert(count(&ncclReduceScatter) == count(decltype(Nccl::reduce_scatter){}));\n"
      "static_assert(count(&ncclSend) == count(decltype(Nccl::send){}));\n"
      "static_assert(count(&ncclRecv) == count(decltype(Nccl::receive){}));\n"
      "static_assert(count(&ncclCommInitAll) == count(decltype(Nccl::init_all){}));\n";
  const Finished run = shell("printf '%s' '" + program + "' | g++ -std=c++20 -fsyntax-only -I" +
                             kSource + " -isystem " + include + " -x c++ -");
  INFO(run.text);
  CHECK(run.code == 0);
}
