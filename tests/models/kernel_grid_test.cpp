#include "models/kernel_grid.h"

#include "models/kernel_place.h"
#include "models/quantile.h"
#include "tests/catch.h"

using namespace headroom;

namespace {

KernelPlace gemm_at(double n, double k, double m) {
  return {{"gemm", "bf16", "bf16"}, {}, {n, k, m}};
}

/// Corrections whose logarithms are linear in the logarithm of every axis: to base 2,
/// log2(n) + 2 log2(k) + 4 log2(m).
KernelGrid linear_grid() {
  KernelGrid grid;
  for (int n = 0; n <= 2; ++n)
    for (int k = 0; k <= 2; ++k)
      for (int m = 0; m <= 3; ++m)
        grid.add(gemm_at(1 << n, 1 << k, 1 << m), 1 << (n + 2 * k + 4 * m));
  grid.finish();
  return grid;
}

}  // namespace

TEST_CASE("a grid returns its own points exactly and interpolates between them") {
  const KernelGrid grid = linear_grid();
  const GridAnswer own = grid.at(gemm_at(2, 4, 8));
  CHECK(own.exact);
  CHECK(own.ratio == 1 << (1 + 4 + 12));
  // 3 lies half way between 2 and 4 on the grid's own piecewise linear logarithm.
  const GridAnswer between = grid.at(gemm_at(3, 1, 3));
  CHECK_FALSE(between.exact);
  CHECK(between.inside);
  CHECK(between.ratio == Approx(181.0193359837562));  // 2^(1.5 + 0 + 4 x 1.5)
}

TEST_CASE("beyond its edge a grid holds the edge, and says that it is outside") {
  const KernelGrid grid = linear_grid();
  CHECK(grid.at(gemm_at(1, 1, 64)).ratio == Approx(1 << 12));
  CHECK_FALSE(grid.at(gemm_at(1, 1, 64)).inside);
  CHECK(grid.at(gemm_at(8, 1, 1)).inside);         // an octave from a site
  CHECK_FALSE(grid.at(gemm_at(32, 1, 1)).inside);  // three octaves
  KernelPlace other = gemm_at(1, 1, 1);
  other.family.stored = "fp8";
  CHECK_FALSE(grid.at(other).found);
}

TEST_CASE("a point or site left out is answered by its neighbours alone") {
  const KernelGrid grid = linear_grid();
  const GridAnswer point = grid.at(gemm_at(1, 1, 2), LeaveOut::point);
  CHECK_FALSE(point.exact);
  CHECK(point.ratio == Approx(1 << 4));  // half way between 2^0 and 2^8, where it lies too
  CHECK(grid.at(gemm_at(1, 2, 1), LeaveOut::site).ratio == Approx(4));  // between k = 1 and 4
  CHECK(grid.at(gemm_at(1, 4, 1), LeaveOut::site).ratio == Approx(4));  // the edge that is left
}

TEST_CASE("of rows at one place the preferred one counts") {
  KernelGrid grid;
  grid.add(gemm_at(1, 1, 1), 5, 2);
  grid.add(gemm_at(1, 1, 1), 3, 0);
  grid.finish();
  CHECK(grid.at(gemm_at(1, 1, 1)).ratio == 3);
}

TEST_CASE("an operator and the row measured of it lie at one place") {
  const Architecture model = find_model("gpt-oss-120b", "test");
  const ShardedModel some =
      shard_model(model, make_precision(model, "native", "auto", "t"), {2, 1, 2, 1}, "t");
  const RooflineTimes roofline(find_device("h100", ""));
  const auto same = [&](const Operator& op, const KernelShape& shape) {
    const std::vector<KernelPlace> of_op = places_of(op);
    const auto of_row = place_of(shape);
    REQUIRE_FALSE(of_op.empty());
    REQUIRE(of_row);
    CHECK(of_op.front().family == of_row->family);
    CHECK(of_op.front().group == of_row->group);
    CHECK(of_op.front().at == of_row->at);
    CHECK(roofline.time(measured_operator(shape)).seconds == Approx(roofline.time(op).seconds));
  };
  for (const Operator& op : layer_token_operators(some, 64)) {
    if (op.kind == OperatorKind::moe_experts) {
      same(op, {.op = "moe",
                .compute = "bf16",
                .stored = "mxfp4",
                .m = 64,
                .n = 2880,
                .k = 2880,
                .experts = 128,
                .topk = 4,
                .ranks = 2});
    }
    if (op.kind == OperatorKind::all_reduce) {
      same(op, {.op = "all_reduce",
                .compute = "bf16",
                .stored = "bf16",
                .bytes = 64 * 2880 * 2,
                .ranks = 2});
    }
  }
  same(decode_attention(some, AttentionSpan::windowed, 8, 8 * 100), {.op = "decode_attention",
                                                                     .compute = "bf16",
                                                                     .stored = "bf16",
                                                                     .batch = 8,
                                                                     .heads = 32,
                                                                     .kv_heads = 4,
                                                                     .head_dim = 64,
                                                                     .context = 100,
                                                                     .window = 128});
  same(prefill_attention(some, AttentionSpan::windowed, {1000, 0, 1}), {.op = "prefill_attention",
                                                                        .compute = "bf16",
                                                                        .stored = "bf16",
                                                                        .batch = 1,
                                                                        .heads = 32,
                                                                        .kv_heads = 4,
                                                                        .head_dim = 64,
                                                                        .chunk = 1000,
                                                                        .window = 128});
}

TEST_CASE("cross-validation measures what a grid says of points it is not shown") {
  KernelGrid grid = linear_grid();
  for (const CrossValidation& one : cross_validate(grid)) {
    CHECK(one.family.op == "gemm");
    CHECK(one.points.size() == 36);
    // Two of four sizes of each line are inner ones, exact as corrections are linear; the others
    // are edges, for which the neighbour's correction is held.
    CHECK(quantile(one.points, 0.5) < 1e-12);
    CHECK(quantile(one.points, 0.9) > 0);
  }
  // Equal corrections everywhere leave nothing to err in.
  KernelGrid flat;
  for (const int n : {1, 2, 4})
    for (const int m : {1, 2, 4}) flat.add(gemm_at(n, 1, m), 1.25);
  flat.finish();
  REQUIRE(cross_validate(flat).size() == 1);
  CHECK(quantile(cross_validate(flat)[0].points, 0.9) == 0);
}
