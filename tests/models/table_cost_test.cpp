#include "models/table_cost.h"

#include <unistd.h>

#include <filesystem>

#include "models/cost_factory.h"
#include "sim/check.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

constexpr double kSlower = 1.5;  ///< measured times of this test are so many times the roofline's

class Fixture {
 public:
  Fixture()
      : path_(std::filesystem::temp_directory_path() /
              ("headroom-table-" + std::to_string(::getpid()) + ".db")) {
    std::filesystem::remove(path_);
    const Architecture model = find_model("llama-3.1-8b", "");
    sharded_ = shard_model(model, make_precision(model, "bf16", "auto", ""), {1, 1}, "");
    fill();
  }
  ~Fixture() { std::filesystem::remove(path_); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] const ShardedModel& sharded() const { return sharded_; }
  [[nodiscard]] const Device& device() const { return device_; }
  [[nodiscard]] const RooflineTimes& roofline() const { return roofline_; }
  [[nodiscard]] TableTimes table() const {
    return {ProfileStore(path(), ProfileStore::Mode::read_only), device_, path()};
  }
  /// The named GEMM of a layer at `tokens`.
  [[nodiscard]] Operator gemm(OperatorKind kind, std::int64_t tokens) const {
    for (const Operator& op : layer_token_operators(sharded_, tokens))
      if (op.kind == kind) return op;
    FAIL("a layer has that operator");
    return {};
  }

 private:
  void fill() {
    ProfileStore store(path(), ProfileStore::Mode::read_write);
    ProfileStore::Transaction transaction(store);
    ProfileRun run;
    run.device = "h100-sxm";
    run.tool = "test";
    run.source = "the roofline, slowed down";
    const std::int64_t id = store.insert_run(run);
    for (const std::int64_t m : {1, 16, 256, 4096}) {
      const Operator op = gemm(OperatorKind::gate_up_gemm, m);
      KernelRow row;
      row.shape = {.op = "gemm", .compute = "bf16", .stored = "bf16", .m = m, .n = op.n, .k = op.k};
      row.times.median_ns = roofline_.time(op).seconds * kSlower * 1e9;
      store.insert_kernel(id, row);
    }
    for (const std::int64_t context : {1024, 4096}) {
      const Operator op = decode_attention(sharded_, AttentionSpan::full, 8, 8 * context);
      KernelRow row;
      row.shape = {.op = "decode_attention",
                   .compute = "bf16",
                   .stored = "bf16",
                   .batch = 8,
                   .heads = op.heads,
                   .kv_heads = op.kv_heads,
                   .head_dim = op.k,
                   .context = context};
      row.times.median_ns = roofline_.time(op).seconds * kSlower * 1e9;
      store.insert_kernel(id, row);
    }
    transaction.commit();
  }

  std::filesystem::path path_;
  ShardedModel sharded_;
  Device device_ = find_device("h100", "");
  RooflineTimes roofline_{device_};
};

}  // namespace

TEST_CASE("an exact grid point answers with the measured time and says so") {
  const Fixture fixture;
  const TableTimes table = fixture.table();
  for (const std::int64_t m : {1, 16, 256, 4096}) {
    const Operator op = fixture.gemm(OperatorKind::gate_up_gemm, m);
    CHECK(table.time(op).seconds == Approx(fixture.roofline().time(op).seconds * kSlower));
    CHECK(table.time(op).evidence == Evidence::measured);
  }
  const Operator attention = decode_attention(fixture.sharded(), AttentionSpan::full, 8, 8 * 4096);
  CHECK(table.time(attention).evidence == Evidence::measured);
}

// All measured points are 1.5 times the roofline, so every blend of corrections is 1.5.
TEST_CASE("between grid points the roofline is corrected by its measured neighbours") {
  const Fixture fixture;
  const TableTimes table = fixture.table();
  for (const std::int64_t m : {2, 100, 1000}) {
    const Operator op = fixture.gemm(OperatorKind::gate_up_gemm, m);
    CHECK(table.time(op).seconds == Approx(fixture.roofline().time(op).seconds * kSlower));
    CHECK(table.time(op).evidence == Evidence::interpolated);
  }
  const Operator attention = decode_attention(fixture.sharded(), AttentionSpan::full, 8, 8 * 2000);
  CHECK(table.time(attention).seconds ==
        Approx(fixture.roofline().time(attention).seconds * kSlower));
  CHECK(table.time(attention).evidence == Evidence::interpolated);
}

TEST_CASE("beyond the measured sizes and sites the nearest correction holds, as extrapolated") {
  const Fixture fixture;
  const TableTimes table = fixture.table();
  const Operator beyond = fixture.gemm(OperatorKind::gate_up_gemm, 10'000);
  CHECK(table.time(beyond).seconds == Approx(fixture.roofline().time(beyond).seconds * kSlower));
  CHECK(table.time(beyond).evidence == Evidence::extrapolated);
  // 28,672 x 4,096 was measured; 4,096 x 4,096 is 2.8 octaves away.
  const Operator elsewhere = fixture.gemm(OperatorKind::out_gemm, 16);
  CHECK(table.time(elsewhere).evidence == Evidence::extrapolated);
}

TEST_CASE("a kind of kernel that nobody measured is the roofline's") {
  const Fixture fixture;
  const TableTimes table = fixture.table();
  PrefillChunk chunk;
  chunk.tokens = 512;
  const Operator op = prefill_attention(fixture.sharded(), AttentionSpan::full, chunk);
  CHECK(table.time(op).seconds == fixture.roofline().time(op).seconds);
  CHECK(table.time(op).evidence == fixture.roofline().time(op).evidence);
}

TEST_CASE("a store without the device is refused with the devices it has") {
  const Fixture fixture;
  CHECK_THROWS_WITH(
      TableTimes(ProfileStore(fixture.path(), ProfileStore::Mode::read_only), find_device("l4", ""),
                 "store.db"),
      Catch::StartsWith("store.db: ") && Catch::Contains("of l4") && Catch::Contains("h100-sxm"));
}

TEST_CASE("a cost model from a store carries its digest and keeps the evidence") {
  const Fixture fixture;
  CostRequest request;
  request.model = fixture.sharded().model;
  request.precision = fixture.sharded().precision;
  request.device = fixture.device();
  request.engine = find_engine("ideal", "");
  request.cost = "table:" + fixture.path();
  const MadeCost table = make_cost(request);
  REQUIRE(table.stages.size() == 1);
  CHECK(table.profile_digest.size() == 16);
  BatchShape shape;
  shape.decodes = 16;
  shape.decode_context = 16 * 2000;
  const auto shares = evidence_shares(*table.stages[0], shape);
  CHECK(shares[0] > 0.3);  // gate and up: more than a third of the iteration
  CHECK(shares[0] + shares[1] + shares[2] == Approx(1));

  request.cost = "roofline";
  const MadeCost roofline = make_cost(request);
  CHECK(roofline.profile_digest.empty());
  CHECK(evidence_shares(*roofline.stages[0], shape)[0] == 0);
  CHECK(table.stages[0]->price(shape).stage > roofline.stages[0]->price(shape).stage);
}
