#include "models/cost_tables.h"

#include <bit>

#include "sim/check.h"

namespace headroom {
namespace {

// A single table entry is capped at about an hour, far beyond any real iteration, so that
// fixed-point sums of several entries stay inside 64 bits: 1,800 s x 1e9 x 2^20 = 1.9e18.
constexpr double kMostSeconds = 1800;

std::int64_t fixed_time(double seconds) {
  SIM_CHECK(seconds >= 0, "an operator's time is not negative");
  return fixed_from_seconds(std::min(seconds, kMostSeconds));
}

std::size_t at_index(std::int64_t index) { return static_cast<std::size_t>(index); }

constexpr int kShareBits = 16;
constexpr std::size_t kMeasured = static_cast<std::size_t>(Evidence::measured);
constexpr std::size_t kInterpolated = static_cast<std::size_t>(Evidence::interpolated);

/// Value plus slope x offset that stays within 64 bits for every table value below the cap.
std::int64_t between(std::int64_t low, std::int64_t high, std::int64_t offset, std::int64_t shift) {
  return low + static_cast<std::int64_t>((Int128{high - low} * offset) >> shift);
}

}  // namespace

std::int64_t OctaveGrid::shift(std::int64_t x) const {
  const auto width = static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(x)));
  return width > bits_ + 1 ? width - bits_ - 1 : 0;
}

std::int64_t OctaveGrid::start(std::int64_t index) const {
  const std::int64_t octave = index >> bits_;
  if (octave < 2) return index;
  // A grid has fewer than 64 octaves.
  // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult)
  return (index - ((octave - 1) << bits_)) << (octave - 1);
}

void WorkTable::Node::add(OperatorClass operator_class, const OperatorTime& time, double times) {
  const auto c = static_cast<std::size_t>(operator_class);
  seconds[c] += time.seconds * times;
  by_evidence[c][static_cast<std::size_t>(time.evidence)] += time.seconds * times;
}

// Kernels of one row may take longer than those of eight (vLLM's fp8 GEMMs on B200: 20 us for 7);
// engines pad their batches, so that none takes longer than a larger one.
void WorkTable::pad(std::vector<Node>& nodes) {
  for (std::size_t i = nodes.size() - 1; i-- > 0;) {
    for (std::size_t c = 0; c < kOperatorClasses; ++c) {
      const double larger = nodes[i + 1].seconds[c];
      double& seconds = nodes[i].seconds[c];
      if (seconds <= larger) continue;
      for (double& part : nodes[i].by_evidence[c]) part *= larger / seconds;
      seconds = larger;
    }
  }
}

void WorkTable::append(std::int64_t start, const Node& node) {
  Split split;
  for (std::size_t c = 0; c < kOperatorClasses; ++c) {
    const std::int64_t before = splits_.empty() ? 0 : splits_.back().by_class[c].value;
    split.by_class[c].value = std::max(before, fixed_time(node.seconds[c]));
    if (node.seconds[c] <= 0) continue;
    const double one = static_cast<double>(1 << kShareBits) / node.seconds[c];
    split.shares[c][0] = static_cast<std::int32_t>(node.by_evidence[c][kMeasured] * one);
    split.shares[c][1] = static_cast<std::int32_t>(node.by_evidence[c][kInterpolated] * one);
    // Rounding must not book a fully interpolated node as partly extrapolated.
    if (node.by_evidence[c][2] <= 0) split.shares[c][1] = (1 << kShareBits) - split.shares[c][0];
  }
  if (!splits_.empty()) {
    const auto last = static_cast<std::int64_t>(splits_.size()) - 1;
    const std::int64_t width = start - grid().start(last);
    for (std::size_t c = 0; c < kOperatorClasses; ++c) {
      Cell& cell = splits_.back().by_class[c];
      cell.slope = (split.by_class[c].value - cell.value) / width;
    }
  }
  splits_.push_back(split);
}

void WorkTable::finish() {
  if (splits_.size() > 1) {  // the last cell goes on as the one before it
    for (std::size_t c = 0; c < kOperatorClasses; ++c)
      splits_.back().by_class[c].slope = splits_[splits_.size() - 2].by_class[c].slope;
  }
  cells_.reserve(splits_.size());
  for (const Split& split : splits_) {
    Cell sum;
    for (const Cell& cell : split.by_class) {
      sum.value += cell.value;
      sum.slope += cell.slope;
    }
    cells_.push_back(sum);
  }
}

std::int64_t WorkTable::total(std::int64_t count) const {
  const std::int64_t i =
      std::min(grid().index(count), static_cast<std::int64_t>(cells_.size()) - 1);
  const Cell& cell = cells_[at_index(i)];
  return cell.value + cell.slope * (count - grid().start(i));
}

void WorkTable::charge(std::int64_t count, std::int64_t times, CostLedger& ledger) const {
  const std::int64_t i =
      std::min(grid().index(count), static_cast<std::int64_t>(cells_.size()) - 1);
  const Split& split = splits_[at_index(i)];
  const std::int64_t offset = count - grid().start(i);
  for (std::size_t c = 0; c < kOperatorClasses; ++c) {
    const std::int64_t amount = split.by_class[c].value + split.by_class[c].slope * offset;
    if (amount == 0) continue;
    const auto share = [&](std::size_t evidence) {
      return static_cast<std::int64_t>((Int128{amount} * split.shares[c][evidence]) >> kShareBits);
    };
    const auto book = [&](Evidence evidence, std::int64_t part) {
      if (part != 0) ledger.add(static_cast<OperatorClass>(c), evidence, Int128{part} * times);
    };
    const bool none_extrapolated = split.shares[c][0] + split.shares[c][1] == 1 << kShareBits;
    // Between two nodes nothing is measured any more.
    const std::int64_t on_nodes = none_extrapolated && offset != 0 ? 0 : share(0);
    const std::int64_t measured = offset == 0 ? on_nodes : 0;
    const std::int64_t extrapolated = none_extrapolated ? 0 : amount - on_nodes - share(1);
    book(Evidence::measured, measured);
    book(Evidence::extrapolated, extrapolated);
    book(Evidence::interpolated, amount - measured - extrapolated);
  }
}

void DecodeAttentionTable::append_row(const std::vector<OperatorTime>& nodes) {
  std::vector<std::int64_t> values;
  for (const OperatorTime& node : nodes)
    values.push_back(std::max(values.empty() ? 0 : values.back(), fixed_time(node.seconds)));
  for (std::int64_t i = 0; i < segments_; ++i) {
    const std::int64_t start = contexts_.start(i);
    const std::int64_t rise = values[at_index(i) + 1] - values[at_index(i)];
    Segment segment;
    segment.slope = rise / (contexts_.start(i + 1) - start);
    segment.base = values[at_index(i)] - segment.slope * start;
    lines_.push_back(segment);
    evidence_.push_back(std::max(nodes[at_index(i)].evidence, nodes[at_index(i) + 1].evidence));
  }
}

std::int64_t DecodeAttentionTable::row_of(std::int64_t decodes) const {
  const std::int64_t shift = batches().shift(decodes);
  const std::int64_t nearest = decodes + ((std::int64_t{1} << shift) >> 1);
  return std::min(batches().index(nearest), batches().index(kMostDecodes));
}

DecodeAttentionTable::Line DecodeAttentionTable::at(std::int64_t decodes,
                                                    std::int64_t context) const {
  const std::int64_t i = std::min(contexts_.index(context), segments_ - 1);
  const std::size_t place = at_index(row_of(decodes) * segments_ + i);
  const Segment& segment = lines_[place];
  Line result;
  result.line.base = segment.base;
  result.line.slope = segment.slope;
  // The last segment goes on for ever; 8 x the table's edge keeps slope x context inside 64 bits.
  result.line.last_context =
      i + 1 < segments_ ? contexts_.start(i + 1) - 1 : std::int64_t{8} * kMostContext;
  result.evidence = evidence_[place];
  return result;
}

void PrefillAttentionTable::append(std::int64_t row, std::int64_t column,
                                   const OperatorTime& time) {
  std::int64_t value = fixed_time(std::max(time.seconds - time.launch, 0.0));
  if (column > 0) value = std::max(value, nodes_.back());
  if (row > 0) value = std::max(value, nodes_[at_index((row - 1) * columns_ + column)]);
  nodes_.push_back(value);
  evidence_.push_back(time.evidence);
}

std::int64_t PrefillAttentionTable::at(const PrefillChunk& chunk) const {
  const std::int64_t tokens = std::min<std::int64_t>(chunk.tokens, kMostTokens);
  const std::int64_t cached = std::min<std::int64_t>(chunk.cached, kMostTokens);
  const std::int64_t row = tokens_grid().index(tokens);
  const std::int64_t column = cached_grid().index(cached);
  const std::int64_t down = tokens_grid().shift(tokens);
  const std::int64_t right = cached_grid().shift(cached);
  const std::int64_t y = tokens - tokens_grid().start(row);
  const std::int64_t x = cached - cached_grid().start(column);
  const std::int64_t* upper = &nodes_[at_index(row * columns_ + column)];
  const std::int64_t* lower = upper + columns_;
  return between(between(upper[0], upper[1], x, right), between(lower[0], lower[1], x, right), y,
                 down);
}

Evidence PrefillAttentionTable::evidence(const PrefillChunk& chunk) const {
  const std::int64_t tokens = std::min<std::int64_t>(chunk.tokens, kMostTokens);
  const std::int64_t cached = std::min<std::int64_t>(chunk.cached, kMostTokens);
  const std::int64_t row = tokens_grid().index(tokens);
  const std::int64_t column = cached_grid().index(cached);
  const Evidence corner = evidence_[at_index(row * columns_ + column)];
  const bool on_node = tokens == tokens_grid().start(row) && cached == cached_grid().start(column);
  return on_node ? corner : std::max(corner, Evidence::interpolated);
}

}  // namespace headroom
