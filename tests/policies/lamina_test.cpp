// Lamina's staggered batches: the pipeline by hand, and what its overlap is worth.
#include <cmath>

#include "sim/execution_policy.h"
#include "tests/catch.h"
#include "tests/execution_world.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

std::unique_ptr<ExecutionPolicy> lamina(const Texts& texts = {}) {
  const auto* entry = PolicyRegistry<ExecutionPolicy>::instance().find("lamina");
  REQUIRE(entry != nullptr);
  return entry->make(parameters(entry->parameters, texts));
}

constexpr std::size_t kAttention = 2, kSlice = 8;

/// A layer in which a slice of one of `batches` takes `model` on a replica and `attention` on the
/// attention devices, and nothing else takes time.
PooledHandLayer slices(std::int64_t batches, double model, double attention) {
  std::vector<double> seconds(13, 0);
  seconds[kSlice] = model * static_cast<double>(batches);
  seconds[kAttention] = attention * static_cast<double>(batches);
  return {60 * batches, seconds, batches - 1};
}

struct Busy {
  double period = 0;
  double replica = 0, attention = 0;  ///< share of the period
};

Busy busy(double model, double attention) {
  constexpr std::int64_t kBatches = 3;
  const PooledHandLayer layer = slices(kBatches, model, attention);
  const LayerPlan plan = lamina({{"faithful", "true"}})->plan(layer);
  Busy result;
  result.period = time_plan(layer, plan, "lamina").period;
  result.replica = kBatches * model / (kBatches - 1) / result.period;
  result.attention = kBatches * attention / result.period;
  return result;
}

}  // namespace

TEST_CASE("three batches over two replicas keep both kinds of devices busy where t_a = t_m / 2") {
  const Busy balanced = busy(4, 2);
  CHECK(balanced.period == Approx(6));
  CHECK(balanced.replica == Approx(1));
  CHECK(balanced.attention == Approx(1));
}

TEST_CASE("more attention binds the attention devices, less of it the replicas") {
  const Busy attention_bound = busy(4, 3);
  CHECK(attention_bound.period == Approx(9));
  CHECK(attention_bound.replica == Approx(6.0 / 9));
  const Busy model_bound = busy(4, 1);
  CHECK(model_bound.period == Approx(6));
  CHECK(model_bound.attention == Approx(3.0 / 6));
}

TEST_CASE("the period is the largest of replicas, attention devices and a batch's own way") {
  // P = max(n t_m / (n - 1), n t_a, t_m + t_a) for any n.
  for (const std::int64_t batches : {2, 3, 4, 5}) {
    const auto n = static_cast<double>(batches);
    for (const double model : {1.0, 4.0, 7.0}) {
      for (const double attention : {0.5, 1.0, 3.0}) {
        const PooledHandLayer layer = slices(batches, model, attention);
        const LayerPlan plan = lamina({{"faithful", "true"}})->plan(layer);
        const double bound = std::max({n * model / (n - 1), n * attention, model + attention});
        // Cycles of five batches are longer than the layers that are simulated.
        CHECK(time_plan(layer, plan, "lamina").period ==
              Approx(bound).epsilon(batches < 5 ? 1e-9 : 0.05));
      }
    }
  }
}

TEST_CASE("slice k of batch j runs on replica (j + k) mod (n - 1) + 1, and finds it free") {
  const auto replica_of = [](std::int64_t j, std::int64_t k) { return (j + k) % 2 + 1; };
  CHECK(replica_of(1, 1) == 1);
  CHECK(replica_of(1, 2) == 2);
  CHECK(replica_of(2, 1) == 2);
  CHECK(replica_of(2, 2) == 1);
  CHECK(replica_of(3, 1) == 1);
  // The simulated slices, given replicas by that rule: no replica ever has two at once.
  constexpr std::size_t kLayers = 12;
  const PooledHandLayer layer = slices(3, 4, 2);
  const LayerPlan plan = lamina({{"faithful", "true"}})->plan(layer);
  const OperatorGraph graph = graph_of(layer, plan, "lamina");
  const std::vector<double> ends = graph.node_ends(kLayers);
  struct Slice {
    std::int64_t replica;
    double start, end;
  };
  std::vector<Slice> run;
  for (std::size_t k = 0; k < kLayers; ++k) {
    for (std::size_t node = 0; node < graph.size(); ++node) {
      if (graph.node(node).work != 4) continue;
      const double end = ends[k * graph.size() + node];
      const auto batch = static_cast<std::int64_t>(node / layer.operators().size()) + 1;
      run.push_back({replica_of(batch, static_cast<std::int64_t>(k) + 1), end - 4, end});
    }
  }
  CHECK(run.size() == 3 * kLayers);
  for (const Slice& a : run) {
    std::size_t beside = 0;
    for (const Slice& b : run)
      if (a.replica == b.replica && a.start < b.end - 1e-9 && b.start < a.end - 1e-9) ++beside;
    CHECK(beside == 1);  // itself
  }
}

TEST_CASE("attention over old tokens hides the projection and the way of new keys and values") {
  // send_query, send_kv, decode, new, prefill, result, out, norm, gate, down, norm, query, new_kv
  const std::vector<double> seconds{1, 1, 10, 1, 0, 1, 3, 0, 6, 3, 0, 2, 2};
  const PooledHandLayer layer(100, seconds, 1);
  const auto one = [&](const char* overlap) {
    const auto policy = lamina({{"batches", "1"}, {"qkv_overlap", overlap}});
    return time_plan(layer, policy->plan(layer), "lamina").period;
  };
  // In a row: 2 + 2, 1 + 1, 10, 1, 1, 12. With overlap the second 2 and 1 fall into the 10.
  CHECK(one("false") == Approx(30));
  CHECK(time_plan(layer, sequential_plan(layer), "sequential").period ==
        Approx(sequential_seconds(layer)));
  CHECK(one("true") == Approx(27));
}

TEST_CASE("few requests are one batch by default, for each batch reads all weights") {
  // Nothing takes less time with fewer tokens.
  std::vector<double> seconds(13, 0);
  seconds[kSlice] = 8;
  seconds[kAttention] = 8;
  const PooledHandLayer layer(4, seconds, 1, 8);
  const auto period = [&](const Texts& texts) {
    return time_plan(layer, lamina(texts)->plan(layer), "lamina").period;
  };
  CHECK(period({}) == Approx(16));  // 8 of the model and 8 of attention
  CHECK(period({{"faithful", "true"}}) == Approx(16));
  CHECK(lamina()->plan(layer).nano.size() == 13);
  CHECK(lamina({{"faithful", "true"}})->plan(layer).nano.size() == 26);
}

TEST_CASE("lamina refuses groups without attention devices and groups that only compute prompts") {
  CHECK_FALSE(lamina()->refusal({4, 0, false}).empty());
  CHECK_FALSE(lamina()->refusal({4, 2, true}).empty());
  CHECK(lamina()->refusal({4, 2, false}).empty());
}
