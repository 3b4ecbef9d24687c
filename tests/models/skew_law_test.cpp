#include "models/skew_law.h"

#include <unistd.h>

#include <filesystem>

#include "models/compiled_cost.h"
#include "models/table_cost.h"
#include "profiles/import.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/scratch.h"

using namespace headroom;
using Mode = ProfileStore::Mode;

namespace {

bool any(const ProfileRun&) { return true; }

constexpr double kPerKey = 10;  // nanoseconds

/// Half of the sequences have three times the others' keys, so 1.5 times the mean.
void insert_shots(ProfileStore& store, std::int64_t run, const char* op, std::int64_t decodes,
                  double share) {
  for (const std::int64_t mean : {200, 400, 2000, 8000}) {
    KernelRow row;
    row.shape.op = op;
    row.shape.compute = row.shape.stored = "bf16";
    row.shape.heads = 32;
    row.shape.kv_heads = 8;
    row.shape.head_dim = 128;
    row.shape.batch = decodes;
    row.shape.context = mean;
    row.shape.big_batch = decodes / 2;
    row.shape.big_context = mean + mean / 2;
    const double n = static_cast<double>(decodes), at_mean = static_cast<double>(mean);
    const auto add = [&](const char* variant, double keys) {
      row.shape.variant = variant;
      row.times.median_ns = 5000 + kPerKey * n * keys;
      store.insert_kernel(run, row);
    };
    add("model;all_mean", at_mean);
    add("model;all_big", 1.5 * at_mean);
    add("model", at_mean * (1 + 0.5 * share));
  }
}

void fill(ProfileStore& store) {
  ProfileRun run;
  run.device = "h100-sxm";
  run.library = "vLLM";
  run.tool = "test";
  run.source = "made up for a test";
  const std::int64_t id = store.insert_run(run);
  insert_shots(store, id, "decode_attention", 2, 0.75);
  insert_shots(store, id, "decode_attention", 10, 0.25);
  insert_shots(store, id, "mixed_attention", 4, 1.25);
  // Equal contexts, as any store has them.
  for (const std::int64_t batch : {1, 2, 4, 8, 16})
    for (const std::int64_t context : {128, 512, 2048, 8192, 32'768}) {
      KernelRow row;
      row.shape = {.op = "decode_attention", .compute = "bf16", .stored = "bf16"};
      row.shape.heads = 32;
      row.shape.kv_heads = 8;
      row.shape.head_dim = 128;
      row.shape.batch = batch;
      row.shape.context = context;
      row.times.median_ns = 5000 + kPerKey * static_cast<double>(batch * context);
      store.insert_kernel(id, row);
    }
}

}  // namespace

TEST_CASE("the law gives back the shares that a store's batches were made with") {
  const headroom::test::ScratchFolder file;
  ProfileStore store(file.file("s.db"), Mode::read_write);
  fill(store);
  const SkewLaw law = read_skew_laws(store, "h100-sxm", any).nearest(8);
  CHECK(law.alone.share(2) == Approx(0.75));
  CHECK(law.alone.share(10) == Approx(0.25));
  CHECK(law.alone.share(6) == Approx(0.5));  // halfway
  CHECK(law.alone.share(1) == Approx(0.75));
  CHECK(law.alone.share(500) == Approx(0.25));
  CHECK(law.beside_prompts.share(4) == Approx(1.25));  // more than the longest alone
  // Each half predicts the other exactly; the mean alone lacks share x (1.5 - 1) of the keys' time.
  const SkewValidation check = validate_skew(store, "h100-sxm", any, DecodesBeside::nothing);
  CHECK(check.points == 8);
  CHECK(check.p90 < 1e-9);
  CHECK(check.mean_median > 0.05);
}

TEST_CASE("without measured batches of unequal contexts only their sum counts") {
  const headroom::test::ScratchFolder file;
  ProfileStore store(file.file("s.db"), Mode::read_write);
  CHECK(read_skew_laws(store, "h100-sxm", any).empty());
  CHECK(SkewLaws().nearest(8).alone.share(4) == 0);
  CHECK(validate_skew(store, "h100-sxm", any, DecodesBeside::nothing).points == 0);
}

TEST_CASE("a cost model of a store with such batches charges the longest context's share") {
  const headroom::test::ScratchFolder file;
  {
    ProfileStore store(file.file("s.db"), Mode::read_write);
    fill(store);
  }
  const Architecture model = find_model("llama-3.1-8b", "");
  const ShardedModel sharded =
      shard_model(model, make_precision(model, "bf16", "auto", ""), {1, 1}, "");
  const Device device = find_device("h100-sxm", "");
  const TableTimes times(ProfileStore(file.file("s.db"), Mode::read_only), device,
                         file.file("s.db"));
  const CompiledCost cost(sharded, EngineDescription{}, times, device.pcie_bandwidth);
  CHECK(cost.skew_share(2, DecodesBeside::nothing) == 768);   // 0.75 x 1024
  CHECK(cost.skew_share(4, DecodesBeside::prompts) == 1280);  // 1.25 x 1024
  // What the share adds to the sum of contexts is paid as context: from 2,048 keys each to 8,192,
  // both measured.
  BatchShape equal, unequal;
  equal.decodes = unequal.decodes = 2;
  equal.decode_context = 2 * 2048;
  unequal.decode_context = 2 * 8192;
  const double more = (cost.price(unequal).stage - cost.price(equal).stage).as_double();
  CHECK(more == Approx(12'288 * kPerKey * 32).epsilon(0.001));  // 32 layers
}

TEST_CASE("measured batches of unequal contexts are met better by the law than by their mean") {
  const std::string root = std::string(HEADROOM_SOURCE_DIR) + "/../shared/kernels/llmservingsim";
  if (!std::filesystem::exists(root)) {
    WARN("skipped: ../shared/kernels/llmservingsim is not here");
    return;
  }
  const headroom::test::ScratchFolder file;
  ProfileStore store(file.file("s.db"), Mode::read_write);
  (void)import_profiles(store, root, {});
  for (const char* device : {"rtx-4090", "rtx-pro-6000"}) {
    CAPTURE(device);
    const SkewValidation alone = validate_skew(store, device, any, DecodesBeside::nothing);
    const SkewValidation beside = validate_skew(store, device, any, DecodesBeside::prompts);
    // 327 to 330 batches without and 12,636 to 12,686 with a prompt in each of the files.
    CHECK(alone.points > 300);
    CHECK(beside.points > 12'000);
    CHECK(alone.median < alone.mean_median);
    CHECK(beside.median < 0.75 * beside.mean_median);
    CHECK(alone.p90 < 0.65 * alone.mean_p90);
    CHECK(beside.p90 < 0.65 * beside.mean_p90);
  }
}
