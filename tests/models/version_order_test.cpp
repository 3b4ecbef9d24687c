#include "models/version_order.h"

#include <map>

#include "models/kernel_place.h"
#include "tests/catch.h"
#include "tests/scratch.h"

using namespace headroom;

TEST_CASE("versions are ordered by their numbers, not by their letters") {
  CHECK(newer_version("0.5.14", "0.5.6.post2"));
  CHECK_FALSE(newer_version("0.5.6.post2", "0.5.14"));
  CHECK(newer_version("1.3.0rc20", "1.3.0rc5"));
  CHECK(newer_version("1.3.0rc5", "1.2.0rc20"));
  CHECK_FALSE(newer_version("0.24.0", "0.24.0"));
}

TEST_CASE("a grid holds a plane's newest version, and the faster of two kernels of experts") {
  const test::ScratchFolder scratch;
  const std::string path = scratch.file("versions.db");
  const Device device = find_device("h100-sxm", "");
  const RooflineTimes roofline(device);
  {
    ProfileStore store(path, ProfileStore::Mode::read_write);
    const auto add = [&](const char* version, const KernelShape& shape, double factor) {
      static std::map<std::string, std::int64_t> runs;
      ProfileRun run;
      run.device = "h100-sxm";
      run.library = "SGLang";
      run.library_version = version;
      run.tool = run.source = "test";
      if (runs.count(version) == 0) runs[version] = store.insert_run(run);
      KernelRow row;
      row.shape = shape;
      row.times.median_ns = roofline.time(measured_operator(shape)).seconds * 1e9 * factor;
      store.insert_kernel(runs[version], row);
    };
    const auto gemm = [](std::int64_t m, std::int64_t n) {
      KernelShape shape;
      shape.op = "gemm";
      shape.compute = shape.stored = "bf16";
      shape.m = m;
      shape.n = n;
      shape.k = 4096;
      return shape;
    };
    add("0.5.14", gemm(16, 1024), 2);
    add("0.5.14", gemm(64, 1024), 2);
    // Stored later, and older: of a plane that the newer has, not even its own sizes count.
    add("0.5.6", gemm(16, 1024), 5);
    add("0.5.6", gemm(32, 1024), 5);
    add("0.5.6", gemm(16, 8192), 3);
    KernelShape experts;
    experts.op = "moe";
    experts.compute = experts.stored = "bf16";
    experts.m = 64;
    experts.n = 2048;
    experts.k = 768;
    experts.experts = 128;
    experts.topk = 8;
    experts.ranks = 1;
    experts.variant = "power_law_1.2";
    add("0.5.14", experts, 4);
    experts.variant += "#2";
    add("0.5.14", experts, 3);
  }
  const ProfileStore store(path, ProfileStore::Mode::read_only);
  const KernelGrid grid = read_grid(store, device, "sglang");
  const auto ratio = [&](const char* op, const KernelGroup& group, std::array<double, 3> at) {
    return grid.at({{op, "bf16", "bf16"}, group, at}).ratio;
  };
  CHECK(ratio("gemm", {}, {1024, 4096, 16}) == Approx(2));
  CHECK(ratio("gemm", {}, {1024, 4096, 32}) == Approx(2));
  CHECK(ratio("gemm", {}, {8192, 4096, 16}) == Approx(3));
  CHECK(ratio("moe", {2048, 128, 8}, {768, 1, 64}) == Approx(3));
}
