#include <algorithm>

#include "sim/execution_policy.h"
#include "tests/catch.h"
#include "tests/execution_world.h"
#include "tests/policies/watched.h"

using namespace headroom;
using namespace headroom::toy;

namespace {

std::unique_ptr<ExecutionPolicy> tokenweave(const Texts& texts = {}) {
  const auto* entry = PolicyRegistry<ExecutionPolicy>::instance().find("tokenweave");
  REQUIRE(entry != nullptr);
  return entry->make(parameters(entry->parameters, texts));
}

/// Attention 10 + 20 + 5 + 8, network 30 + 15, reduces of 12 and norms of 2, in ms for 1,000
/// tokens.
HandLayer layer_of(std::int64_t tokens) {
  std::vector<double> seconds{10, 20, 5, 8, 12, 2, 30, 15, 12, 2};
  for (double& one : seconds) one *= 1e-6 * static_cast<double>(tokens);
  return {tokens, seconds};
}

/// Ends of the parts a plan cuts the batch into, from its down projections.
std::vector<std::int64_t> parts(const LayerPlan& plan) {
  std::vector<std::int64_t> ends;
  for (const NanoOperator& one : plan.nano)
    if (one.operators == 1U << 7) ends.push_back(one.past);
  std::sort(ends.begin(), ends.end());
  return ends;
}

constexpr std::uint32_t kAfterAttention = (1U << 4) | (1U << 5);
constexpr std::uint32_t kAfterNetwork = (1U << 8) | (1U << 9);

}  // namespace

TEST_CASE("a batch is split where the released code splits it") {
  using Ends = std::vector<std::int64_t>;
  // 1,000 tokens are below the threshold of 1,024.
  CHECK((parts(tokenweave({{"faithful", "true"}})->plan(layer_of(1000))) == Ends{1000}));
  // Rounded up to 256 and halved; no offset at the nearest length, 1,024.
  CHECK((parts(tokenweave({{"faithful", "true"}})->plan(layer_of(1024))) == Ends{512, 1024}));
  // 8,000 rounds up to 8,192; half and the offset of 256 at the nearest length, 8,192: 4,352.
  CHECK((parts(tokenweave({{"faithful", "true"}})->plan(layer_of(8000))) == Ends{4352, 8000}));
  // Mixtral's released threshold.
  const Texts mixtral{{"faithful", "true"}, {"table", "mixtral-8"}, {"threshold", "2048"}};
  CHECK((parts(tokenweave(mixtral)->plan(layer_of(1500))) == Ends{1500}));
  CHECK((parts(tokenweave(mixtral)->plan(layer_of(2048))) == Ends{1024, 2048}));
}

TEST_CASE("below the threshold reduce and norm are one kernel, and nothing overlaps") {
  const HandLayer layer = layer_of(1000);
  const LayerTiming timing =
      time_plan(layer, tokenweave({{"faithful", "true"}})->plan(layer), "tokenweave");
  // The fused kernel takes 75.36 / 74.78 of the reduce alone at 1K tokens, and the norms vanish.
  const double expected = (10 + 20 + 5 + 8 + 30 + 15 + 2 * 12 * 75.36 / 74.78) * 1e-3;
  CHECK(timing.period == Approx(expected));
  CHECK(timing.first == Approx(expected));
}

TEST_CASE("a layer is four phases, each as long as the longer of its two halves") {
  // Released table for 1,024 tokens: 4 blocks of 132 multiprocessors beside everything.
  const HandLayer layer = layer_of(1024);
  const LayerTiming timing =
      time_plan(layer, tokenweave({{"faithful", "true"}})->plan(layer), "tokenweave");
  const double ms = 1e-3 * 1.024 / 2, slower = 132.0 / 128.0;
  const double attention = (10 + 20 + 5 + 8) * ms * slower, network = (30 + 15) * ms * slower;
  // 512 tokens: the fused kernel over the reduce, times four blocks over sixteen (at 1K).
  const double reduce = 12 * ms * (45.06 / 43.68) * (128.0 / 75.4);
  CHECK(timing.period == Approx(2 * std::max(attention, reduce) + 2 * std::max(network, reduce)));
}

TEST_CASE("communication is hidden where it is shorter than what computes beside it") {
  std::vector<double> seconds{10, 20, 5, 8, 12, 2, 30, 15, 12, 2};
  for (double& one : seconds) one *= 1e-3;
  const HandLayer hidden(1024, seconds);
  seconds[4] = seconds[8] = 0.2;
  const HandLayer exposed(1024, seconds);
  const Texts faithful{{"faithful", "true"}};
  const double compute = (10 + 20 + 5 + 8 + 30 + 15) * 1e-3 * 132.0 / 128.0;
  CHECK(time_plan(hidden, tokenweave(faithful)->plan(hidden), "t").period == Approx(compute));
  CHECK(time_plan(exposed, tokenweave(faithful)->plan(exposed), "t").period > 2 * compute);
}

TEST_CASE("reduces stand in the phase beside the other part's work") {
  const LayerPlan plan = tokenweave({{"faithful", "true"}})->plan(layer_of(1024));
  CHECK(plan.phases == 4);
  const auto phase_of = [&plan](std::uint32_t operators, std::int64_t first) {
    for (const NanoOperator& one : plan.nano)
      if (one.operators == operators && one.first == first) return one.phase;
    return std::int64_t{-1};
  };
  CHECK(phase_of(1U << 0, 0) == 0);          // attention of part 1
  CHECK(phase_of(kAfterAttention, 0) == 1);  // its reduce beside attention of part 2
  CHECK(phase_of(1U << 0, 512) == 1);
  CHECK(phase_of(kAfterAttention, 512) == 2);  // beside the network of part 1
  CHECK(phase_of(1U << 6, 0) == 2);
  CHECK(phase_of(kAfterNetwork, 0) == 3);  // beside the network of part 2
  CHECK(phase_of(1U << 6, 512) == 3);
  CHECK(phase_of(kAfterNetwork, 512) == 4);  // beside the next layer's attention of part 1
}

TEST_CASE("a searched split adds no waves of tiles where some offset adds none") {
  // 10 columns of 256 and 132 multiprocessors: a wave is 13.2 rows of 128 tokens. 3,328 tokens are
  // 26 rows: 260 tiles, 2 waves, and so are 13 + 13 rows (130 and 130 tiles) alone.
  const auto waves = [](std::int64_t tokens, std::int64_t columns) {
    return ((tokens + 127) / 128 * ((columns + 255) / 256) + 131) / 132;
  };
  for (const std::int64_t tokens : {2048, 2560, 3328, 4096, 5000, 9000}) {
    const std::vector<std::int64_t> ends = parts(tokenweave()->plan(layer_of(tokens)));
    if (ends.size() == 1) continue;
    std::int64_t added = 0, fewest = 1 << 20;
    const auto added_by = [&](std::int64_t first) {
      std::int64_t sum = 0;
      for (const std::int64_t columns : {1280, 8192, 7168, 8192})
        sum += waves(first, columns) + waves(tokens - first, columns) - waves(tokens, columns);
      return sum;
    };
    added = added_by(ends.front());
    for (const std::int64_t offset : {0, 64, 128, 192, 256, 512})
      fewest = std::min(fewest, added_by((tokens + 255) / 256 * 256 / 2 + offset));
    CHECK(added == fewest);
  }
}

TEST_CASE("one GPU is refused, for it has nothing to reduce") {
  CHECK_FALSE(tokenweave()->refusal({1, 0, false}).empty());
  CHECK(tokenweave()->refusal({8, 0, false}).empty());
  CHECK_FALSE(tokenweave()->refusal({8, 4, false}).empty());
}
