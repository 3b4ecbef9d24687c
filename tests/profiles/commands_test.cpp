#include "profiles/commands.h"

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/profiles/import_tree.h"

using namespace headroom;
using namespace headroom::test;

namespace {

struct Output {
  std::string text{};
  [[nodiscard]] TextSink sink() {
    return [this](std::string_view more) { text += more; };
  }
  [[nodiscard]] bool says(const std::string& part) const {
    return text.find(part) != std::string::npos;
  }
};

/// A store of two fp8 GEMMs of 2 and 4 microseconds.
void fill(const TemporaryFolder& folder, const std::string& store, double second = 0.004) {
  folder.write("tree/h100_sxm/gemm/vllm/0.24.0/gemm_perf.parquet",
               gemm_table("fp8", {1, 2}, {0.002, second}));
  Output out;
  REQUIRE(profile_import(folder.path(store), {folder.path("tree")}, {}, out.sink()) == 0);
}

}  // namespace

TEST_CASE("import says what came in, what was there and what failed") {
  const TemporaryFolder folder("say");
  fill(folder, "a.db");
  folder.write("tree/b/gemm/vllm/1/gemm_perf.parquet", std::string("not a table"));
  Output out;
  CHECK(profile_import(folder.path("a.db"), {folder.path("tree")}, {}, out.sink()) == 2);
  CHECK(out.says("expected a Parquet file"));
  CHECK(out.says("0 files imported with 0 rows, 1 already there, 0 left out, 1 failed\n"));
}

TEST_CASE("list and show name each run and its kernels") {
  const TemporaryFolder folder("list");
  fill(folder, "a.db");
  Output list, show;
  CHECK(profile_list(folder.path("a.db"), {}, list.sink()) == 0);
  CHECK(list.says("h100-sxm"));
  CHECK(list.says("1 runs, 2 kernels\n"));
  CHECK(profile_show(folder.path("a.db"), {}, 1, show.sink()) == 0);
  CHECK(show.says("run 1: h100-sxm vLLM 0.24.0\n"));
  CHECK(show.says("gemm fp8/fp8"));
  CHECK(show.says("    gemm fp8/fp8 m=1 n=4096 k=8192  2 us\n"));
  CHECK_FALSE(show.says("m=2"));
}

TEST_CASE("a filter that fits nothing, and a store that is none, are errors of one line") {
  const TemporaryFolder folder("filter");
  fill(folder, "a.db");
  KernelFilter filter;
  filter.device = "h100-pcie";
  Output out;
  const auto error = [&](const std::string& store) {
    try {
      (void)profile_list(store, filter, out.sink());
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK(error(folder.path("a.db")).find("got none") != std::string::npos);
  CHECK(error(folder.path("absent.db")).find("got no such file") != std::string::npos);
}

TEST_CASE("export writes every kernel as a line of CSV or an object of JSON") {
  const TemporaryFolder folder("export");
  fill(folder, "a.db");
  Output csv, json;
  CHECK(profile_export(folder.path("a.db"), {}, ExportFormat::csv, csv.sink()) == 0);
  CHECK(
      csv.text ==
      "device,library,library_version,op,compute,stored,variant,run,m,n,k,batch,heads,kv_heads,"
      "head_dim,chunk,cached,context,window,experts,topk,bytes,ranks,big_batch,big_context,"
      "median_ns,min_ns,mean_ns,p90_ns,stddev_ns\n"
      "h100-sxm,vLLM,0.24.0,gemm,fp8,fp8,,1,1,4096,8192,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2000,0,2000,0,"
      "0\n"
      "h100-sxm,vLLM,0.24.0,gemm,fp8,fp8,,1,2,4096,8192,0,0,0,0,0,0,0,0,0,0,0,0,0,0,4000,0,4000,0,0"
      "\n");
  CHECK(profile_export(folder.path("a.db"), {}, ExportFormat::json, json.sink()) == 0);
  CHECK(json.says("{\"schema_version\":1,\"kernels\":[\n{\"device\":\"h100-sxm\","));
  CHECK(json.says("\"m\":2,\"n\":4096,"));
}

TEST_CASE("check answers no where a row is faster than its device") {
  const TemporaryFolder folder("check");
  fill(folder, "a.db");
  const auto with = [&](double bandwidth) {
    DevicePeaks peaks;
    peaks.bytes_per_second = bandwidth;
    return [peaks](const std::string&) { return std::optional<DevicePeaks>(peaks); };
  };
  Output slow, fast;
  // The weights alone are 33.6 MB: 16.8 us at 2 TB/s, 0.34 us at 100 TB/s.
  CHECK(profile_check(folder.path("a.db"), {}, with(2e12), slow.sink()) == 1);
  CHECK(slow.says("2 x faster than the roofline"));
  CHECK(profile_check(folder.path("a.db"), {}, with(1e14), fast.sink()) == 0);
  CHECK(fast.says("2 rows, 2 of them with a known roofline\n"));
}

TEST_CASE("diff finds what differs between two stores and nothing in one") {
  const TemporaryFolder folder("diff");
  fill(folder, "a.db");
  fill(folder, "b.db", 0.005);
  Output same, other;
  CHECK(profile_diff(folder.path("a.db"), {}, folder.path("a.db"), {}, same.sink()) == 0);
  CHECK(same.says("no difference\n"));
  CHECK(profile_diff(folder.path("a.db"), {}, folder.path("b.db"), {}, other.sink()) == 1);
  CHECK(other.says("2 in both; b/a: least 1, "));
  CHECK(other.says("most 1.25\n"));
}
