// NanoFlow: layers in nano-batches, so that products, attention over cached keys and collectives of
// different parts of a batch run at once on shares of each GPU.
//
// Zhu et al., "NanoFlow: Towards Optimal Large Language Model Serving Throughput", OSDI 2025 (arXiv
// 2408.12757). The layer is cut into two nano-batches, each of whose QKV projections and decode
// attention may be cut again; kernels of decode attention and of collectives hold a share R of the
// GPU and run at P(R) of their speed, products run on what is left at each moment. Cut, pieces,
// order and shares are searched for each batch: from two starts, one choice after the other, until
// none helps. The paper finds the same unknowns with a MILP over a profile, in minutes.
//
// Default: the plan found, or no overlap where that is faster. "faithful": the published pipeline
// for 70B models on eight GPUs (nano-batches of 768 and 1,280 of 2,048 tokens, attention in four;
// shares 0.4 and 0.2), whatever it gains.
// Not here: who is in the batch (dense_batch.cpp). The collectives that the paper's search may move
// (all-gather before the output projection for all-reduce after it) stay all-reduces; both send the
// same bytes.
#include <algorithm>
#include <array>

#include "sim/execution_policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"overlap",
     ParameterSpec::Kind::choice,
     0,
     0,
     "full",
     {"full", "none"},
     "none: nano-batches one after the other, the paper's ablation"},
    {"offload",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "new keys and values are copied to the host right after they are made"},
    {"search",
     ParameterSpec::Kind::choice,
     0,
     0,
     "descent",
     {"descent", "exhaustive"},
     "exhaustive: every plan with one share for attention and one for collectives (2,016)"},
    {"faithful",
     ParameterSpec::Kind::flag,
     0,
     0,
     "false",
     {},
     "the published pipeline instead of a search, also where it loses"},
};

/// Performance at a share of the GPU, linear between the points.
struct Curve {
  struct Point {
    double share, speed;
  };
  std::array<Point, 7> points;
  [[nodiscard]] double at(double share) const {
    for (std::size_t i = 1; i < points.size(); ++i) {
      const Point& low = points[i - 1];
      const Point& high = points[i];
      if (share <= high.share)
        return low.speed +
               (high.speed - low.speed) * (share - low.share) / (high.share - low.share);
    }
    return 1;
  }
};

// The paper's table 3 (measured on A100), with R defined by what a kernel takes from products that
// run beside it: P(R) = R for products. It prints R = 0, 0.1, 0.2, 0.8, 0.9 and 1, its text about
// 0.8 at R = 0.4 for decode attention.
constexpr Curve kAttention{
    {{{0, 0}, {0.1, 0.2}, {0.2, 0.3}, {0.4, 0.8}, {0.8, 0.85}, {0.9, 0.95}, {1, 1}}}};
constexpr Curve kNetwork{
    {{{0, 0}, {0.1, 0.3}, {0.2, 0.5}, {0.5, 0.7}, {0.8, 0.9}, {0.9, 1}, {1, 1}}}};

// Tokens of a batch are cut at multiples of this, the paper's step of profiled batches.
constexpr std::int64_t kStep = 128;
// Batches below are not worth two nano-batches of one step each.
constexpr std::int64_t kLeastTokens = 2 * kStep;
// Batches above run in order: nobody forms such dense ones.
constexpr std::int64_t kMostTokens = 1 << 14;

/// Where the search may go.
constexpr std::array<std::int64_t, 6> kFirst{0, 2, 3, 4, 5, 6};  ///< eighths of the batch; 0: whole
constexpr std::array<std::int64_t, 3> kPieces{1, 2, 4};          ///< of a nano-batch's attention
constexpr std::array<double, 7> kAttentionShares{0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1};
constexpr std::array<double, 8> kNetworkShares{0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9, 1};
/// Products of both nano-batches: as published, all output projections before the feed-forward
/// networks; nano-batch by nano-batch.
enum class Order : std::uint8_t { published, in_turn };
constexpr std::size_t kOrders = 2;

/// One point of the search: an index into each list. Each collective and each nano-batch's
/// attention has a share of its own.
struct Choice {
  std::size_t first = 2, pieces = 1, order = 0;
  std::array<std::size_t, 2> attention{2, 2};      ///< by nano-batch
  std::array<std::size_t, 4> network{2, 2, 2, 2};  ///< by nano-batch, then place in the layer

  static constexpr std::size_t kDimensions = 9;
  [[nodiscard]] std::size_t& at(std::size_t dimension) {
    if (dimension < 4) return network[dimension];
    if (dimension < 6) return attention[dimension - 4];
    if (dimension == 6) return first;
    return dimension == 7 ? pieces : order;
  }
  [[nodiscard]] static std::size_t values(std::size_t dimension) {
    if (dimension < 4) return kNetworkShares.size();
    if (dimension < 6) return kAttentionShares.size();
    if (dimension == 6) return kFirst.size();
    return dimension == 7 ? kPieces.size() : kOrders;
  }
};

constexpr Choice kPublished{};
constexpr Choice kWhole{0, 1, 0, {2, 2}, {2, 2, 2, 2}};

enum class Overlap : std::uint8_t { full, none };
enum class Offload : std::uint8_t { no, yes };

/// Builds the plan of a choice.
class Planner {
 public:
  Planner(const LayerView& layer, Overlap overlap, Offload offload)
      : layer_(layer), overlap_(overlap), offload_(offload) {
    const auto operators = layer.operators();
    for (std::size_t op = 0; op < operators.size(); ++op) {
      const auto role = static_cast<std::size_t>(operators[op].role);
      bits_[role] |= std::uint32_t{1} << op;
    }
  }

  [[nodiscard]] LayerPlan plan(const Choice& choice) {
    choice_ = choice;
    plan_ = {};
    const std::int64_t tokens = layer_.tokens();
    const std::int64_t cut = kFirst[choice.first] * tokens / 8 / kStep * kStep;
    if (cut <= 0 || cut >= tokens) {
      const Part whole{0, tokens, 0};
      attention(whole);
      output(whole);
      feed_forward(whole);
    } else {
      two_parts({0, cut, 0}, {cut, tokens, 1}, static_cast<Order>(choice.order));
    }
    return std::move(plan_);
  }

 private:
  struct Part {
    std::int64_t first, past;
    std::size_t number;
  };

  void two_parts(const Part& a, const Part& b, Order order) {
    attention(a);
    attention(b);
    output(a);
    if (order == Order::in_turn) feed_forward(a);
    output(b);
    if (order == Order::published) feed_forward(a);
    feed_forward(b);
  }

  void attention(const Part& part) {
    const std::int64_t size = part.past - part.first;
    const std::int64_t pieces = std::clamp<std::int64_t>(kPieces[choice_.pieces], 1,
                                                         std::max<std::int64_t>(size / kStep, 1));
    for (std::int64_t i = 0; i < pieces; ++i) {
      Part piece = part;
      piece.first = part.first + size * i / pieces;
      piece.past = part.first + size * (i + 1) / pieces;
      add(OperatorRole::qkv, piece);
      if (offload_ == Offload::yes) add_copy(piece);
      add(OperatorRole::decode_attention, piece);
    }
    add(OperatorRole::prefill_attention, part);
  }

  void output(const Part& part) {
    add(OperatorRole::out, part);
    add(OperatorRole::attention_reduce, part);
    // Listed here: norms run in the order listed, and the other part's must not wait for this
    // part's network.
    add(OperatorRole::ffn_norm, part);
  }

  void feed_forward(const Part& part) {
    add(OperatorRole::gate_up, part);
    add(OperatorRole::experts, part);
    add(OperatorRole::down, part);
    add(OperatorRole::ffn_reduce, part);
    add(OperatorRole::input_norm, part);
  }

  void add(OperatorRole role, const Part& part) {
    const std::uint32_t bits = bits_[static_cast<std::size_t>(role)];
    if (bits == 0) return;
    NanoOperator one;
    one.operators = bits;
    one.first = part.first;
    one.past = part.past;
    if (overlap_ == Overlap::full) give_share(role, part.number, one);
    plan_.nano.push_back(one);
  }

  void give_share(OperatorRole role, std::size_t part, NanoOperator& one) const {
    const bool network = role == OperatorRole::attention_reduce || role == OperatorRole::ffn_reduce;
    const bool memory = role == OperatorRole::decode_attention ||
                        role == OperatorRole::input_norm || role == OperatorRole::ffn_norm;
    one.elastic = !network && !memory;
    if (one.elastic) return;
    const std::size_t place = 2 * part + (role == OperatorRole::ffn_reduce ? 1 : 0);
    one.share = network ? kNetworkShares[choice_.network[place]]
                        : kAttentionShares[choice_.attention[part]];
    one.slow_down = 1 / (network ? kNetwork : kAttention).at(one.share);
  }

  /// A kernel gathers new keys and values and writes them to the host: a tenth of the GPU keeps a
  /// PCIe link busy, which is some twentieth of what collectives move at that share.
  void add_copy(const Part& range) {
    const double bytes =
        layer_.kv_bytes_per_token() * static_cast<double>(range.past - range.first);
    if (layer_.host_bytes_per_second() <= 0) return;
    NanoOperator copy;
    copy.first = range.first;
    copy.past = range.past;
    copy.added = bytes / layer_.host_bytes_per_second();
    copy.after = bits_[static_cast<std::size_t>(OperatorRole::qkv)];
    copy.share = overlap_ == Overlap::full ? kCopyShare : 1;
    plan_.nano.push_back(copy);
  }

  static constexpr double kCopyShare = 0.1;
  const LayerView& layer_;
  Overlap overlap_;
  Offload offload_;
  std::array<std::uint32_t, kOperatorRoles> bits_{};
  Choice choice_{};
  LayerPlan plan_;
};

class NanoFlow final : public ExecutionPolicy {
 public:
  explicit NanoFlow(const Parameters& parameters)
      : overlap_(parameters.choice("overlap") == "none" ? Overlap::none : Overlap::full),
        offload_(parameters.flag("offload") ? Offload::yes : Offload::no),
        exhaustive_(parameters.choice("search") == "exhaustive"),
        faithful_(parameters.flag("faithful")) {}

  [[nodiscard]] std::string refusal(const InstanceSplit& split) const override {
    return split.attention_devices > 0 ? "attention runs on devices of its own" : "";
  }

  [[nodiscard]] LayerPlan plan(const LayerView& layer) const override {
    Planner planner(layer, overlap_, offload_);
    if (layer.tokens() < kLeastTokens || layer.tokens() > kMostTokens)
      return fallback(layer, planner);
    if (faithful_ || overlap_ == Overlap::none) return planner.plan(kPublished);
    const LayerPlan found =
        planner.plan(exhaustive_ ? search_all(layer, planner) : search(layer, planner));
    // With the first layer's way in, a short stack may be faster without.
    const double gained = time_plan(layer, found, "nanoflow").of(layer.layers());
    const LayerPlan plain = fallback(layer, planner);
    return gained < time_plan(layer, plain, "nanoflow").of(layer.layers()) ? found : plain;
  }

 private:
  /// One operator after the other; with offload, beside the copies.
  [[nodiscard]] LayerPlan fallback(const LayerView& layer, Planner& planner) const {
    if (offload_ == Offload::no) return sequential_plan(layer);
    return planner.plan(kWhole);
  }

  [[nodiscard]] static Choice search(const LayerView& layer, Planner& planner) {
    Choice best = kPublished;
    double least = period_of(layer, planner.plan(best));
    for (const Choice& start : {kPublished, kWhole}) {
      Choice at = start;
      const double found = descend(layer, planner, at);
      if (found < least) {
        least = found;
        best = at;
      }
    }
    return best;
  }

  [[nodiscard]] static Choice search_all(const LayerView& layer, Planner& planner) {
    Choice at, best;
    double least = period_of(layer, planner.plan(best));
    for (at.first = 0; at.first < kFirst.size(); ++at.first)
      for (at.pieces = 0; at.pieces < kPieces.size(); ++at.pieces)
        for (at.order = 0; at.order < kOrders; ++at.order)
          for (std::size_t shares = 0; shares < kAttentionShares.size() * kNetworkShares.size();
               ++shares) {
            at.attention.fill(shares / kNetworkShares.size());
            at.network.fill(shares % kNetworkShares.size());
            const double period = period_of(layer, planner.plan(at));
            if (period >= least) continue;
            least = period;
            best = at;
          }
    return best;
  }

  /// Changes one choice at a time for the best of its values, until nothing helps.
  static double descend(const LayerView& layer, Planner& planner, Choice& at) {
    double least = period_of(layer, planner.plan(at));
    for (bool helped = true; helped;) {
      helped = false;
      for (std::size_t i = 0; i < Choice::kDimensions; ++i) {
        const std::size_t before = at.at(i);
        std::size_t best = before;
        for (std::size_t value = 0; value < Choice::values(i); ++value) {
          if (value == before) continue;
          at.at(i) = value;
          const double period = period_of(layer, planner.plan(at));
          if (period >= least * (1 - kWorthwhile)) continue;
          least = period;
          best = value;
        }
        at.at(i) = best;
        helped = helped || best != before;
      }
    }
    return least;
  }

  // Steps below are rounding.
  static constexpr double kWorthwhile = 1e-6;
  Overlap overlap_;
  Offload offload_;
  bool exhaustive_;
  bool faithful_;
};

const RegisterExecutionPolicy kRegistered{
    "nanoflow",
    "NanoFlow: nano-batches whose products, attention and collectives overlap on shares of a GPU",
    kParameters, [](const Parameters& p) { return std::make_unique<NanoFlow>(p); }};

}  // namespace
}  // namespace headroom
