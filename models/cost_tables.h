// The flat tables a compiled cost consists of: integer fixed point, read in O(1).
//
// Law: a table's value never falls with growing count, context, chunk or cached prefix; amounts
// booked to a ledger sum to the value.
// Cost: one or two cache lines a look-up, no division, no allocation.
// Not here: what the tables hold (models/compiled_cost.cpp).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "models/operator_cost.h"
#include "sim/cost_model.h"

namespace headroom {

/// Non-negative integers in cells: exact below 2^(bits+1), then 2^bits equal cells an octave.
class OctaveGrid {
 public:
  explicit constexpr OctaveGrid(int bits) : bits_(bits) {}
  [[nodiscard]] std::int64_t index(std::int64_t x) const {
    return (shift(x) << bits_) + (x >> shift(x));
  }
  /// Binary logarithm of the width of the cell that holds x.
  [[nodiscard]] std::int64_t shift(std::int64_t x) const;
  [[nodiscard]] std::int64_t start(std::int64_t index) const;

 private:
  int bits_;
};

/// Fixed-point time by kind of work over a count of tokens or rows.
class WorkTable {
 public:
  /// Time by kind, and how much of it rests on which evidence, at one count.
  struct Node {
    std::array<double, kOperatorClasses> seconds{};
    std::array<std::array<double, kEvidences>, kOperatorClasses> by_evidence{};
    void add(OperatorClass operator_class, const OperatorTime& time, double times);
  };

  /// Samples `node_at` on the grid up to `most`. A count above lies on the last cell's line.
  template <class NodeAt>
  WorkTable(std::int64_t most, const NodeAt& node_at) {
    const std::int64_t last = grid().index(most);
    std::vector<Node> nodes;
    for (std::int64_t i = 0; i <= last; ++i) nodes.push_back(node_at(grid().start(i)));
    pad(nodes);
    for (std::int64_t i = 0; i <= last; ++i)
      append(grid().start(i), nodes[static_cast<std::size_t>(i)]);
    finish();
  }

  [[nodiscard]] std::int64_t total(std::int64_t count) const;
  /// Books the same amount, `times` over.
  void charge(std::int64_t count, std::int64_t times, CostLedger& ledger) const;

 private:
  struct Cell {
    std::int64_t value = 0;
    std::int64_t slope = 0;
  };
  struct Split {
    std::array<Cell, kOperatorClasses> by_class{};
    /// Shares of 2^16 measured and interpolated; the rest is extrapolated.
    std::array<std::array<std::int32_t, 2>, kOperatorClasses> shares{};
  };
  static constexpr OctaveGrid grid() { return OctaveGrid(7); }
  /// No node takes longer than a larger one.
  static void pad(std::vector<Node>& nodes);
  void append(std::int64_t start, const Node& node);
  void finish();

  std::vector<Cell> cells_;
  std::vector<Split> splits_;
};

/// Lines of decode attention over total context, by number of decodes.
class DecodeAttentionTable {
 public:
  /// `time_at(decodes, context)` gives one iteration's attention. `bits`: cells an octave of
  /// context, as a power of 2.
  template <class TimeAt>
  DecodeAttentionTable(int bits, const TimeAt& time_at) : contexts_(bits) {
    segments_ = contexts_.index(kMostContext) + 1;
    const std::int64_t rows = batches().index(kMostDecodes) + 1;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t decodes = std::max<std::int64_t>(batches().start(row), 1);
      std::vector<OperatorTime> nodes;
      for (std::int64_t i = 0; i <= segments_; ++i)
        nodes.push_back(time_at(decodes, std::max(contexts_.start(i), decodes)));
      append_row(nodes);
    }
  }

  struct Line {
    DecodeLine line;
    Evidence evidence = Evidence::extrapolated;
  };
  /// Requires decodes >= 1 and context >= 0.
  [[nodiscard]] Line at(std::int64_t decodes, std::int64_t context) const;
  /// First context of the line that holds at `context`.
  [[nodiscard]] std::int64_t start(std::int64_t context) const {
    return contexts_.start(std::min(contexts_.index(context), segments_ - 1));
  }

 private:
  static constexpr std::int64_t kMostDecodes = std::int64_t{1} << 16;
  static constexpr std::int64_t kMostContext = (std::int64_t{1} << 31) - 1;
  static constexpr OctaveGrid batches() { return OctaveGrid(6); }
  void append_row(const std::vector<OperatorTime>& nodes);
  [[nodiscard]] std::int64_t row_of(std::int64_t decodes) const;

  OctaveGrid contexts_;
  std::int64_t segments_ = 0;
  struct Segment {
    std::int64_t base = 0;
    std::int64_t slope = 0;
  };
  std::vector<Segment> lines_;
  std::vector<Evidence> evidence_;
};

/// Prefill attention of one chunk over (tokens, cached), launch left out.
class PrefillAttentionTable {
 public:
  template <class TimeAt>
  explicit PrefillAttentionTable(const TimeAt& time_at) {
    const std::int64_t rows = tokens_grid().index(kMostTokens) + 2;
    columns_ = cached_grid().index(kMostTokens) + 2;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns_; ++column) {
        const OperatorTime time = time_at(std::max<std::int64_t>(tokens_grid().start(row), 1),
                                          cached_grid().start(column));
        append(row, column, time);
      }
    }
  }

  /// Fixed-point nanoseconds. Beyond 2^20 tokens or cached tokens: the edge of the table.
  [[nodiscard]] std::int64_t at(const PrefillChunk& chunk) const;
  [[nodiscard]] Evidence evidence(const PrefillChunk& chunk) const;

 private:
  static constexpr std::int64_t kMostTokens = (std::int64_t{1} << 20) - 1;
  static constexpr OctaveGrid tokens_grid() { return OctaveGrid(3); }
  static constexpr OctaveGrid cached_grid() { return OctaveGrid(2); }
  void append(std::int64_t row, std::int64_t column, const OperatorTime& time);

  std::int64_t columns_ = 0;
  std::vector<std::int64_t> nodes_;
  std::vector<Evidence> evidence_;
};

}  // namespace headroom
