#include "models/step_cost.h"

#include <algorithm>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

/// Decode batches are tabulated up to so many times the largest measured; larger ones are taken as
/// pieces of that size.
constexpr std::int64_t kMostOverMeasured = 4;
constexpr std::int64_t kLargestTile = 1 << 16;
constexpr std::int64_t kNoEnd = std::int64_t{1} << 40;

/// Times over one axis, sorted; between knots on a line, beyond the last on the last line.
struct Curve {
  std::vector<std::int64_t> at{};
  std::vector<double> ns{};

  void add(std::int64_t x, double value) {
    at.push_back(x);
    ns.push_back(value);
  }
  /// First knot of the line that holds at x.
  [[nodiscard]] std::size_t segment(double x) const {
    std::size_t i = 0;
    while (i + 2 < at.size() && x >= static_cast<double>(at[i + 1])) ++i;
    return i;
  }
  [[nodiscard]] double slope(std::size_t i) const {
    if (at.size() < 2) return 0;
    return (ns[i + 1] - ns[i]) / static_cast<double>(at[i + 1] - at[i]);
  }
  /// Held below the first knot.
  [[nodiscard]] double value(double x) const {
    const std::size_t i = segment(x);
    const double from = static_cast<double>(at[i]);
    return ns[i] + slope(i) * (std::max(x, static_cast<double>(at.front())) - from);
  }
  /// Held beyond the last knot too.
  [[nodiscard]] double held(double x) const {
    return value(std::min(x, static_cast<double>(at.back())));
  }
};

/// Makes times rise along the axis: neighbours that fall are replaced by their mean, again and
/// again.
void make_rising(std::vector<double>& ns) {
  std::vector<std::pair<double, std::size_t>> blocks;  // mean, how many
  for (const double value : ns) {
    blocks.emplace_back(value, 1);
    while (blocks.size() > 1 && blocks[blocks.size() - 2].first > blocks.back().first) {
      const auto [mean, count] = blocks.back();
      blocks.pop_back();
      auto& [before, more] = blocks.back();
      before = (before * static_cast<double>(more) + mean * static_cast<double>(count)) /
               static_cast<double>(more + count);
      more += count;
    }
  }
  std::size_t i = 0;
  for (const auto& [mean, count] : blocks) {
    std::fill_n(ns.begin() + static_cast<std::ptrdiff_t>(i), count, mean);
    i += count;
  }
}

/// Curves over the second axis, one for each measured place on the first.
using Curves = std::map<std::int64_t, Curve>;

struct Steps {
  Curves decode{};                  ///< batch -> context
  Curves prefill{};                 ///< chunk -> cached
  std::vector<double> remainder{};  ///< ns a token, by tokens beyond whole tiles; a tile's many
  Curve switches{};                 ///< prompt tokens before -> ns
  Curve side{};                     ///< tokens of each chunk -> ns saved
  Curve outputs{};                  ///< cached tokens -> ns
};

bool same_model(const KernelShape& a, const KernelShape& b) {
  return std::tie(a.m, a.n, a.k, a.heads, a.kv_heads, a.head_dim) ==
         std::tie(b.m, b.n, b.k, b.heads, b.kv_heads, b.head_dim);
}

void add_remainder(std::vector<double>& remainder, std::int64_t tile, std::int64_t rest, double ns,
                   const std::string& where) {
  if (rest < 1 || rest >= tile || tile > kLargestTile ||
      (!remainder.empty() && std::ssize(remainder) != tile))
    throw InputError(where, "expected remainder steps of one tile of at most " +
                                std::to_string(kLargestTile) + " rows, got " +
                                std::to_string(rest) + " rows beyond tiles of " +
                                std::to_string(tile) + "; measure them again");
  remainder.resize(static_cast<std::size_t>(tile));
  remainder[static_cast<std::size_t>(rest)] = ns;
}

Steps read_steps(const ProfileStore& store, const Architecture& model, const std::string& device,
                 const std::string& where) {
  const KernelShape wanted = decode_step_shape(model, 1, 1);
  Steps steps;
  for (const KernelRow& row : store.kernels(device, "layer")) {
    const KernelShape& shape = row.shape;
    if (!same_model(shape, wanted)) continue;
    if (shape.variant == kDecodeStep)
      steps.decode[shape.batch].add(shape.context, row.times.median_ns);
    if (shape.variant == kPrefillStep)
      steps.prefill[shape.chunk].add(shape.cached, row.times.median_ns);
    if (shape.variant == kRemainderStep)
      add_remainder(steps.remainder, shape.batch, shape.chunk, row.times.median_ns, where);
    if (shape.variant == kSwitchStep) steps.switches.add(shape.chunk, row.times.median_ns);
    if (shape.variant == kOutputStep) steps.outputs.add(shape.cached, row.times.median_ns);
    if (shape.variant == kSideStep) steps.side.add(shape.chunk, row.times.median_ns);
  }
  return steps;
}

std::int64_t fixed(double ns) { return fixed_from_seconds(std::max(ns, 0.0) * 1e-9); }

class StepCost final : public CostModel {
 public:
  StepCost(Steps steps, double decode_scale, double prefill_scale, BytesPerSecond host_link)
      : switches_(std::move(steps.switches)),
        side_(std::move(steps.side)),
        outputs_(std::move(steps.outputs)),
        prefill_(std::move(steps.prefill)),
        remainder_(std::move(steps.remainder)),
        host_bytes_per_second_(host_link.value()) {
    for (double& ns : switches_.ns) ns *= decode_scale;
    make_rising(switches_.ns);
    for (double& ns : remainder_) ns *= prefill_scale;
    for (double& ns : side_.ns) ns *= prefill_scale;
    for (double& ns : outputs_.ns) ns *= prefill_scale;
    make_decode(std::move(steps.decode), decode_scale);
    make_prefill(prefill_scale);
  }

  [[nodiscard]] IterationPrice price(const BatchShape& shape) const override {
    Int128 total = transfer(shape) + switch_time(shape);
    if (const Rows rows = generating(shape); rows.decodes > 0)
      total += along(decode_line(rows.decodes, shape.padded_decodes, rows.context), rows.context);
    for (const PrefillChunk& chunk : shape.prefills) total += chunk_time(chunk, shape).first;
    return {Duration(static_cast<std::int64_t>(total >> kFixedBits)), Duration(0)};
  }

  [[nodiscard]] bool has_memory() const override { return !switches_.at.empty(); }

  [[nodiscard]] DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                                       std::int64_t context) const override {
    const std::int64_t largest = std::ssize(lines_);
    const std::int64_t pieces = std::clamp(padded + 1, (decodes + largest - 1) / largest, decodes);
    const std::size_t knot = knot_of(context, decodes);
    const Cell whole = pieces == 1 ? cell(decodes, knot) : in_pieces(decodes, pieces, knot);
    const std::int64_t value = whole.value + kFixedOne / 2;
    const std::int64_t start = contexts_[knot] * decodes;
    if (context < start) return {value, 0, start - 1};  // held below the first context
    DecodeLine line;
    // Slopes are rounded down, so a line ends no higher than the next begins.
    line.slope = whole.slope / decodes;
    line.base = value - line.slope * start;
    const std::int64_t room = line.slope > 0 ? (std::int64_t{1} << 61) / line.slope : kNoEnd;
    line.last_context = knot + 1 < contexts_.size() ? contexts_[knot + 1] * decodes - 1
                                                    : std::max(std::min(room, kNoEnd), context);
    return line;
  }

  void charge(const BatchShape& shape, CostLedger& ledger) const override {
    ledger.add(OperatorClass::host, Evidence::extrapolated, transfer(shape));
    if (const Rows rows = generating(shape); rows.decodes > 0)
      charge_decodes(rows.decodes, shape.padded_decodes, rows.context, 1, rows.context, ledger);
    if (const std::int64_t time = switch_time(shape); time > 0) {
      const bool inside = shape.prefill_tokens_before <= switches_.at.back();
      ledger.add(OperatorClass::host, inside ? Evidence::interpolated : Evidence::extrapolated,
                 time);
    }
    for (const PrefillChunk& chunk : shape.prefills) {
      const auto [time, evidence] = chunk_time(chunk, shape);
      ledger.add(OperatorClass::prefill_attention, evidence, time);
    }
  }

  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override {
    const DecodeLine line = decode_line(decodes, padded, context);
    const bool inside = decodes <= largest_measured_ && context <= contexts_.back() * decodes;
    ledger.add(OperatorClass::decode_attention,
               inside ? Evidence::interpolated : Evidence::extrapolated,
               Int128(line.base) * iterations + Int128(line.slope) * context_sum);
  }

 private:
  /// A batch size between two contexts: time at the first, rise a token of each row's context.
  struct Cell {
    std::int64_t value = 0, slope = 0;
  };

  /// Rows that generate, and the sum of their contexts.
  struct Rows {
    std::int64_t decodes = 0, context = 0;
  };
  /// With the first token of each prompt beside them, at their mean context.
  static Rows generating(const BatchShape& shape) {
    if (shape.decodes == 0) return {};
    const std::int64_t rows = shape.decodes + std::ssize(shape.prefills);
    return {rows, shape.decode_context * rows / shape.decodes};
  }

  [[nodiscard]] std::int64_t switch_time(const BatchShape& shape) const {
    if (shape.decodes == 0 || shape.prefill_tokens_before == 0 || switches_.at.empty()) return 0;
    return fixed(switches_.held(static_cast<double>(shape.prefill_tokens_before)));
  }

  static Int128 along(const DecodeLine& line, std::int64_t context) {
    return Int128(line.base) + Int128(line.slope) * context;
  }
  [[nodiscard]] Int128 transfer(const BatchShape& shape) const {
    if (shape.host_transfer == Bytes(0)) return 0;
    return fixed_from_seconds(shape.host_transfer.as_double() / host_bytes_per_second_);
  }

  /// All batch sizes on the contexts of any, every one rising with context.
  void make_decode(Curves measured, double scale) {
    for (auto& [batch, curve] : measured) {
      for (double& ns : curve.ns) ns *= scale;
      make_rising(curve.ns);
      contexts_.insert(contexts_.end(), curve.at.begin(), curve.at.end());
    }
    std::sort(contexts_.begin(), contexts_.end());
    contexts_.erase(std::unique(contexts_.begin(), contexts_.end()), contexts_.end());
    largest_measured_ = measured.rbegin()->first;
    for (std::int64_t rows = 1; rows <= largest_measured_ * kMostOverMeasured; ++rows)
      lines_.push_back(cells_of(measured, rows));
  }

  [[nodiscard]] std::vector<Cell> cells_of(const Curves& measured, std::int64_t rows) const {
    std::vector<double> ns;
    for (const std::int64_t context : contexts_) ns.push_back(across(measured, rows, context));
    make_rising(ns);
    std::vector<Cell> cells;
    for (const double value : ns) cells.push_back({fixed(value), 0});
    for (std::size_t i = 0; i + 1 < cells.size(); ++i)
      cells[i].slope = (cells[i + 1].value - cells[i].value) / (contexts_[i + 1] - contexts_[i]);
    if (cells.size() > 1) cells.back().slope = cells[cells.size() - 2].slope;
    return cells;
  }

  /// Time at a place between or beyond the measured ones of the first axis.
  static double across(const Curves& curves, std::int64_t first, std::int64_t second) {
    Curve curve;
    for (const auto& [at, along_second] : curves)
      curve.add(at, along_second.value(static_cast<double>(second)));
    const double value = curve.value(static_cast<double>(first));
    // Beyond the grid a falling pair of neighbours must not carry a line below what was measured.
    return first > curve.at.back() ? std::max(value, curve.ns.back()) : value;
  }

  /// Last knot at or below the mean context; 0 below the first.
  [[nodiscard]] std::size_t knot_of(std::int64_t context, std::int64_t decodes) const {
    const auto above =
        std::partition_point(contexts_.begin(), contexts_.end(),
                             [&](std::int64_t knot) { return knot * decodes <= context; });
    return above == contexts_.begin() ? 0 : static_cast<std::size_t>(above - contexts_.begin()) - 1;
  }
  [[nodiscard]] Cell cell(std::int64_t rows, std::size_t knot) const {
    return lines_[static_cast<std::size_t>(rows - 1)][knot];
  }

  /// A batch in more than one piece: the mean over its compositions where single pieces may have
  /// any length, else even pieces. A composition of n rows into k pieces has a piece of m rows k
  /// C(n - m - 1, k - 2) / C(n - 1, k - 1) times on average.
  [[nodiscard]] Cell in_pieces(std::int64_t rows, std::int64_t pieces, std::size_t knot) const {
    Int128 value = 0, slope = 0;
    const auto add = [&](std::int64_t piece, std::int64_t times) {
      value += Int128(cell(piece, knot).value) * times;
      slope += Int128(cell(piece, knot).slope) * times;
    };
    constexpr std::int64_t kOne = 1 << 20;
    if (rows > std::ssize(lines_)) {
      const std::int64_t each = rows / pieces, longer = rows % pieces;
      add(each, (pieces - longer) * kOne);
      if (longer > 0) add(each + 1, longer * kOne);
    } else {
      const std::int64_t longest = rows - pieces + 1;
      std::int64_t left = pieces * kOne;
      double share = static_cast<double>(pieces - 1) / static_cast<double>(rows - 1);
      for (std::int64_t m = 1; m < longest; ++m) {
        const auto rounded = static_cast<std::int64_t>(share * static_cast<double>(pieces * kOne));
        const std::int64_t times = std::min(rounded, left);
        add(m, times);
        left -= times;
        share *= static_cast<double>(longest - m) / static_cast<double>(rows - m - 1);
      }
      add(longest, left);
    }
    return {static_cast<std::int64_t>(value / kOne), static_cast<std::int64_t>(slope / kOne)};
  }

  /// All chunk lengths on the cached lengths of any.
  void make_prefill(double scale) {
    for (auto& [chunk, curve] : prefill_) {
      for (double& ns : curve.ns) ns *= scale;
      make_rising(curve.ns);
      cached_.insert(cached_.end(), curve.at.begin(), curve.at.end());
    }
    std::sort(cached_.begin(), cached_.end());
    cached_.erase(std::unique(cached_.begin(), cached_.end()), cached_.end());
    for (const auto& [chunk, curve] : prefill_) {
      chunks_.push_back(chunk);
      Curve all{cached_, {}};
      for (const std::int64_t cached : cached_)
        all.ns.push_back(curve.value(static_cast<double>(cached)));
      chunk_curves_.push_back(std::move(all));
    }
  }

  /// Requires 1 <= tokens <= the longest measured chunk.
  [[nodiscard]] double piece_time(std::int64_t tokens, std::int64_t cached) const {
    const auto place = std::lower_bound(chunks_.begin(), chunks_.end(), tokens) - chunks_.begin();
    const auto above = static_cast<std::size_t>(place);
    const double high = chunk_curves_[above].value(static_cast<double>(cached));
    if (above == 0 || chunks_[above] == tokens) return high;
    const double low = chunk_curves_[above - 1].value(static_cast<double>(cached));
    const double share = static_cast<double>(tokens - chunks_[above - 1]) /
                         static_cast<double>(chunks_[above] - chunks_[above - 1]);
    return low + share * (high - low) + remainder(tokens);
  }
  [[nodiscard]] double remainder(std::int64_t tokens) const {
    const std::int64_t tile = std::ssize(remainder_);
    if (tile == 0 || tokens < tile) return 0;
    return remainder_[static_cast<std::size_t>(tokens % tile)] * static_cast<double>(tokens);
  }
  /// What is computed at once of a chunk and of others of its call.
  struct Piece {
    std::int64_t tokens = 0, cached = 0;  ///< of this chunk
    std::int64_t many = 0;                ///< chunks in it
    bool outputs = false;                 ///< of any of them
  };
  /// Behind `done` tokens of the chunk; it ends where any of the call's chunks does.
  [[nodiscard]] Piece next_piece(const PrefillChunk& chunk, const BatchShape& call,
                                 std::int64_t done) const {
    std::int64_t end = std::min<std::int64_t>(chunk.tokens, done + chunks_.back());
    Piece piece;
    for (const PrefillChunk& other : call.prefills) {
      if (other.tokens <= done) continue;
      end = std::min<std::int64_t>(end, other.tokens);
      ++piece.many;
    }
    for (const PrefillChunk& other : call.prefills)
      piece.outputs = piece.outputs || (other.tokens == end && other.samples > 0);
    piece.tokens = end - done;
    piece.cached = chunk.cached + done;
    return piece;
  }

  /// What a piece takes less than `alone`, its time by itself and with output: its part of what
  /// chunks side by side share, and of an output that none of them has.
  [[nodiscard]] double saved(const Piece& piece, double alone) const {
    const auto many = static_cast<double>(piece.many);
    double less = 0;
    if (piece.many > 1 && !side_.at.empty())
      less = std::min(side_.held(static_cast<double>(piece.tokens)), alone) * (many - 1) / many;
    if (!piece.outputs && !outputs_.at.empty())
      less += std::min(outputs_.held(static_cast<double>(piece.cached)) / many, (alone - less) / 2);
    return less;
  }

  /// Cut where shorter ones of its call end; beside generating rows without its first token.
  [[nodiscard]] std::pair<std::int64_t, Evidence> chunk_time(const PrefillChunk& chunk,
                                                             const BatchShape& call) const {
    double ns = 0;
    Evidence evidence = Evidence::measured;
    for (std::int64_t done = call.decodes > 0 ? 1 : 0; done < chunk.tokens;) {
      const Piece piece = next_piece(chunk, call, done);
      const double alone = piece_time(piece.tokens, piece.cached);
      const double less = saved(piece, alone);
      ns += alone - less;
      evidence = std::max(evidence, evidence_of(piece.tokens, piece.cached));
      if (less > 0) evidence = std::max(evidence, Evidence::interpolated);
      done += piece.tokens;
    }
    return {fixed(ns), evidence};
  }
  [[nodiscard]] Evidence evidence_of(std::int64_t tokens, std::int64_t cached) const {
    const auto above = prefill_.lower_bound(tokens);
    const Curve& curve = above->second;
    if (cached > curve.at.back()) return Evidence::extrapolated;
    const bool exact =
        above->first == tokens && std::binary_search(curve.at.begin(), curve.at.end(), cached);
    return exact ? Evidence::measured : Evidence::interpolated;
  }

  std::vector<std::int64_t> contexts_{};
  std::vector<std::vector<Cell>> lines_{};  ///< by rows - 1, then by context
  std::int64_t largest_measured_ = 0;
  Curve switches_, side_, outputs_;
  Curves prefill_;
  std::vector<double> remainder_;
  std::vector<std::int64_t> chunks_{}, cached_{};
  std::vector<Curve> chunk_curves_{};  ///< by chunk, over `cached_`
  double host_bytes_per_second_;
};

KernelShape step_shape(const Architecture& model, const char* variant, std::int64_t chunk = 0,
                       std::int64_t cached = 0) {
  KernelShape shape;
  shape.op = "layer";
  shape.m = model.layers;
  shape.n = model.hidden;
  shape.k = model.ffn_hidden;
  shape.heads = model.heads;
  shape.kv_heads = model.kv_heads;
  shape.head_dim = model.head_dim;
  shape.variant = variant;
  shape.chunk = chunk;
  shape.cached = cached;
  return shape;
}

}  // namespace

KernelShape decode_step_shape(const Architecture& model, std::int64_t batch, std::int64_t context) {
  KernelShape shape = step_shape(model, kDecodeStep);
  shape.batch = batch;
  shape.context = context;
  return shape;
}

KernelShape prefill_step_shape(const Architecture& model, std::int64_t chunk, std::int64_t cached) {
  return step_shape(model, kPrefillStep, chunk, cached);
}

KernelShape remainder_step_shape(const Architecture& model, std::int64_t tile, std::int64_t rest) {
  KernelShape shape = step_shape(model, kRemainderStep, rest);
  shape.batch = tile;
  return shape;
}

KernelShape switch_step_shape(const Architecture& model, std::int64_t chunk) {
  return step_shape(model, kSwitchStep, chunk);
}

KernelShape side_step_shape(const Architecture& model, std::int64_t chunk) {
  return step_shape(model, kSideStep, chunk);
}

KernelShape output_step_shape(const Architecture& model, std::int64_t cached) {
  return step_shape(model, kOutputStep, 0, cached);
}

std::unique_ptr<CostModel> make_step_cost(const ProfileStore& store, const Architecture& model,
                                          const Device& device, const EngineDescription& engine,
                                          const std::string& where) {
  Steps steps = read_steps(store, model, device.name, where);
  if (steps.decode.empty() || steps.prefill.empty()) {
    std::string devices;
    for (const std::string& name : store.devices()) devices += (devices.empty() ? "" : ", ") + name;
    throw InputError(where, "expected measured steps of " + model.name + " on " + device.name +
                                ", got none (the store has kernels of " +
                                (devices.empty() ? "no device" : devices) +
                                "); measure them, or choose the roofline cost model");
  }
  const auto scale = [&engine](OperatorClass of) {
    return engine.kernel_scale[static_cast<std::size_t>(of)];
  };
  return std::make_unique<StepCost>(std::move(steps), scale(OperatorClass::decode_attention),
                                    scale(OperatorClass::prefill_attention), device.pcie_bandwidth);
}

}  // namespace headroom
