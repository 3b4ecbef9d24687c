// NanoFlow's pipelines, and the batches they are made for.
#include "sim/execution_policy.h"
#include "tests/catch.h"
#include "tests/execution_world.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

/// The paper's measured operators of one layer of LLaMA-2-70B on eight A100s at 2,048 tokens, in
/// seconds: table 2 over 80 layers, the collectives in equal halves.
HandLayer published_layer() {
  std::vector<double> ms{16.08, 35.60, 4.56, 16.01, 23.96, 0, 69.92, 34.96, 23.96, 0};
  for (double& one : ms) one *= 1e-3 / 80;
  return {2048, ms};
}

std::unique_ptr<ExecutionPolicy> nanoflow(const Texts& texts = {}) {
  const auto* entry = PolicyRegistry<ExecutionPolicy>::instance().find("nanoflow");
  REQUIRE(entry != nullptr);
  return entry->make(parameters(entry->parameters, texts));
}

double period(const ExecutionPolicy& policy, const LayerView& layer) {
  return time_plan(layer, policy.plan(layer), "nanoflow").period;
}

}  // namespace

TEST_CASE("the published operators one after the other take 225.05 ms, 1,137 tokens/s a GPU") {
  const HandLayer layer = published_layer();
  CHECK(sequential_seconds(layer) * 80 == Approx(0.22505));
  CHECK(2048 / (sequential_seconds(layer) * 80) / 8 == Approx(1137.5).margin(0.1));
}

TEST_CASE("one nano-batch without overlap is the sequential sum") {
  // 128 tokens are one step of a nano-batch: nothing to cut.
  std::vector<double> seconds{1, 2, 0.5, 1, 1.5, 0.1, 3, 2, 1.5, 0.1};
  const HandLayer small(128, seconds);
  CHECK(period(*nanoflow(), small) == Approx(12.7));
  // Operators whose nano-operators cost nothing extra: cut, but one after the other.
  CHECK(period(*nanoflow({{"overlap", "none"}}), published_layer()) ==
        Approx(sequential_seconds(published_layer())));
}

TEST_CASE("overlapped layers take less than the sum, and more than the products") {
  const HandLayer layer = published_layer();
  // Products with prompts' attention, which runs on the same units: 136.97 + 4.56 ms.
  const double products = (16.08 + 16.01 + 69.92 + 34.96 + 4.56) * 1e-3 / 80;
  for (const char* faithful : {"false", "true"}) {
    const double found = period(*nanoflow({{"faithful", faithful}}), layer);
    CHECK(found < sequential_seconds(layer) * 0.9);
    CHECK(found > products);
  }
}

TEST_CASE("the search finds what trying every plan with one share a kind finds, or better") {
  // Attention-heavy, network-heavy, balanced and compute-bound layers.
  const std::vector<std::vector<double>> layers{{16, 36, 5, 16, 24, 1, 70, 35, 24, 1},
                                                {16, 90, 5, 16, 24, 1, 70, 35, 24, 1},
                                                {16, 10, 5, 16, 60, 1, 70, 35, 60, 1},
                                                {40, 10, 20, 40, 5, 1, 160, 80, 5, 1},
                                                {16, 70, 0, 16, 50, 2, 70, 35, 50, 2}};
  for (std::vector<double> seconds : layers) {
    for (double& one : seconds) one *= 1e-5;
    for (const double start : {0.0, 5e-6}) {
      const HandLayer layer(2048, seconds, start);
      const double all = period(*nanoflow({{"search", "exhaustive"}}), layer);
      CHECK(period(*nanoflow(), layer) <= all * 1.01);
    }
  }
}

TEST_CASE("shares of one device never sum to more than the whole") {
  // Whatever runs at once: the one product takes what the largest shares of the others leave.
  const HandLayer layer = published_layer();
  const LayerPlan plan = nanoflow()->plan(layer);
  for (const NanoOperator& one : plan.nano) {
    CHECK(one.share > 0);
    CHECK(one.share <= 1);
    CHECK((one.elastic || one.slow_down >= 1));
  }
}

TEST_CASE(
    "performance at a share follows the published table, grows with it and ends at the whole") {
  // A collective alone on share R takes work / P(R): read P back from plans that choose R.
  const HandLayer layer = published_layer();
  const LayerPlan plan = nanoflow({{"faithful", "true"}})->plan(layer);
  bool network = false, attention = false;
  for (const NanoOperator& one : plan.nano) {
    // The published pipeline: decode attention R = 0.4 at 0.8, collectives R = 0.2 at 0.5.
    if (one.operators == 1U << 4) {
      CHECK(one.share == Approx(0.2));
      CHECK(one.slow_down == Approx(2));
      network = true;
    }
    if (one.operators == 1U << 1) {
      CHECK(one.share == Approx(0.4));
      CHECK(one.slow_down == Approx(1.25));
      attention = true;
    }
  }
  CHECK((network && attention));
}

TEST_CASE("the published pipeline has nano-batches of 768 and 1,280 tokens, attention in four") {
  const LayerPlan plan = nanoflow({{"faithful", "true"}})->plan(published_layer());
  std::vector<std::pair<std::int64_t, std::int64_t>> down, attention;
  for (const NanoOperator& one : plan.nano) {
    if (one.operators == 1U << 7) down.emplace_back(one.first, one.past);
    if (one.operators == 1U << 1) attention.emplace_back(one.first, one.past);
  }
  CHECK((down == decltype(down){{0, 768}, {768, 2048}}));
  CHECK((attention == decltype(attention){{0, 384}, {384, 768}, {768, 1408}, {1408, 2048}}));
}

TEST_CASE("the search is never behind the published pipeline, whatever is scarce") {
  for (const double decode : {0.0, 10.0, 35.6, 120.0}) {
    for (const double prefill : {0.0, 4.56, 40.0}) {
      std::vector<double> ms{16.08, decode, prefill, 16.01, 23.96, 0, 69.92, 34.96, 23.96, 0};
      for (double& one : ms) one *= 1e-3 / 80;
      const HandLayer layer(2048, ms, 1e-6);
      CHECK(period(*nanoflow(), layer) <=
            period(*nanoflow({{"faithful", "true"}}), layer) * (1 + 1e-9));
    }
  }
}

TEST_CASE("copies of new keys and values to the host cost something, and little") {
  const HandLayer layer = published_layer();
  const double without = period(*nanoflow(), layer);
  const double with = period(*nanoflow({{"offload", "true"}}), layer);
  CHECK(with > without);
  CHECK(with < without * 1.05);
}
