#include "profiles/check.h"

#include <filesystem>

#include "profiles/import.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/profiles/import_tree.h"

using namespace headroom;

namespace {

KernelRow gemm(std::int64_t m, double ns) {
  KernelRow row;
  row.shape.op = "gemm";
  row.shape.compute = row.shape.stored = "bf16";
  row.shape.m = m;
  row.shape.n = 1000;
  row.shape.k = 500;
  row.times.median_ns = ns;
  return row;
}

DevicePeaks peaks() {
  DevicePeaks peaks;
  peaks.bytes_per_second = 1e12;
  peaks.link_bytes_per_second = 1e11;
  peaks.flops_per_second["bf16"] = 1e14;
  return peaks;
}

std::int64_t count(const CheckedOp& checked, Finding finding) {
  return checked.counts[static_cast<std::size_t>(finding)];
}

}  // namespace

TEST_CASE("a kernel's roofline is the longer of its arithmetic and its bytes") {
  // m = 1: 2 x 1000 x 500 flops / 1e14 = 10 ns; (500,000 + 500 + 1000) x 2 bytes / 1e12 = 1003 ns.
  CHECK(roofline_seconds(gemm(1, 1).shape, peaks()) == Approx(1003e-9));
  // m = 1e6: 1e12 flops take 10 ms; 3.001e9 bytes take 3.001 ms.
  CHECK(roofline_seconds(gemm(1'000'000, 1).shape, peaks()) == Approx(0.01));
  KernelShape reduce;
  reduce.op = "all_reduce";
  reduce.bytes = 1'000'000;
  reduce.ranks = 4;
  // Each GPU sends 2 x 3/4 of the message: 1.5e6 / 1e11.
  CHECK(roofline_seconds(reduce, peaks()) == Approx(15e-6));
  KernelShape decode;
  decode.op = "decode_attention";
  decode.compute = decode.stored = "bf16";
  decode.batch = 1;
  decode.heads = decode.kv_heads = 1;
  decode.head_dim = 100;
  decode.context = 1'000'000;
  // 4 x 100 bytes of query and output; keys and values of 1e6 x 2 x 100 x 2 bytes.
  CHECK(roofline_seconds(decode, peaks()) == Approx(400.0004e-6));
  decode.window = 1000;
  CHECK(roofline_seconds(decode, peaks()) == Approx(0.4004e-6));
  decode.op = "mla_decode";
  CHECK(roofline_seconds(decode, peaks()) == 0);  // unknown, so never judged
}

TEST_CASE("rows that the device cannot have reached, or that use it hardly, are findings") {
  const CheckedOp checked =
      check_kernels({gemm(1, 1002), gemm(2, 1100), gemm(3, 1.1e5)}, peaks(), 1);
  CHECK(checked.rows == 3);
  CHECK(checked.judged == 3);
  CHECK(count(checked, Finding::faster_than_roofline) == 1);
  CHECK(count(checked, Finding::below_one_percent) == 1);
  REQUIRE(checked.examples.size() == 2);
  CHECK(checked.examples[0] ==
        "faster than the roofline: gemm bf16/bf16 m=1 n=1000 k=500: 1 us, 1 of the roofline");
}

TEST_CASE("nothing is judged by peaks that are unknown") {
  const CheckedOp checked = check_kernels({gemm(1, 1)}, {});
  CHECK(checked.judged == 0);
  CHECK(checked.examples.empty());
}

TEST_CASE("a fall of more than a tenth along the sizes is a finding, noise is none") {
  const CheckedOp checked =
      check_kernels({gemm(4, 5000), gemm(1, 4000), gemm(2, 3700), gemm(8, 4400)}, peaks());
  // 4000 -> 3700 is 7.5 % less, 3700 -> 5000 is more, 5000 -> 4400 is 12 % less.
  CHECK(count(checked, Finding::falling_step) == 1);
}

TEST_CASE("a size that most lines have and one lacks within its span is a hole") {
  std::vector<KernelRow> rows;
  for (const std::int64_t n : {100, 200, 300}) {
    for (const std::int64_t m : {1, 2, 4, 8}) {
      if (n == 200 && m == 2) continue;  // inside the span: a hole
      if (n == 300 && m == 8) continue;  // at its end: the grid is cut off there
      rows.push_back(gemm(m, 1e5 + static_cast<double>(m)));
      rows.back().shape.n = n;
    }
  }
  const CheckedOp checked = check_kernels(rows, peaks());
  CHECK(count(checked, Finding::hole) == 1);
  REQUIRE(checked.examples.size() >= 1);
  CHECK(checked.examples.back() == "hole: gemm bf16/bf16 m=1 n=200 k=500 has no 2");
}

TEST_CASE("a shape's further rows are findings and do not make steps") {
  std::vector<KernelRow> rows{gemm(1, 9000), gemm(1, 2000), gemm(2, 9500)};
  rows[1].shape.variant = "#2";
  const CheckedOp checked = check_kernels(rows, peaks());
  CHECK(count(checked, Finding::duplicate) == 1);
  CHECK(count(checked, Finding::falling_step) == 0);
}

TEST_CASE("of vLLM's published H100 GEMMs 49 in bf16 are faster than the device, none in fp8") {
  const std::string root = std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels/aiconfigurator";
  if (!std::filesystem::exists(root)) {
    WARN("skipped: ../shared/kernels is not here");
    return;
  }
  const test::TemporaryFolder folder("published");
  ProfileStore store(folder.path("store.db"), ProfileStore::Mode::read_write);
  const ImportSummary summary =
      import_profiles(store, root + "/data/h100_sxm/gemm/vllm/0.24.0/gemm_perf.parquet", {});
  REQUIRE(summary.rows() == 107'188);
  // Peaks of AIConfigurator's h100_sxm.yaml; the counts are those of a survey of the same file.
  DevicePeaks h100;
  h100.bytes_per_second = 3.35e12;
  h100.flops_per_second = {{"bf16", 989e12}, {"fp8", 1978e12}};
  const CheckedOp checked = check_kernels(store.kernels("h100-sxm", "gemm"), h100, 100);
  CHECK(count(checked, Finding::faster_than_roofline) == 49);
  CHECK(count(checked, Finding::duplicate) == 0);
  for (const std::string& example : checked.examples)
    if (example.starts_with("faster")) CHECK(example.find("gemm bf16/bf16") != std::string::npos);
}
