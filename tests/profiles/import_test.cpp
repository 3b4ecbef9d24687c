#include "profiles/import.h"

#include <sys/wait.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>
#include <thread>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/profiles/import_tree.h"

using namespace headroom;
using namespace headroom::test;
using Mode = ProfileStore::Mode;
using Outcome = ImportedFile::Outcome;

namespace {

const std::string kGemm = "h100_sxm/gemm/vllm/0.24.0/gemm_perf.parquet";

ProfileStore store_in(const TemporaryFolder& folder) {
  return {folder.path("store.db"), Mode::read_write};
}

ImportSummary import_of(ProfileStore& store, const std::string& path) {
  return import_profiles(store, path, {});
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an imported kernel carries its run's origin, its formats and nanoseconds") {
  const TemporaryFolder folder("origin");
  folder.write("h100_sxm/gemm/vllm/0.24.0/collection_meta.yaml",
               "# SPDX-License-Identifier: Apache-2.0\n\nschema_version: 1\nprovenance: collected\n"
               "tables:\n  gemm_perf:\n    # a remark\n    status: complete\n");
  folder.write(kGemm, gemm_table("int8_wo", {1, 2}, {0.0025, 0.5}, "0.24.1"));
  ProfileStore store = store_in(folder);
  ImportOptions options;
  options.origin = "someone/something at 1234";
  const ImportSummary summary = import_profiles(store, folder.path(), options);
  REQUIRE(summary.count(Outcome::imported) == 1);
  CHECK(summary.rows() == 2);
  const auto runs = store.runs("h100-sxm");
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].device_title == "NVIDIA H100 80GB HBM3");
  CHECK(runs[0].library == "vLLM");
  CHECK(runs[0].library_version == "0.24.0");
  CHECK(runs[0].tool_version == "collected");
  CHECK(runs[0].licence == "Apache-2.0");
  CHECK(runs[0].source == "someone/something at 1234 " + kGemm);
  CHECK(runs[0].file_digest.size() == 32);
  CHECK(runs[0].notes == "2 rows say version 0.24.1");
  const auto rows = store.kernels("h100-sxm", "gemm");
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].shape.compute == "bf16");  // weight-only: multiplied in bf16
  CHECK(rows[0].shape.stored == "int8");
  CHECK(rows[0].shape.n == 4096);
  CHECK(rows[0].shape.k == 8192);
  CHECK(rows[0].times.median_ns == 2500);  // 0.0025 ms
}

TEST_CASE("a second import of the same file changes nothing") {
  const TemporaryFolder folder("again");
  folder.write(kGemm, gemm_table("fp8", {1, 2}, {1, 2}));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).count(Outcome::imported) == 1);
  const std::string digest = store.digest();
  const ImportSummary again = import_of(store, folder.path());
  CHECK(again.count(Outcome::already_there) == 1);
  CHECK(again.rows() == 0);
  CHECK(store.digest() == digest);
  // Named directly, the file is the same one.
  CHECK(import_of(store, folder.path(kGemm)).count(Outcome::already_there) == 1);
}

TEST_CASE("of rows of one shape the first keeps the plain name and none is lost") {
  const TemporaryFolder folder("twice");
  folder.write(kGemm, gemm_table("bfloat16", {8, 4, 8, 8}, {3, 1, 2, 5}));
  ProfileStore store = store_in(folder);
  CHECK(says(import_of(store, folder.path()).files.at(0).note, "2 rows repeat a shape"));
  const auto rows = store.kernels("h100-sxm", "gemm");
  REQUIRE(rows.size() == 4);
  CHECK(rows[1].shape.m == 8);
  CHECK(rows[1].shape.variant.empty());
  CHECK(rows[1].times.median_ns == 3e6);
  CHECK(rows[2].shape.variant == "#2");
  CHECK(rows[2].times.median_ns == 2e6);
  CHECK(rows[3].shape.variant == "#3");
}

TEST_CASE("decode attention's keys are the new token and the steps before it") {
  const TemporaryFolder folder("decode");
  folder.write("h100_sxm/attention/vllm/0.24.0/generation_attention_perf.parquet",
               write_parquet(with_origin(
                   1, "0.24.0",
                   {integers("batch_size", {4}), integers("isl", {1}), integers("num_heads", {8}),
                    integers("num_key_value_heads", {0}), integers("head_dim", {128}),
                    integers("window_size", {128}), integers("beam_width", {1}),
                    text("attn_dtype", "bfloat16", 1), text("kv_cache_dtype", "fp8", 1),
                    integers("step", {1023}), reals("latency", {0.01})})));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).rows() == 1);
  const auto rows = store.kernels("h100-sxm", "decode_attention");
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].shape.context == 1024);
  CHECK(rows[0].shape.chunk == 0);
  CHECK(rows[0].shape.batch == 4);
  CHECK(rows[0].shape.kv_heads == 8);  // none stated: multi-head attention
  CHECK(rows[0].shape.window == 128);
  CHECK(rows[0].shape.compute == "bf16");
  CHECK(rows[0].shape.stored == "fp8");
}

TEST_CASE("message sizes are elements in the files and bytes in the store") {
  const TemporaryFolder folder("message");
  folder.write("h100_sxm/comm/vllm/0.24.0/custom_allreduce_perf.parquet",
               write_parquet(with_origin(
                   2, "0.24.0",
                   {text("allreduce_dtype", "bfloat16", 2), integers("num_gpus", {8, 8}),
                    integers("message_size", {1024, 1024}), reals("latency", {0.02, 0.005}),
                    texts("backend", {"vllm_eager", "vllm_graph"})})));
  auto nccl = with_origin(2, "2.27.3",
                          {text("nccl_dtype", "int8", 2), integers("num_gpus", {2, 2}),
                           integers("message_size", {512, 512}), reals("latency", {0.01, 0.02})});
  nccl[3] = texts("op_name", {"all_gather", "alltoall"});
  folder.write("h100_sxm/comm/nccl/2.27.3/nccl_perf.parquet", write_parquet(nccl));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).rows() == 4);
  const auto reduce = store.kernels("h100-sxm", "all_reduce");
  REQUIRE(reduce.size() == 2);
  CHECK(reduce[0].shape.bytes == 2048);
  CHECK(reduce[0].shape.variant == "cuda_graph");  // sorts before eager: engines replay graphs
  CHECK(reduce[0].times.median_ns == 5000);
  const auto gather = store.kernels("h100-sxm", "all_gather");
  REQUIRE(gather.size() == 1);
  CHECK(gather[0].shape.bytes == 512);
  CHECK(store.kernels("h100-sxm", "all_to_all").size() == 1);
}

TEST_CASE("experts are stored with their width on one GPU and the expert-parallel degree") {
  const TemporaryFolder folder("moe");
  folder.write("h100_sxm/moe/vllm/0.24.0/moe_perf.parquet",
               write_parquet(with_origin(
                   1, "0.24.0",
                   {text("moe_dtype", "w4a16_mxfp4", 1), integers("num_tokens", {16}),
                    integers("hidden_size", {2880}), integers("inter_size", {2880}),
                    integers("topk", {4}), integers("num_experts", {128}),
                    integers("moe_tp_size", {2}), integers("moe_ep_size", {4}),
                    text("distribution", "power_law_1.2", 1), reals("latency", {0.1})})));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).rows() == 1);
  const auto rows = store.kernels("h100-sxm", "moe");
  REQUIRE(rows.size() == 1);
  const KernelShape& shape = rows[0].shape;
  CHECK(shape.m == 16);
  CHECK(shape.k == 1440);  // 2880 / 2
  CHECK(shape.batch == 0);
  CHECK(shape.experts == 128);
  CHECK(shape.ranks == 4);
  CHECK(shape.variant == "power_law_1.2");
  CHECK(shape.stored == "mxfp4");
}

TEST_CASE("partial tables stay out unless asked for, reused ones come in under both versions") {
  const TemporaryFolder folder("sidecars");
  folder.write("h100_sxm/gemm/vllm/0.24.0/collection_meta.yaml",
               "tables:\n  gemm_perf:\n    status: partial\n");
  folder.write(kGemm, gemm_table("fp8", {1}, {1}));
  folder.write("h100_sxm/gemm/vllm/0.25.0/reuse.yaml",
               "schema_version: 1\ntables:\n  gemm_perf:\n    version: 0.19.0\n"
               "    reason: same kernels\n  moe_perf:\n    version: 0.1.0\n");
  folder.write("h100_sxm/gemm/vllm/0.19.0/gemm_perf.parquet",
               gemm_table("fp8", {2}, {1}, "0.19.0"));
  ProfileStore store = store_in(folder);
  const ImportSummary summary = import_of(store, folder.path("h100_sxm"));
  CHECK(summary.count(Outcome::imported) == 2);
  CHECK(summary.count(Outcome::left_out) == 2);  // the partial table; the missing moe_perf
  const auto runs = store.runs("h100-sxm");
  REQUIRE(runs.size() == 2);
  CHECK(runs[1].library_version == "0.25.0");
  CHECK(says(runs[1].notes, "reused from version 0.19.0: same kernels"));
  ImportOptions options;
  options.partial = ImportOptions::Partial::take;
  CHECK(import_profiles(store, folder.path(), options).count(Outcome::imported) == 1);
  CHECK(store.runs("h100-sxm").back().notes == "status: partial");
}

TEST_CASE("a bad file is one line and leaves nothing, and the good ones go in") {
  const TemporaryFolder folder("bad");
  const Bytes good = gemm_table("fp8", {1, 2, 3}, {1, 2, 3});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  folder.write(kGemm, good);
  folder.write("a/gemm/vllm/1/gemm_perf.parquet", Bytes(good.begin(), good.end() - 9));
  folder.write("b/gemm/vllm/1/gemm_perf.parquet", std::string("m,n,k\n1,2,3\n and more"));
  folder.write("c/gemm/vllm/1/gemm_perf.parquet", gemm_table("fp8", {1, 2}, {1, -2}));
  folder.write("d/gemm/vllm/1/gemm_perf.parquet", gemm_table("fp8", {1, 2}, {1, nan}));
  folder.write("e/gemm/vllm/1/gemm_perf.parquet", gemm_table("fp7", {1, 2}, {1, 2}));
  folder.write("f/gemm/vllm/1/gemm_perf.parquet",
               write_parquet(with_origin(
                   1, "1",
                   {text("gemm_dtype", "fp8", 1), integers("m", {1}), integers("n", {1}),
                    integers("k", {1}), reals("latency", {1}), integers("sparsity", {2})})));
  folder.write("g/gemm/vllm/1/gemm_perf.parquet", gemm_table("fp8", {1, -2}, {1, 2}));
  folder.write("h/gemm/vllm/1/gemm_perf.parquet", gemm_table("fp8", {1, 2}, {0, 2}));
  folder.write("i/other/vllm/1/mystery_perf.parquet", good);
  ProfileStore store = store_in(folder);
  const ImportSummary summary = import_of(store, folder.path());
  REQUIRE(summary.files.size() == 10);
  const auto note = [&](std::size_t i) { return summary.files[i].note; };
  CHECK(says(note(0), "cut short"));
  CHECK(says(note(1), "expected a Parquet file"));
  CHECK(says(note(2), "row 2: expected a time of zero or more, got -2000000"));
  CHECK(says(note(3), "row 2: expected a time of zero or more, got"));
  CHECK(says(note(4), "got 'fp7'"));
  CHECK(says(note(5), "unknown column 'sparsity'"));
  CHECK(says(note(6), "row 2: expected sizes of zero or more"));
  CHECK(says(note(7), "1 rows of the file have a time of zero"));
  CHECK(says(note(9), "nothing here models"));
  for (const ImportedFile& file : summary.files) CHECK_FALSE(says(file.note, "\n"));
  CHECK(summary.count(Outcome::failed) == 7);
  CHECK(summary.count(Outcome::imported) == 2);
  const std::vector<std::string> devices{"h", "h100-sxm"};
  CHECK(store.devices() == devices);
  CHECK(store.stored_runs().size() == 2);
}

TEST_CASE("nothing to import is an error that says what would be") {
  const TemporaryFolder folder("nothing");
  folder.write("readme.txt", std::string("hello"));
  ProfileStore store = store_in(folder);
  const auto error = [&](const std::string& path, const std::string& format) {
    ImportOptions options;
    options.format = format;
    try {
      (void)import_profiles(store, path, options);
    } catch (const InputError& e) {
      return std::string(e.what());
    }
    return std::string("no error");
  };
  CHECK(says(error(folder.path(), "auto"), "expected kernel tables of AIConfigurator"));
  CHECK(says(error(folder.path("absent"), "auto"), "got nothing of that name"));
  CHECK(says(error(folder.path(), "arrow"), "got 'arrow'"));
}

TEST_CASE("an importer killed in the middle leaves whole files and a store that goes on") {
  const TemporaryFolder folder("kill");
  constexpr std::int64_t kRows = 4000;
  for (int file = 0; file < 12; ++file) {
    std::vector<std::int64_t> m;
    for (std::int64_t i = 0; i < kRows; ++i) m.push_back(i * 12 + file + 1);
    folder.write("tree/d" + std::to_string(file) + "/gemm/vllm/1/gemm_perf.parquet",
                 gemm_table("fp8", m, std::vector<double>(m.size(), 0.5)));
  }
  for (const int milliseconds : {5, 20, 40, 80}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ProfileStore store(folder.path("store.db"), Mode::read_write);
      (void)import_profiles(store, folder.path("tree"), {});
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!std::filesystem::exists(folder.path("store.db"))) continue;
    try {
      const ProfileStore store(folder.path("store.db"), Mode::read_only);
      for (const StoredRun& run : store.stored_runs()) CHECK(run.kernels == kRows);
    } catch (const InputError& error) {
      CHECK(says(error.what(), "something else"));  // killed before the schema was there
    }
  }
  ProfileStore store(folder.path("store.db"), Mode::read_write);
  (void)import_of(store, folder.path("tree"));
  const auto runs = store.stored_runs();
  CHECK(runs.size() == 12);
  for (const StoredRun& run : runs) CHECK(run.kernels == kRows);
}

TEST_CASE("Vidur's layers become the GEMMs and element-wise kernels of one GPU") {
  const TemporaryFolder folder("vidur");
  std::string names, values;
  for (const char* op :
       {"emb", "input_layernorm", "attn_pre_proj", "attn_rope", "attn_post_proj",
        "post_attention_layernorm", "mlp_up_proj", "mlp_act", "mlp_down_proj", "add"}) {
    for (const char* statistic : {"min", "max", "mean", "median", "std"})
      names += "time_stats." + std::string(op) + "." + statistic + ",";
    values += "0.1,0.3,0.2,0.25,0.01,";
  }
  folder.write("a100/meta-llama/L/mlp.csv",
               names +
                   "n_head,n_kv_head,n_embd,n_expanded_embd,vocab_size,use_gated_mlp,"
                   "num_tokens,num_tensor_parallel_workers\n" +
                   values + "64,8,8192,28672,32768,True,512,4\n");
  folder.write("network/h100_dgx/all_reduce.csv",
               std::string(",time_stats.all_reduce.min,time_stats.all_reduce.max,time_stats.all_"
                           "reduce.mean,time_stats.all_reduce.median,time_stats.all_reduce.std,"
                           "rank,num_workers,size,collective,devices_per_node,max_devices_per_"
                           "node\n0,0.015,0.038,0.03,0.037,0.01,0,16,2048,all_reduce,8,8\n"));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).rows() == 11);
  const auto gemms = store.kernels("a100-80g-sxm", "gemm");
  REQUIRE(gemms.size() == 4);
  // Heads of 128; a GPU of 4 holds 16 query and 2 KV heads: n = 128 x (16 + 2 x 2) = 2560.
  const auto is = [](const KernelRow& row, std::int64_t n, std::int64_t k) {
    return row.shape.m == 512 && row.shape.n == n && row.shape.k == k;
  };
  CHECK(is(gemms[0], 2560, 8192));
  CHECK(is(gemms[1], 8192, 2048));   // output projection: k = 16 heads x 128
  CHECK(is(gemms[2], 8192, 7168));   // down projection: k = 28672 / 4
  CHECK(is(gemms[3], 14336, 8192));  // gate and up: 2 x 7168
  CHECK(gemms[0].times.median_ns == Approx(250'000));
  CHECK(gemms[0].times.mean_ns == Approx(200'000));
  CHECK(store.kernels("a100-80g-sxm", "elementwise").size() == 6);  // two norms of one shape
  const auto reduce = store.kernels("h100-sxm", "all_reduce");
  REQUIRE(reduce.size() == 1);
  CHECK(reduce[0].shape.bytes == 2048);
  CHECK(reduce[0].shape.ranks == 16);
  CHECK(reduce[0].shape.variant == "nodes=2");
}

TEST_CASE("LLMServingSim's tables become attention, mixed and skewed batches, and layers") {
  const TemporaryFolder folder("llmservingsim");
  const std::string base = "RTXPRO6000/Qwen/Q/bf16/";
  folder.write(base + "meta.yaml",
               "profiler_version: 1.0.0\nvllm_version: 0.19.0\ncuda_version: '13.0'\n"
               "gpu: A GPU\nhardware: RTXPRO6000\nprofiled_at: '2026-04-24T12:44:06+00:00'\n"
               "model: Qwen/Q\nvariant: bf16\ntp_degrees: [1, 2]\nengine_effective:\n"
               "  enforce_eager: true\n  hf_overrides:\n    num_attention_heads: 16\n"
               "    num_key_value_heads: 2\n");
  folder.write(base + "tp1/attention.csv",
               std::string("prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,2,64,9.5\n"
                           "32,128,0,0,8\n32,128,4,256,12\n"));
  folder.write(base + "tp1/dense.csv", std::string("layer,tokens,time_us\nqkv_proj,7,3.5\n"));
  folder.write(base + "tp1/skew.csv",
               std::string("regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,"
                           "t_skew_us,alpha\npure,2,1,0.5,4.0,0,0,128,512,320,52,56,53,0.29\n"));
  ProfileStore store = store_in(folder);
  CHECK(import_of(store, folder.path()).rows() == 7);
  const auto runs = store.runs("rtx-pro-6000");
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].date == "2026-04-24");
  CHECK(says(runs[0].notes, "eager"));
  const auto decode = store.kernels("rtx-pro-6000", "decode_attention");
  REQUIRE(decode.size() == 4);  // one plain, three of the skewed batch
  CHECK(decode[0].shape.batch == 2);
  CHECK(decode[0].shape.context == 64);
  CHECK(decode[0].shape.heads == 32);  // meta.yaml states the last degree's: 16 on each of 2
  CHECK(decode[0].shape.kv_heads == 4);
  CHECK(decode[0].times.median_ns == 9500);
  for (std::size_t i = 1; i < 4; ++i) {  // 1 of 2 sequences has 512 keys; the mean is 320
    CHECK(decode[i].shape.big_batch == 1);
    CHECK(decode[i].shape.big_context == 512);
    CHECK(decode[i].shape.context == 320);
  }
  CHECK(decode[1].shape.variant == "Qwen/Q");
  CHECK(decode[1].times.median_ns == 53'000);
  CHECK(decode[2].shape.variant == "Qwen/Q;all_big");
  CHECK(decode[2].times.median_ns == 56'000);
  CHECK(decode[3].shape.variant == "Qwen/Q;all_mean");
  CHECK(store.kernels("rtx-pro-6000", "prefill_attention").size() == 1);
  CHECK(store.kernels("rtx-pro-6000", "mixed_attention").size() == 1);
  const auto layers = store.kernels("rtx-pro-6000", "layer");
  REQUIRE(layers.size() == 1);
  CHECK(layers[0].shape.variant == "Qwen/Q/qkv_proj");
  CHECK(layers[0].shape.m == 7);
}

TEST_CASE("every shared table of one device is imported whole") {
  const std::string root = std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels";
  if (!std::filesystem::exists(root)) {
    WARN("skipped: ../shared/kernels is not here");
    return;
  }
  const TemporaryFolder folder("shared");
  ProfileStore store = store_in(folder);
  ImportSummary summary = import_of(store, root + "/aiconfigurator/data/l40s");
  CHECK(summary.count(Outcome::imported) == 9);
  // The files hold 274,414 rows; 53 of computescale_perf have a time of zero.
  CHECK(summary.rows() == 274'361);
  for (const char* other : {"/vidur", "/llmservingsim"}) {
    summary = import_of(store, root + other);
    CHECK(summary.count(Outcome::imported) == static_cast<std::int64_t>(summary.files.size()));
  }
}
