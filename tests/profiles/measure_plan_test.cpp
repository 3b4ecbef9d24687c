#include "profiles/measure_plan.h"

#include <algorithm>
#include <set>

#include "sim/check.h"
#include "tests/catch.h"

namespace {

using namespace headroom;

PlanModel llama_8b(std::int64_t ranks) {
  PlanModel model;
  model.name = "llama-3.1-8b";
  model.hidden = 4096;
  model.heads = 32 / ranks;
  model.kv_heads = 8 / ranks;
  model.head_dim = 128;
  model.ffn = 14336 / ranks;
  model.vocab = 128256 / ranks;
  model.tensor_ranks = ranks;
  return model;
}

bool has_gemm(const MeasurePlan& plan, std::int64_t n, std::int64_t k) {
  return std::any_of(plan.points.begin(), plan.points.end(), [&](const KernelShape& shape) {
    return shape.op == "gemm" && shape.n == n && shape.k == k;
  });
}

}  // namespace

TEST_CASE("every plan holds each shape once, cold or hot, and anchors of each operator") {
  for (const PlanFor device : {PlanFor::cpu, PlanFor::gpu})
    for (const MeasurePlan& plan :
         {quick_plan(device), full_plan(device), model_plan(device, llama_8b(1))}) {
      const std::set<KernelShape> shapes(plan.points.begin(), plan.points.end());
      CHECK(shapes.size() == plan.points.size());
      std::set<std::string> ops, anchored;
      for (const KernelShape& shape : plan.points) {
        ops.insert(shape.op);
        CHECK((shape.variant.ends_with("cold") || shape.variant.ends_with("hot")));
      }
      for (const std::size_t anchor : plan.anchors) anchored.insert(plan.points.at(anchor).op);
      CHECK(ops == anchored);
      CHECK(ops.contains("gemm"));
      CHECK(ops.contains("decode_attention"));
      CHECK(ops.contains("prefill_attention"));
      CHECK(ops.contains("elementwise"));
    }
}

TEST_CASE("a plan's hash tells plans apart and does not change from run to run") {
  CHECK(quick_plan(PlanFor::cpu).hash() == quick_plan(PlanFor::cpu).hash());
  std::set<std::string> hashes;
  for (const PlanFor device : {PlanFor::cpu, PlanFor::gpu}) {
    hashes.insert(quick_plan(device).hash());
    hashes.insert(full_plan(device).hash());
    hashes.insert(model_plan(device, llama_8b(1)).hash());
    hashes.insert(model_plan(device, llama_8b(2)).hash());
  }
  CHECK(hashes.size() == 8);
  MeasurePlan changed = quick_plan(PlanFor::cpu);
  changed.points.back().m += 1;
  CHECK(changed.hash() != quick_plan(PlanFor::cpu).hash());
}

TEST_CASE("a model's plan holds its matrices as a tensor degree splits them") {
  // Llama 3.1 8B over 2 GPUs: (32 + 2 x 8) x 128 / 2 = 3072 columns of query, key and value;
  // gate and up 2 x 14336 / 2; down 14336 / 2 rows; a head of 128256 / 2.
  const MeasurePlan plan = model_plan(PlanFor::gpu, llama_8b(2));
  CHECK(has_gemm(plan, 3072, 4096));
  CHECK(has_gemm(plan, 4096, 2048));
  CHECK(has_gemm(plan, 14336, 4096));
  CHECK(has_gemm(plan, 4096, 7168));
  CHECK(has_gemm(plan, 64128, 4096));
  CHECK_FALSE(has_gemm(plan, 6144, 4096));
}

TEST_CASE("a mixture's plan holds its experts, its router and what every token passes") {
  PlanModel mixture = llama_8b(1);
  mixture.ffn = 0;
  mixture.experts = 64;
  mixture.experts_per_token = 6;
  mixture.expert_ffn = 768;
  mixture.shared_ffn = 1536;
  const MeasurePlan plan = model_plan(PlanFor::gpu, mixture);
  CHECK(has_gemm(plan, 64, 4096));
  CHECK(has_gemm(plan, 3072, 4096));
  CHECK(has_gemm(plan, 4096, 1536));
  CHECK_FALSE(has_gemm(plan, 0, 4096));
  CHECK_FALSE(has_gemm(plan, 4096, 0));
  CHECK(std::count_if(plan.points.begin(), plan.points.end(), [](const KernelShape& shape) {
          return shape.op == "moe" && shape.n == 4096 && shape.k == 768 && shape.experts == 64 &&
                 shape.topk == 6;
        }) == 15);
  // Its activation works on the seven experts' widths together.
  CHECK(std::any_of(plan.points.begin(), plan.points.end(), [](const KernelShape& shape) {
    return shape.variant == "silu_mul cold" && shape.k == 6 * 768 + 1536;
  }));
}

TEST_CASE("a model with sizes that no plan covers is refused in one line") {
  const auto refused = [](PlanFor device, const PlanModel& model, const std::string& begin) {
    try {
      static_cast<void>(model_plan(device, model));
      FAIL("a plan without a width");
    } catch (const InputError& error) {
      CHECK(std::string(error.what()).find(begin) == 0);
    }
  };
  PlanModel none = llama_8b(1);
  none.ffn = 0;
  refused(PlanFor::gpu, none, "--model: expected a model with plain attention");
  none.experts = 8;
  refused(PlanFor::gpu, none, "--model: expected a model with plain attention");
  refused(PlanFor::cpu, none, "--model: expected a dense model on a CPU");
}

TEST_CASE("a pass's order is a permutation that seed and pass alone decide") {
  const MeasurePlan plan = quick_plan(PlanFor::cpu);
  const std::vector<std::size_t> first = pass_order(plan, 1, 0);
  CHECK(first == pass_order(plan, 1, 0));
  CHECK(first != pass_order(plan, 1, 1));
  CHECK(first != pass_order(plan, 2, 0));
  std::vector<std::size_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) CHECK(sorted[i] == i);
  CHECK(first != sorted);
}

TEST_CASE("random operands are never zero and fill the interval") {
  SplitMix random(1);
  float least = 1, most = -1;
  for (int i = 0; i < 100000; ++i) {
    const float value = random.signed_unit();
    if (value == 0.0F || value < -1.0F || value >= 1.0F) FAIL("out of (-1, 1) without 0");
    least = std::min(least, value);
    most = std::max(most, value);
  }
  CHECK(least < -0.999F);
  CHECK(most > 0.999F);
}
