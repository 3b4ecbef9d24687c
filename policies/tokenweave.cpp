// TokenWeave: a batch is split in two; while one part computes attention or feed-forward network,
// the other is reduced and normed by one fused kernel on a few multiprocessors.
//
// Gond et al., "TokenWeave: Efficient Compute-Communication Overlap for Distributed LLM Inference",
// MLSys 2026 (arXiv 2505.11329), as its released code runs it. Four phases a layer, with a barrier
// after each: (1) reduce of part 2 from the layer before beside attention of part 1, (2) reduce of
// part 1 beside attention of part 2, (3) reduce of part 2 beside the network of part 1, (4) reduce
// of part 1 beside the network of part 2. Batches below the threshold run in order, with the fused
// kernel ("fuse only").
//
// Default: split point and multiprocessors are searched for each batch, among offsets that add no
// waves of product tiles where there are any such; a batch is split only where that is faster.
// "faithful": the released table of a model, and a split from the threshold on, whatever it gains.
// Not here: the padding of the second part to 256 tokens.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "sim/execution_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"threshold",
     ParameterSpec::Kind::integer,
     2,
     1 << 20,
     "1024",
     {},
     "batches of fewer tokens are not split (released code: 1024, Mixtral 2048; paper: 4096)"},
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "the released table instead of a search, also where it loses"},
    {"table",
     ParameterSpec::Kind::choice,
     0,
     0,
     "llama-8",
     {"llama-8", "llama-4", "mixtral-8", "qwen-8"},
     "faithful: model and number of H100s the table was made for"},
};

// The fused kernel of AllReduce and RMSNorm on 8 H100s, hidden size 8,192, bf16 (released data):
// its time over that of the multimem AllReduce alone, by tokens.
struct Fused {
  std::int64_t tokens;
  double over_reduce;
};
constexpr std::array<Fused, 10> kFused{{{64, 17.09 / 16.54},
                                        {128, 21.70 / 20.19},
                                        {256, 30.08 / 28.06},
                                        {512, 45.06 / 43.68},
                                        {1024, 75.36 / 74.78},
                                        {2048, 137.09 / 135.87},
                                        {4096, 258.24 / 257.25},
                                        {8192, 502.34 / 500.16},
                                        {16384, 987.33 / 985.95},
                                        {32768, 1965.60 / 1956.61}}};

// The same kernel on fewer thread blocks, one a multiprocessor, over its time on 16.
constexpr std::array<std::int64_t, 4> kBlocks{2, 4, 8, 16};
struct Slower {
  std::int64_t tokens;
  std::array<double, 4> by_blocks;
};
constexpr std::array<Slower, 4> kSlower{
    {{1024, {207.8 / 75.4, 128.0 / 75.4, 86.6 / 75.4, 1}},
     {4096, {792.8 / 258.2, 465.9 / 258.2, 290.8 / 258.2, 1}},
     {8192, {1571 / 503.5, 913.8 / 503.5, 561.7 / 503.5, 1}},
     {32768, {6240.8 / 1972.1, 3558.4 / 1972.1, 2184.0 / 1972.1, 1}}}};

// Released configurations by length: blocks beside attention, blocks beside the network, offset.
constexpr std::array<std::int64_t, 7> kLengths{1024, 2048, 4096, 8192, 16384, 32768, 65536};
struct Setting {
  std::int64_t attention_blocks, network_blocks, offset;
};
struct Table {
  const char* name;
  std::array<Setting, 7> by_length;
};
constexpr std::array<Table, 4> kTables{{
    {"llama-8",
     {{{4, 4, 0}, {8, 8, 0}, {4, 4, 0}, {8, 4, 256}, {8, 8, 256}, {8, 4, 0}, {4, 4, 0}}}},
    {"llama-4", {{{8, 8, 0}, {8, 8, 0}, {8, 8, 0}, {8, 4, 0}, {8, 4, 256}, {4, 8, 0}, {4, 2, 0}}}},
    {"mixtral-8",
     {{{2, 4, 0}, {8, 8, 0}, {8, 8, 256}, {8, 4, 256}, {8, 4, 256}, {8, 4, 128}, {8, 4, 0}}}},
    {"qwen-8", {{{4, 8, 0}, {4, 8, 0}, {8, 8, 256}, {8, 4, 0}, {8, 4, 0}, {8, 8, 0}, {8, 8, 256}}}},
}};
constexpr std::array<std::int64_t, 6> kOffsets{0, 64, 128, 192, 256, 512};

constexpr std::int64_t kUnknownMultiprocessors = 132;  // those of an H100, which the tables are for
// Tiles of product outputs, as cuBLAS prefers them on Hopper for large products.
constexpr std::int64_t kTileRows = 128, kTileColumns = 256;

template <class Rows>
const auto& nearest(const Rows& rows, std::int64_t tokens) {
  return *std::min_element(rows.begin(), rows.end(), [tokens](const auto& a, const auto& b) {
    return std::abs(a.tokens - tokens) < std::abs(b.tokens - tokens);
  });
}

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Waves of a layer's product tiles over the multiprocessors.
std::int64_t waves(const LayerView& layer, std::int64_t tokens, std::int64_t multiprocessors) {
  std::int64_t sum = 0;
  for (const LayerOperator& op : layer.operators()) {
    const std::int64_t tiles = divided_up(tokens, kTileRows) * divided_up(op.columns, kTileColumns);
    sum += divided_up(tiles, multiprocessors);
  }
  return sum;
}

/// Tokens of the first part; 0 where the split would leave nothing.
std::int64_t first_part(std::int64_t tokens, std::int64_t offset) {
  const std::int64_t first = divided_up(tokens, 256) * 256 / 2 + offset;
  return first < tokens ? first : 0;
}

bool is_attention(OperatorRole role) {
  return role == OperatorRole::qkv || role == OperatorRole::decode_attention ||
         role == OperatorRole::prefill_attention || role == OperatorRole::out;
}

/// Builds plans of a layer.
class Weaver {
 public:
  explicit Weaver(const LayerView& layer) : layer_(layer) {
    multiprocessors_ = layer.multiprocessors();
    if (multiprocessors_ == 0) multiprocessors_ = kUnknownMultiprocessors;
    for (std::size_t op = 0; op < layer.operators().size(); ++op) {
      switch (layer.operators()[op].role) {
        case OperatorRole::attention_reduce:
        case OperatorRole::ffn_norm:
          after_attention_ |= std::uint32_t{1} << op;
          break;
        case OperatorRole::ffn_reduce:
        case OperatorRole::input_norm:
          after_network_ |= std::uint32_t{1} << op;
          break;
        default:
          break;
      }
    }
  }

  /// In order, reduce and norm fused on 16 blocks.
  [[nodiscard]] LayerPlan fused_only() const {
    LayerPlan plan = sequential_plan(layer_);
    std::uint32_t done = 0;
    std::vector<NanoOperator> nano;
    for (NanoOperator one : plan.nano) {
      for (const std::uint32_t both : {after_attention_, after_network_}) {
        if ((one.operators & both) == 0) continue;
        one.operators = both;
        one.slow_down = fused(layer_.tokens());
      }
      if ((done & one.operators) == 0) nano.push_back(one);
      done |= one.operators;
    }
    plan.nano = std::move(nano);
    return plan;
  }

  [[nodiscard]] LayerPlan woven(std::int64_t first, const Setting& setting) const {
    const std::int64_t all = layer_.tokens();
    LayerPlan plan;
    plan.phases = 4;
    compute(plan, {0, first}, Part::attention, 0, setting.attention_blocks);
    reduce(plan, {0, first}, after_attention_, 1, setting.attention_blocks);
    compute(plan, {first, all}, Part::attention, 1, setting.attention_blocks);
    reduce(plan, {first, all}, after_attention_, 2, setting.network_blocks);
    compute(plan, {0, first}, Part::network, 2, setting.network_blocks);
    reduce(plan, {0, first}, after_network_, 3, setting.network_blocks);
    compute(plan, {first, all}, Part::network, 3, setting.network_blocks);
    // Beside the next layer's attention of the first part.
    reduce(plan, {first, all}, after_network_, 4, setting.attention_blocks);
    return plan;
  }

  [[nodiscard]] std::int64_t added_waves(std::int64_t first) const {
    const std::int64_t all = layer_.tokens();
    return waves(layer_, first, multiprocessors_) + waves(layer_, all - first, multiprocessors_) -
           waves(layer_, all, multiprocessors_);
  }

 private:
  enum class Part : std::uint8_t { attention, network };
  struct Range {
    std::int64_t first, past;
  };

  /// Time of the fused kernel on 16 blocks over that of the reduce alone.
  [[nodiscard]] static double fused(std::int64_t tokens) {
    return nearest(kFused, tokens).over_reduce;
  }

  void compute(LayerPlan& plan, const Range& range, Part part, std::int64_t phase,
               std::int64_t blocks) const {
    for (std::size_t op = 0; op < layer_.operators().size(); ++op) {
      const std::uint32_t bit = std::uint32_t{1} << op;
      if (((after_attention_ | after_network_) & bit) != 0) continue;
      if (is_attention(layer_.operators()[op].role) != (part == Part::attention)) continue;
      NanoOperator one;
      one.operators = bit;
      one.first = range.first;
      one.past = range.past;
      one.phase = phase;
      // The kernels of a phase are launched for the multiprocessors that the reduce leaves.
      one.share = 1 - share_of(blocks);
      one.slow_down = 1 / one.share;
      plan.nano.push_back(one);
    }
  }

  void reduce(LayerPlan& plan, const Range& range, std::uint32_t operators, std::int64_t phase,
              std::int64_t blocks) const {
    const std::int64_t tokens = range.past - range.first;
    const auto at = std::find(kBlocks.begin(), kBlocks.end(), blocks) - kBlocks.begin();
    NanoOperator one;
    one.operators = operators;
    one.first = range.first;
    one.past = range.past;
    one.phase = phase;
    one.share = share_of(blocks);
    one.slow_down =
        fused(tokens) * nearest(kSlower, tokens).by_blocks[static_cast<std::size_t>(at)];
    plan.nano.push_back(one);
  }

  [[nodiscard]] double share_of(std::int64_t blocks) const {
    return static_cast<double>(blocks) / static_cast<double>(multiprocessors_);
  }

  const LayerView& layer_;
  std::int64_t multiprocessors_ = 0;
  std::uint32_t after_attention_ = 0, after_network_ = 0;
};

class TokenWeave final : public ExecutionPolicy {
 public:
  explicit TokenWeave(const Parameters& parameters)
      : threshold_(parameters.integer("threshold")), faithful_(parameters.flag("faithful")) {
    for (const Table& table : kTables)
      if (parameters.choice("table") == table.name) table_ = &table;
  }

  [[nodiscard]] std::string refusal(const InstanceSplit& split) const override {
    if (split.attention_devices > 0) return "attention runs on devices of its own";
    return split.tensor_parallel > 1 ? "" : "one GPU has nothing to reduce";
  }

  [[nodiscard]] LayerPlan plan(const LayerView& layer) const override {
    const Weaver weaver(layer);
    if (layer.tokens() < threshold_) return fused_or_plain(layer, weaver);
    if (faithful_) return released(layer, weaver);
    const LayerPlan found = search(layer, weaver);
    const LayerPlan whole = fused_or_plain(layer, weaver);
    return total(layer, found) < total(layer, whole) ? found : whole;
  }

 private:
  [[nodiscard]] static double total(const LayerView& layer, const LayerPlan& plan) {
    return time_plan(layer, plan, "tokenweave").of(layer.layers());
  }

  [[nodiscard]] LayerPlan fused_or_plain(const LayerView& layer, const Weaver& weaver) const {
    LayerPlan fused = weaver.fused_only();
    const double alone = sequential_seconds(layer) * static_cast<double>(layer.layers());
    if (faithful_ || total(layer, fused) <= alone) return fused;
    return sequential_plan(layer);
  }

  [[nodiscard]] LayerPlan released(const LayerView& layer, const Weaver& weaver) const {
    std::size_t key = 0;
    for (std::size_t i = 1; i < kLengths.size(); ++i)
      if (std::abs(kLengths[i] - layer.tokens()) < std::abs(kLengths[key] - layer.tokens()))
        key = i;
    const Setting& setting = table_->by_length[key];
    const std::int64_t first = first_part(layer.tokens(), setting.offset);
    return first == 0 ? weaver.fused_only() : weaver.woven(first, setting);
  }

  [[nodiscard]] static LayerPlan search(const LayerView& layer, const Weaver& weaver) {
    std::int64_t fewest = -1;
    for (const std::int64_t offset : kOffsets) {
      const std::int64_t first = first_part(layer.tokens(), offset);
      if (first == 0) continue;
      const std::int64_t added = weaver.added_waves(first);
      if (fewest < 0 || added < fewest) fewest = added;
    }
    LayerPlan best = weaver.fused_only();
    double least = period_of(layer, best);
    const auto try_one = [&](std::int64_t first, const Setting& setting) {
      LayerPlan plan = weaver.woven(first, setting);
      const double period = period_of(layer, plan);
      if (period >= least) return false;
      least = period;
      best = std::move(plan);
      return true;
    };
    for (const std::int64_t offset : kOffsets) {
      const std::int64_t first = first_part(layer.tokens(), offset);
      if (first == 0 || weaver.added_waves(first) > fewest) continue;
      // Phases of attention and of the network have blocks of their own: one after the other.
      std::int64_t attention = kBlocks[1];
      for (const std::int64_t blocks : kBlocks)
        if (try_one(first, {blocks, kBlocks[1], offset})) attention = blocks;
      for (const std::int64_t blocks : kBlocks) try_one(first, {attention, blocks, offset});
    }
    return best;
  }

  std::int64_t threshold_;
  bool faithful_;
  const Table* table_ = kTables.data();
};

const RegisterExecutionPolicy kRegistered{
    "tokenweave",
    "TokenWeave: two parts of a batch, one computes while a fused kernel reduces and norms the "
    "other",
    kParameters, [](const Parameters& p) { return std::make_unique<TokenWeave>(p); }};

}  // namespace
}  // namespace headroom
